#include "tests/support/mortal_node.hpp"

#include "tests/bench/http_client.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace troupe::tests {
namespace json = boost::json;
using bench::fetch;

namespace {

/// Parent and name of a process, from /proc/PID/stat; 0 when it is gone.
std::pair<pid_t, std::string> parent_of(const std::filesystem::path& proc) {
  std::ifstream file{proc / "stat"};
  std::string line;
  std::getline(file, line);
  auto open = line.find('(');
  auto close = line.rfind(')');
  if (open == std::string::npos || close == std::string::npos
      || close + 4 >= line.size())
    return {0, {}};
  // "pid (name) state ppid ..."
  return {static_cast<pid_t>(std::stol(line.substr(close + 4))),
          line.substr(open + 1, close - open - 1)};
}

} // namespace

mortal_node::mortal_node(const std::string& model)
  : mortal_node{place{}, model} {}

mortal_node::mortal_node(const place& where, const std::string& model)
  : data_dir_{where.data_dir.empty() ? dir_.str("data") : where.data_dir} {
  std::ofstream file{config_};
  file << "node: { data_dir: " << data_dir_ << where.node
       << " }\n"
          "gateway: { listen: 127.0.0.1:0 }\n"
          "admin: { listen: 127.0.0.1:0 }\n";
  if (!where.store.empty())
    file << "store: " << where.store << "\n";
  file << where.more;
  file << "models:\n  - " << model << "\n";
  file.close();
  start();
}

void mortal_node::launch() {
  node_ = std::make_unique<bench::child_process>(
    std::vector<std::string>{TROUPE_BIN_DIR "/troupe", "serve", "-c", config_},
    dir_.str("log"));
}

void mortal_node::start() {
  launch();
  node_->await_listening();
}

int mortal_node::start_in_vain() {
  launch();
  return node_->await_exit();
}

std::string mortal_node::log() const {
  std::ifstream file{dir_.str("log")};
  return {std::istreambuf_iterator<char>{file}, {}};
}

size_t mortal_node::kill_engines() {
  std::ifstream file{data_dir_ + "/listening.json"};
  std::string line;
  std::getline(file, line);
  auto node = json::parse(line).at("pid").to_number<pid_t>();
  size_t killed = 0;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
    auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos)
      continue;
    auto [parent, command] = parent_of(entry.path());
    if (parent == node && command.starts_with("troupe-engine"))
      killed += ::kill(std::stoi(name), SIGKILL) == 0 ? 1 : 0;
  }
  return killed;
}

void mortal_node::await_ready(bool ready) {
  const auto limit = bench::now() + bench::from_seconds(60);
  while (bench::now() < limit)
    if (fetch(node_->admin_port(), "GET", "/readyz").status
        == (ready ? 200 : 503))
      return;
  FAIL("the node did not become " << (ready ? "ready" : "unready"));
}

std::string mortal_node::submit(const json::value& body) {
  auto answer =
    fetch(node_->gateway_port(), "POST", "/v1/jobs", json::serialize(body));
  if (answer.status != 202)
    return {};
  return std::string{json::parse(answer.body).at("id").as_string()};
}

std::string mortal_node::submit(double service_s, int tokens) {
  return submit(json::value{
    {"model", "sim"},
    {"input", "Package: kill"},
    {"params",
     {{"simulate", {{"service_s", service_s}, {"tokens", tokens}}}}}});
}

json::value mortal_node::get(const std::string& target) {
  auto answer = fetch(node_->gateway_port(), "GET", target, {}, 40);
  INFO(target << " " << answer.status << " " << answer.body);
  REQUIRE(answer.status == 200);
  return json::parse(answer.body);
}

json::value mortal_node::await_end(const std::string& id) {
  auto job = get("/v1/jobs/" + id);
  while (job.at("finished_at").is_null()) {
    auto version = job.at("version").to_number<int>();
    auto answer = fetch(node_->gateway_port(), "GET",
                        "/v1/jobs/" + id
                          + "?wait_s=20&if_version=" + std::to_string(version),
                        {}, 40);
    REQUIRE((answer.status == 200 || answer.status == 304));
    if (answer.status == 200)
      job = json::parse(answer.body);
  }
  return job;
}

std::vector<std::string> mortal_node::events(const std::string& id) {
  auto page = get("/v1/jobs/" + id + "/events?limit=1000");
  std::vector<std::string> lines;
  for (const auto& e : page.at("data").as_array())
    lines.push_back(json::serialize(e));
  return lines;
}

std::vector<std::string> mortal_node::await_events(const std::string& id,
                                                   size_t n) {
  for (;;) {
    auto seen = events(id);
    if (seen.size() >= n)
      return seen;
    get("/v1/jobs/" + id
        + "/events?wait_s=5&starting_after=" + std::to_string(seen.size() - 1));
  }
}

void check_history(mortal_node& node, const std::string& id) {
  auto lines = node.events(id);
  std::string text;
  size_t ends = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    auto e = json::parse(lines[i]);
    CHECK(e.at("seq").to_number<size_t>() == i);
    auto type = std::string{e.at("type").as_string()};
    CHECK(type != "output.reset");
    if (type == "output.delta") {
      CHECK(e.at("offset").to_number<size_t>() == text.size());
      text += e.at("text").as_string();
    }
    ends += type == "job.completed" || type == "job.incomplete" ? 1 : 0;
  }
  CHECK(ends == 1);
  auto result = node.get("/v1/jobs/" + id + "/result");
  auto output = result.at("output").as_array();
  REQUIRE(output.size() == 1);
  auto stored = output[0].at("content").at(0).at("text").as_string();
  CHECK(std::string{stored} == text);
}

} // namespace troupe::tests

// The real command against a real node, both as processes.
#include "runtime/config.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>

#include <boost/json/parse.hpp>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <signal.h>

using troupe::tests::program;
using troupe::tests::temporary_directory;

namespace {

const std::string binary = std::string{TROUPE_BIN_DIR} + "/troupe";

/// A node on ports of its own that can be killed and started again.
class real_node {
public:
  real_node() { start("127.0.0.1:0"); }

  void kill_hard() {
    node_->signal(SIGKILL);
    REQUIRE(node_->wait() == 128 + SIGKILL);
  }
  /// The same data and the same address.
  void start_again() { start(address_); }

  /// SIGTERM; the exit code.
  std::optional<int> stop() {
    node_->signal(SIGTERM);
    return node_->wait();
  }

  /// A client command on this node, started.
  std::unique_ptr<program> begin(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), binary);
    return std::make_unique<program>(
      std::move(arguments),
      std::vector<std::string>{"TROUPE_URL=http://" + address_});
  }
  struct outcome {
    int code = -1;
    std::string out;
    std::string err;
  };
  outcome run(std::vector<std::string> arguments) const {
    auto client = begin(std::move(arguments));
    auto code = client->wait();
    REQUIRE(code);
    // Both pipes are at their end once the process is gone.
    (void)client->out_has("\x01 never");
    (void)client->err_has("\x01 never");
    return {*code, client->out(), client->err()};
  }
  const std::string& address() const { return address_; }

private:
  void start(const std::string& listen) {
    auto file = folder_.str("node.yaml");
    std::ofstream{file} << "node: {data_dir: data}\n"
                        << "gateway: {listen: '" << listen << "'}\n"
                        << "admin: {listen: '127.0.0.1:0'}\n"
                        << "store: {free_mib_min: 0}\n"
                        << "shards: 4\n"
                        << "drain: {unready_s: 0, finish_s: 1, stop_s: 5}\n"
                        << "models:\n"
                        << "  - {name: sim, backend: simulated, slots: 4}\n";
    node_ = std::make_unique<program>(
      std::vector<std::string>{binary, "serve", "-c", file});
    INFO(node_->err());
    REQUIRE(node_->out_has("\n"));
    auto line =
      boost::json::parse(node_->out().substr(0, node_->out().find('\n')));
    address_ = line.at("gateway").as_string();
  }

  temporary_directory folder_;
  std::unique_ptr<program> node_;
  std::string address_;
};

std::string body(const std::string& simulate) {
  return R"({"model":"sim","input":"x","params":{"simulate":)" + simulate
         + "}}";
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("the commands work on a real node", "[cluster][cli][process][slow]") {
  real_node node;
  auto submitted = node.run({"submit", "-m", "sim", "hello"});
  INFO(submitted.err);
  REQUIRE(submitted.code == 0);
  auto id = first_line(submitted.out);
  REQUIRE(id.size() == 30);

  auto watched = node.run({"job", id, "--watch"});
  INFO(watched.err);
  CHECK(watched.code == 0);
  auto result = node.run({"job", id, "--result"});
  CHECK(result.code == 0);
  CHECK_FALSE(result.out.empty());
  CHECK(watched.out == result.out);

  auto shown = node.run({"job", id, "--json"});
  CHECK(shown.code == 0);
  CHECK(boost::json::parse(shown.out).at("status") == "completed");
  auto events = node.run({"job", id, "--events"});
  CHECK(events.code == 0);
  CHECK(has(events.out, "\tjob.created\t"));
  CHECK(has(events.out, "\tjob.completed\tcompleted\n"));
  auto listed = node.run({"jobs", "--status", "completed"});
  CHECK(listed.code == 0);
  CHECK(has(listed.out, "\n" + id + "\tcompleted\tsim\t"));
  CHECK_FALSE(has(node.run({"jobs", "--status", "failed"}).out, id));

  auto waited = node.run({"submit", "-m", "sim", "again", "--wait", "30"});
  CHECK(waited.code == 0);
  CHECK_FALSE(waited.out.empty());
  // Cancelling what has ended changes nothing and is no error.
  auto late = node.run({"cancel", id});
  CHECK(late.code == 0);
  CHECK(has(late.out, id + "\tcompleted"));
}

TEST_CASE("refusals of a real node have their exit codes",
          "[cluster][cli][process][slow]") {
  real_node node;
  CHECK(node.run({"submit", "-m", "nobody", "x"}).code == 5);
  CHECK(node.run({"job", "job_" + std::string(26, '0')}).code == 5);
  CHECK(node.run({"job", "no-id"}).code == 5);
  CHECK(node.run({"cancel", "job_" + std::string(26, '0')}).code == 5);
  auto wrong = node.run({"submit", "-m", "sim", "x", "--temperature", "9"});
  CHECK(wrong.code == 7);
  CHECK(has(wrong.err, "temperature"));
  CHECK(node.run({"jobs", "--status", "sleeping"}).code == 7);
  CHECK(node.stop() == 0);
  auto gone = node.run({"jobs"});
  CHECK(gone.code == 3);
  CHECK(has(gone.err, "cannot reach"));
}

TEST_CASE("a failed job ends a watch with 8", "[cluster][cli][process][slow]") {
  real_node node;
  temporary_directory folder;
  auto file = folder.str("body.json");
  std::ofstream{file} << body(
    R"({"service_s":0.05,"tokens":4,"fail_at_token":2,"fail_code":"invalid"})");
  auto watched = node.run({"submit", "-f", file, "--watch"});
  INFO(watched.err);
  CHECK(watched.code == 8);
  CHECK(has(watched.err, "failed"));
}

TEST_CASE("a watch survives kill -9 of the node and loses and repeats nothing",
          "[cluster][cli][process][slow]") {
  real_node node;
  temporary_directory folder;
  auto file = folder.str("body.json");
  std::ofstream{file} << body(R"({"service_s":3,"tokens":60})");
  auto watch = node.begin({"submit", "-f", file, "--watch"});
  REQUIRE(watch->out_has(" "));
  node.kill_hard();
  REQUIRE(watch->err_has("resuming behind event"));
  node.start_again();
  auto code = watch->wait();
  INFO(watch->err());
  REQUIRE(code == 0);
  (void)watch->out_has("\x01 never");
  auto id = watch->err().substr(watch->err().find("job_"), 30);
  auto result = node.run({"job", id, "--result"});
  CHECK(result.code == 0);
  CHECK(watch->out() == result.out);
}

TEST_CASE("Ctrl-C detaches from a job, or cancels it if asked to",
          "[cluster][cli][process][slow]") {
  real_node node;
  temporary_directory folder;
  auto file = folder.str("body.json");
  std::ofstream{file} << body(R"({"service_s":20,"tokens":400})");
  for (bool cancels : {false, true}) {
    std::vector<std::string> arguments{"submit", "-f", file, "--watch"};
    if (cancels)
      arguments.push_back("--cancel-on-interrupt");
    auto watch = node.begin(arguments);
    REQUIRE(watch->out_has(" "));
    watch->signal(SIGINT);
    CHECK(watch->wait() == 130);
    auto id = watch->err().substr(watch->err().find("job_"), 30);
    auto job = boost::json::parse(node.run({"job", id, "--json"}).out);
    CHECK(job.at("status") == (cancels ? "cancelled" : "in_progress"));
    if (!cancels)
      CHECK(node.run({"cancel", id}).code == 0);
  }
}

TEST_CASE("serve refuses a model whose weights are cut short",
          "[cluster][cli][process]") {
  if (!troupe::runtime::this_build().torch)
    SKIP("this build has no LibTorch");
  namespace fs = std::filesystem;
  temporary_directory folder;
  const auto model = folder.path() / "writer";
  fs::copy(TROUPE_SOURCE_DIR "/models/demo/writer", model);
  fs::resize_file(model / "model.safetensors", 1000);
  auto file = folder.str("node.yaml");
  std::ofstream{file} << "models: [{name: w, path: writer}]\n";
  for (const std::string command : {"serve", "check"}) {
    program node{{binary, command, "-c", file}};
    CHECK(node.wait() == 2);
    INFO(node.err());
    CHECK(node.err_has(file + ":1:26: models[0].path: "));
    CHECK(node.err_has("model.safetensors: claims a header of"));
    CHECK(node.out().empty());
  }
}

TEST_CASE("serve refuses a wrong configuration with its place",
          "[cluster][cli][process]") {
  temporary_directory folder;
  auto file = folder.str("bad.yaml");
  std::ofstream{file} << "gateway: {listen: '0.0.0.0:80'}\nmodels: []\n";
  program node{{binary, "serve", "-c", file}};
  CHECK(node.wait() == 2);
  CHECK(node.err_has(file
                     + ":1:19: gateway.listen: '0.0.0.0' is not a "
                       "loopback address"));
  CHECK(node.err_has(":2:9: models: at least one model is needed"));
  CHECK(node.out().empty());
}

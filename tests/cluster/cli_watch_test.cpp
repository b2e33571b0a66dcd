#include "tests/support/cli_run.hpp"
#include "tests/support/scripted_server.hpp"

#include <catch2/catch_test_macros.hpp>

#include <boost/json/parse.hpp>

#include <array>
#include <string>
#include <vector>

#include <unistd.h>

using troupe::tests::cli_run;
using troupe::tests::scripted_connection;
using troupe::tests::scripted_server;

namespace {

const std::string id = "job_01k3x9m2c8f4t7q0v5zr1ndbhe";
const std::string stream_head =
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 1000\n";

std::string event(int seq, const std::string& type, const std::string& rest) {
  auto number = std::to_string(seq);
  return "id: " + number + "\nevent: " + type + "\ndata: {\"type\":\"" + type
         + "\",\"seq\":" + number + rest + "}\n\n";
}

std::string delta(int seq, int offset, const std::string& text) {
  return event(seq, "output.delta",
               ",\"item\":0,\"offset\":" + std::to_string(offset)
                 + ",\"text\":\"" + text + "\"");
}

std::string ended(int seq, const std::string& status,
                  const std::string& more = {}) {
  return event(seq, "job." + status,
               ",\"job\":{\"status\":\"" + status + "\"" + more + "}");
}

scripted_server::script streams(std::string events) {
  return scripted_server::answer(stream_head + events);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

int watch(cli_run& cli, const scripted_server& server,
          std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{"job", id, "--watch", "--url",
                                     server.url()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return cli.run(arguments);
}

/// A Ctrl-C key. Made before the server whose thread presses it.
class stop_pipe {
public:
  stop_pipe() { REQUIRE(pipe(ends_.data()) == 0); }
  stop_pipe(const stop_pipe&) = delete;
  stop_pipe& operator=(const stop_pipe&) = delete;
  ~stop_pipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  int fd() const { return ends_[0]; }
  void press() const { (void)!write(ends_[1], "x", 1); }

private:
  std::array<int, 2> ends_{};
};

} // namespace

TEST_CASE("a watch prints the text and ends like the job",
          "[cluster][cli][watch]") {
  struct row {
    std::string status;
    std::string more;
    int code;
    std::string said;
  };
  for (const auto& x : std::vector<row>{
         {"completed", "", 0, ""},
         {"incomplete", R"(,"incomplete_details":{"reason":"deadline"})", 9,
          "incomplete: deadline"},
         {"failed", R"(,"error":{"message":"poison"})", 8, "failed: poison"},
         {"expired", "", 8, "expired"},
         {"cancelled", "", 8, "cancelled"}}) {
    INFO(x.status);
    scripted_server server{
      {streams(event(0, "job.created", "") + delta(1, 0, "Hel") + ": hb\n"
               + delta(2, 3, "lo.") + ended(3, x.status, x.more))}};
    cli_run cli;
    CHECK(watch(cli, server) == x.code);
    CHECK(cli.out() == "Hello.\n");
    CHECK(has(cli.err(), x.said));
    CHECK(server.requests().size() == 1);
  }
}

TEST_CASE("a broken stream goes on behind the last event, without a repeat",
          "[cluster][cli][watch]") {
  auto cut = [](scripted_connection& to) {
    to.read_request();
    to.write(stream_head + delta(0, 0, "one ") + delta(1, 4, "two ")
             + "id: 2\nevent: output.delta\ndata: {\"text\":\"hal");
    to.reset();
  };
  // This one sends an event again and a text that overlaps.
  scripted_server server{
    {cut, scripted_server::answer(""),
     scripted_server::answer(scripted_server::response(
       "503 Service Unavailable",
       R"({"type":"/problems/draining","detail":"stops"})")),
     streams(delta(1, 4, "two ") + delta(2, 6, "o three ")
             + delta(3, 14, "four") + ended(4, "completed"))}};
  cli_run cli;
  CHECK(watch(cli, server) == 0);
  CHECK(cli.out() == "one two three four\n");
  auto seen = server.requests();
  REQUIRE(seen.size() == 4);
  CHECK_FALSE(has(seen[0], "Last-Event-ID"));
  for (size_t i = 1; i < 4; ++i)
    CHECK(has(seen[i], "\r\nLast-Event-ID: 1\r\n"));
  CHECK(has(cli.err(), "resuming behind event 1"));
  CHECK(has(cli.err(), "stops (503 draining)"));
}

TEST_CASE("a stream that was at its end asks for the job",
          "[cluster][cli][watch]") {
  scripted_server server{
    {streams(delta(0, 0, "all")),
     scripted_server::answer("HTTP/1.1 204 No Content\r\n\r\n"),
     scripted_server::answer(scripted_server::response(
       "200 OK", R"({"id":"x","status":"incomplete"})"))}};
  cli_run cli;
  CHECK(watch(cli, server) == 9);
  CHECK(cli.out() == "all\n");
}

TEST_CASE("a reset says from where the text is void", "[cluster][cli][watch]") {
  scripted_server server{
    {streams(delta(0, 0, "wrong")
             + event(1, "output.reset", ",\"item\":0,\"from_offset\":0")
             + delta(2, 0, "right") + ended(3, "completed"))}};
  cli_run cli;
  CHECK(watch(cli, server) == 0);
  CHECK(cli.out() == "wrongright\n");
  CHECK(has(cli.err(), "starts again from byte 0"));
}

TEST_CASE("events as JSON come one per line and unchanged",
          "[cluster][cli][watch]") {
  scripted_server server{
    {streams(delta(0, 0, "a\\n\\u001bb") + ended(1, "completed"))}};
  cli_run cli;
  CHECK(watch(cli, server, {"--json"}) == 0);
  CHECK(cli.out()
        == R"({"type":"output.delta","seq":0,"item":0,"offset":0,)"
           R"("text":"a\n\u001bb"})"
           "\n"
           R"({"type":"job.completed","seq":1,"job":{"status":"completed"}})"
           "\n");
}

TEST_CASE("refusals that waiting cannot mend end a watch at once",
          "[cluster][cli][watch]") {
  for (auto [status, code] :
       std::vector<std::pair<std::string, int>>{{"404 Not Found", 5},
                                                {"410 Gone", 5},
                                                {"401 Unauthorized", 4},
                                                {"400 Bad Request", 7},
                                                {"500 Internal", 1}}) {
    INFO(status);
    scripted_server server{
      {scripted_server::answer(scripted_server::response(status, ""))}};
    cli_run cli;
    CHECK(watch(cli, server) == code);
    CHECK(server.requests().size() == 1);
  }
}

TEST_CASE("a watch gives up when the server stays away",
          "[cluster][cli][watch]") {
  scripted_server server{
    {streams(delta(0, 0, "so far")), scripted_server::answer("")}};
  cli_run cli;
  CHECK(watch(cli, server, {"--reconnect-s", "0"}) == 3);
  CHECK(cli.out() == "so far\n");
  CHECK(has(cli.err(), "gave up"));
}

TEST_CASE("a server that never answered is not waited for",
          "[cluster][cli][watch]") {
  std::string url;
  {
    scripted_server gone{{scripted_server::answer("")}};
    url = gone.url();
  }
  cli_run cli;
  CHECK(cli.run({"job", id, "--watch", "--url", url}) == 3);
}

TEST_CASE("streams that are none end a watch", "[cluster][cli][watch]") {
  cli_run cli;
  scripted_server page{
    {scripted_server::answer(scripted_server::response("200 OK", "<html>"))}};
  CHECK(watch(cli, page) == 1);
  scripted_server noise{{streams("data: no json\n\n")}};
  CHECK(watch(cli, noise) == 1);
  scripted_server endless{{streams("data: " + std::string(5'000'000, 'x'))}};
  CHECK(watch(cli, endless) == 1);
}

TEST_CASE("Ctrl-C detaches, and cancels only if asked to",
          "[cluster][cli][watch]") {
  auto accepted = scripted_server::answer(scripted_server::response(
    "202 Accepted", R"({"id":")" + id + R"(","status":"queued"})"));
  for (bool cancels : {false, true}) {
    const stop_pipe stop;
    auto waits = [&](scripted_connection& to) {
      to.read_request();
      to.write(stream_head + delta(0, 0, "part"));
      stop.press();
      to.wait_until_closed();
    };
    scripted_server server{
      {accepted, waits,
       scripted_server::answer(scripted_server::response(
         "200 OK", R"({"id":")" + id + R"(","status":"cancelled"})"))}};
    cli_run cli;
    cli.stop_fd = stop.fd();
    std::vector<std::string> arguments{"submit",  "-m",    "m",         "x",
                                       "--watch", "--url", server.url()};
    if (cancels)
      arguments.push_back("--cancel-on-interrupt");
    CHECK(cli.run(arguments) == 130);
    CHECK(has(cli.err(), id));
    CHECK(has(cli.err(), cancels ? id + " is cancelled" : "detached"));
    auto seen = server.requests();
    REQUIRE(seen.size() == (cancels ? 3 : 2));
    if (cancels)
      CHECK(seen[2].starts_with("POST /v1/jobs/" + id + "/cancel "));
  }
}

TEST_CASE("following jobs prints each change once", "[cluster][cli]") {
  auto line = [](const std::string& name, int version) {
    return R"({"id":")" + name + R"(","status":"queued","version":)"
           + std::to_string(version) + "}";
  };
  auto page = [](const std::string& jobs) {
    return scripted_server::answer(
      scripted_server::response("200 OK", R"({"data":[)" + jobs + "]}"));
  };
  const stop_pipe stop;
  scripted_server server{
    {page(line("job_2", 1)),
     // job_1 is older than what the first page showed.
     page(line("job_3", 1) + "," + line("job_2", 2) + "," + line("job_1", 5)),
     [&](scripted_connection& to) {
       to.read_request();
       stop.press();
       to.wait_until_closed();
     }}};
  cli_run cli;
  cli.stop_fd = stop.fd();
  CHECK(cli.run(
          {"jobs", "--follow", "--limit", "1", "--json", "--url", server.url()})
        == 130);
  CHECK(cli.out()
        == line("job_2", 1) + "\n" + line("job_2", 2) + "\n" + line("job_3", 1)
             + "\n");
}

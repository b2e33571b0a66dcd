#include "tests/support/cli_run.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>

#include <boost/json/parse.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using troupe::tests::cli_run;
using troupe::tests::scripted_connection;
using troupe::tests::scripted_server;
namespace fs = std::filesystem;

namespace {

const std::string id = "job_01k3x9m2c8f4t7q0v5zr1ndbhe";

std::string job(const std::string& status, const std::string& more = {}) {
  return R"({"id":")" + id + R"(","object":"job","version":3,"status":")"
         + status
         + R"(","model":"writer","service_tier":"default","attempt":1,)"
           R"("created_at":"2026-08-21T10:00:05.123Z",)"
           R"("timing":{"queue_ms":1.5,"compute_ms":20.0,"delivery_ms":0.5},)"
           R"("usage":{"output_tokens":12})"
         + more + "}";
}

const std::string hello =
  R"(,"output":[{"type":"message","content":[{"text":"Hello."}]}])";

std::string ok(const std::string& body) {
  return scripted_server::response("200 OK", body);
}

std::string problem(const std::string& status, const std::string& slug,
                    const std::string& more = {}) {
  return scripted_server::response(status, R"({"type":"/problems/)" + slug
                                             + R"(","detail":"because")" + more
                                             + "}");
}

/// Runs against a server that gives one answer to everything.
struct answered {
  explicit answered(const std::string& text)
    : server{{scripted_server::answer(text)}} {
    cli.environment["TROUPE_URL"] = server.url();
  }
  int run(const std::vector<std::string>& arguments) {
    return cli.run(arguments);
  }
  scripted_server server;
  cli_run cli;
};

boost::json::value body_of(const std::string& request) {
  return boost::json::parse(request.substr(request.find("\r\n\r\n") + 4));
}

} // namespace

TEST_CASE("wrong usage ends with 2 and says why", "[cluster][cli]") {
  cli_run cli;
  for (std::vector<std::string> arguments :
       std::vector<std::vector<std::string>>{
         {},
         {"fly"},
         {"job"},
         {"cancel"},
         {"submit", "a", "b"},
         {"submit", "x", "--wait", "0"},
         {"submit", "x", "--wait", "soon"},
         {"submit", "x", "--wait", "1", "--watch"},
         {"submit", "x", "--cancel-on-interrupt"},
         {"submit", "x", "--url", "ftp://a"},
         {"submit", "x", "--url", "https://a"},
         {"submit", "x", "--key-file", "/nowhere"},
         {"submit", "-f", "/nowhere"},
         {"job", id, "--events", "--result"},
         {"jobs", "--order", "up"},
         {"jobs", "--limit", "0"},
         {"jobs", "--follow", "--after", id},
         {"cancel", id, "--reason", std::string(201, 'x')},
         {"jobs", "--key", "secret"}}) {
    INFO((arguments.empty() ? "" : arguments.front()));
    CHECK(cli.run(arguments) == 2);
    CHECK(cli.out().empty());
    CHECK_FALSE(cli.err().empty());
  }
}

TEST_CASE("help goes to standard output and ends with 0", "[cluster][cli]") {
  cli_run cli;
  CHECK(cli.run({"--help"}) == 0);
  CHECK(cli.out().find("Exit codes") != std::string::npos);
  for (std::string command : {"submit", "job", "jobs", "cancel", "check"}) {
    CHECK(cli.run({command, "--help"}) == 0);
    INFO(command);
    CHECK(cli.out().find("Examples:") != std::string::npos);
    CHECK(cli.err().empty());
  }
  CHECK(cli.run({"--version"}) == 0);
  CHECK(cli.out().starts_with("troupe 0."));
}

TEST_CASE("serve hands its file on and returns the node's exit code",
          "[cluster][cli]") {
  cli_run cli;
  CHECK(cli.run({"serve", "-c", "n.yaml"}) == 11);
  CHECK(cli.run({"serve"}) == 11);
  CHECK(cli.served == std::vector<std::string>{"n.yaml", ""});
}

TEST_CASE("each refusal has its exit code", "[cluster][cli]") {
  std::vector<std::pair<std::string, int>> table{
    {"400 Bad Request", 7}, {"401 Unauthorized", 4},  {"403 Forbidden", 4},
    {"404 Not Found", 5},   {"409 Conflict", 7},      {"410 Gone", 5},
    {"413 Too Large", 7},   {"422 Unprocessable", 7}, {"429 Too Many", 6},
    {"500 Internal", 1},    {"502 Bad Gateway", 1},   {"503 Unavailable", 6},
  };
  for (const auto& [status, code] : table) {
    INFO(status);
    answered to{problem(status, "some-slug")};
    CHECK(to.run({"job", id}) == code);
    CHECK(to.cli.out().empty());
    CHECK(to.cli.complains("because (" + status.substr(0, 3) + " some-slug)"));
  }
}

TEST_CASE("a refusal shows the wrong fields and when to try again",
          "[cluster][cli]") {
  answered to{problem("422 Unprocessable", "validation-failed",
                      R"(,"errors":[{"pointer":"/params/top_p",)"
                      R"("detail":"must be 0 to 1"}])")};
  CHECK(to.run({"submit", "-m", "m", "x"}) == 7);
  CHECK(to.cli.complains("/params/top_p: must be 0 to 1"));

  answered full{
    problem("503 Unavailable", "queue-full", R"(,"retry_after_s":3)")};
  CHECK(full.run({"submit", "-m", "m", "x"}) == 6);
  CHECK(full.cli.complains("try again in 3 s"));
}

TEST_CASE("no server is 3, and so is a broken answer", "[cluster][cli]") {
  cli_run cli;
  std::string url;
  {
    scripted_server gone{{scripted_server::answer("")}};
    url = gone.url();
  }
  CHECK(cli.run({"jobs", "--url", url}) == 3);
  CHECK(cli.complains("is a node running there?"));

  answered broken{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"};
  CHECK(broken.run({"job", id}) == 3);
  answered foreign{ok("<html>")};
  CHECK(foreign.run({"job", id}) == 1);
  CHECK(foreign.cli.complains("no JSON"));
}

TEST_CASE("messages of a server cannot steer the terminal", "[cluster][cli]") {
  answered to{scripted_server::response(
    "404 Not Found",
    R"({"type":"/problems/x\u001b[2J","detail":"a\u001b]0;b\u0007\u009b"})")};
  CHECK(to.run({"job", id}) == 5);
  CHECK(to.cli.err().find('\x1B') == std::string::npos);
  CHECK(to.cli.err().find("\xC2\x9B") == std::string::npos);
}

TEST_CASE("submit prints the id alone", "[cluster][cli]") {
  answered to{scripted_server::response("202 Accepted", job("queued"))};
  CHECK(to.run({"submit", "-m", "writer", "Package: tree"}) == 0);
  CHECK(to.cli.out() == id + "\n");
  CHECK(to.cli.err().empty());
  auto request = to.server.requests().at(0);
  CHECK(request.starts_with("POST /v1/jobs HTTP/1.1\r\n"));
  CHECK(request.find("\r\nIdempotency-Key: cli-req_") != std::string::npos);
  CHECK(request.find("\r\nContent-Type: application/json\r\n")
        != std::string::npos);
  CHECK(body_of(request)
        == boost::json::value{{"input", "Package: tree"}, {"model", "writer"}});

  CHECK(to.run({"submit", "-m", "writer", "x", "--json"}) == 0);
  CHECK(to.cli.out() == job("queued") + "\n");
}

TEST_CASE("submit reads standard input, a body file, and both together",
          "[cluster][cli]") {
  answered to{scripted_server::response("202 Accepted", job("queued"))};
  to.cli.input = "from\nstdin\n";
  CHECK(to.run({"submit", "-m", "m"}) == 0);
  CHECK(to.run({"submit", "-m", "m", "-"}) == 0);

  troupe::tests::temporary_directory folder;
  auto file = (fs::path{folder.path()} / "body.json").string();
  std::ofstream{file} << R"({"model":"a","input":"i","params":{"top_k":5}})";
  CHECK(to.run({"submit", "-f", file}) == 0);
  CHECK(to.run({"submit", "-f", file, "-m", "b", "text", "--seed", "-7",
                "--temperature", "0.5", "--max-output-tokens", "9"})
        == 0);
  to.cli.input = R"({"model":"piped","input":"x"})";
  CHECK(to.run({"submit", "-f", "-"}) == 0);
  auto seen = to.server.requests();
  REQUIRE(seen.size() == 5);
  CHECK(body_of(seen[0]).at("input") == "from\nstdin\n");
  CHECK(body_of(seen[1]).at("input") == "from\nstdin\n");
  CHECK(body_of(seen[2]).at("model") == "a");
  CHECK(body_of(seen[3])
        == boost::json::parse(
          R"({"model":"b","input":"text","params":{"top_k":5,)"
          R"("max_output_tokens":9,"temperature":0.5,"seed":-7}})"));
  CHECK(body_of(seen[4]).at("model") == "piped");
}

TEST_CASE("a body file that is no JSON object is wrong usage",
          "[cluster][cli]") {
  cli_run cli;
  for (std::string text : {"", "[]", "{", "{} {}", "\"x\""}) {
    cli.input = text;
    INFO(text);
    CHECK(cli.run({"submit", "-f", "-"}) == 2);
    CHECK(cli.complains("not one JSON object"));
  }
  cli.input = "{}";
  CHECK(cli.run({"submit", "-f", "-", "-"}) == 2);
}

TEST_CASE("a break after sending asks again with the same key",
          "[cluster][cli]") {
  auto broken = [](scripted_connection& to) { to.read_request(); };
  scripted_server server{
    {broken, scripted_server::answer(
               scripted_server::response("202 Accepted", job("queued")))}};
  cli_run cli;
  CHECK(cli.run({"submit", "x", "-m", "m", "--url", server.url()}) == 0);
  CHECK(cli.out() == id + "\n");
  auto seen = server.requests();
  REQUIRE(seen.size() == 2);
  auto key = [](const std::string& request) {
    auto at = request.find("Idempotency-Key: ");
    return request.substr(at, request.find("\r\n", at) - at);
  };
  CHECK(key(seen[0]).size() > 20);
  CHECK(key(seen[0]) == key(seen[1]));
}

TEST_CASE("submit --wait prints the text and ends like the job",
          "[cluster][cli]") {
  answered done{ok(job("completed", hello))};
  CHECK(done.run({"submit", "-m", "m", "x", "--wait", "5"}) == 0);
  CHECK(done.cli.out() == "Hello.\n");
  CHECK(done.server.requests().at(0).find("\r\nPrefer: wait=5\r\n")
        != std::string::npos);

  answered failed{ok(job("failed", R"(,"error":{"message":"engine died"})"))};
  CHECK(failed.run({"submit", "-m", "m", "x", "--wait", "5"}) == 8);
  CHECK(failed.cli.complains("failed: engine died"));

  answered cut{ok(job(
    "incomplete", hello + R"(,"incomplete_details":{"reason":"deadline"})"))};
  CHECK(cut.run({"submit", "-m", "m", "x", "--wait", "5"}) == 9);
  CHECK(cut.cli.out() == "Hello.\n");
  CHECK(cut.cli.complains("incomplete: deadline"));

  answered still{scripted_server::response("202 Accepted", job("queued"))};
  CHECK(still.run({"submit", "-m", "m", "x", "--wait", "1"}) == 1);
  CHECK(still.cli.complains(id + " has not ended yet"));
  CHECK(still.cli.out().empty());
}

TEST_CASE("a long wait asks for the result until the end", "[cluster][cli]") {
  scripted_server server{
    {scripted_server::answer(
       scripted_server::response("202 Accepted", job("queued"))),
     scripted_server::answer(
       scripted_server::response("202 Accepted", job("in_progress"))),
     scripted_server::answer(
       ok(R"({"job_id":")" + id + R"(","status":"completed")" + hello + "}"))}};
  cli_run cli;
  CHECK(
    cli.run({"submit", "-m", "m", "x", "--wait", "3600", "--url", server.url()})
    == 0);
  CHECK(cli.out() == "Hello.\n");
  auto seen = server.requests();
  CHECK(seen.at(0).find("Prefer: wait=60\r\n") != std::string::npos);
  CHECK(seen.at(1).starts_with("GET /v1/jobs/" + id + "/result "));
  CHECK(seen.at(2).find("Prefer: wait=60\r\n") != std::string::npos);
}

TEST_CASE("a job is a table of fields, or JSON", "[cluster][cli]") {
  answered to{ok(job("completed", hello))};
  CHECK(to.run({"job", id}) == 0);
  CHECK(to.cli.out().starts_with("FIELD\tVALUE\nid\t" + id + "\n"));
  CHECK(to.cli.out().find("\ntiming.queue_ms\t1.5E0\n") == std::string::npos);
  CHECK(to.cli.out().find("\ntiming.queue_ms\t1.5\n") != std::string::npos);
  to.cli.terminal = true;
  CHECK(to.run({"job", id}) == 0);
  CHECK(to.cli.out().find('\t') == std::string::npos);
  CHECK(to.run({"job", id, "--json"}) == 0);
  CHECK(to.cli.out() == job("completed", hello) + "\n");
}

TEST_CASE("an id is data, never a path", "[cluster][cli]") {
  answered to{problem("404 Not Found", "not-found")};
  CHECK(to.run({"job", "../../admin?x=1#y z\r\nX: 1"}) == 5);
  CHECK(to.server.requests().at(0).starts_with(
    "GET /v1/jobs/..%2F..%2Fadmin%3Fx%3D1%23y%20z%0D%0AX%3A%201 HTTP/1.1\r\n"));
}

TEST_CASE("a result prints text as it is, and harmless on a terminal",
          "[cluster][cli]") {
  auto wild = ok(R"({"status":"completed","output":[{"type":"text",)"
                 R"("text":"a\u001b[31mb\tc\nd"}]})");
  answered to{wild};
  CHECK(to.run({"job", id, "--result"}) == 0);
  CHECK(to.cli.out() == "a\x1B[31mb\tc\nd\n");
  to.cli.terminal = true;
  CHECK(to.run({"job", id, "--result"}) == 0);
  CHECK(to.cli.out() == "a?[31mb\tc\nd\n");

  answered early{scripted_server::response("202 Accepted", job("queued"))};
  CHECK(early.run({"job", id, "--result"}) == 1);
  CHECK(early.cli.complains("has not ended: it is queued"));
}

TEST_CASE("events are paged to the end", "[cluster][cli]") {
  auto event = [](int seq) {
    return R"({"type":"output.delta","seq":)" + std::to_string(seq)
           + R"(,"time_us":17,"text":"t\tx"})";
  };
  scripted_server server{
    {scripted_server::answer(ok(R"({"data":[)" + event(0) + "," + event(1)
                                + R"(],"has_more":true})")),
     scripted_server::answer(
       ok(R"({"data":[)" + event(2) + R"(],"has_more":false})"))}};
  cli_run cli;
  CHECK(cli.run({"job", id, "--events", "--url", server.url()}) == 0);
  CHECK(cli.out()
        == "SEQ\tTIME_US\tTYPE\tDETAIL\n0\t17\toutput.delta\tt?x\n"
           "1\t17\toutput.delta\tt?x\n2\t17\toutput.delta\tt?x\n");
  CHECK(server.requests().at(1).find("&starting_after=1 ")
        != std::string::npos);
}

TEST_CASE("jobs sends its filters and pages through", "[cluster][cli]") {
  auto page = [](const std::string& last, bool more) {
    return ok(R"({"data":[)" + job("completed") + R"(],"last_id":")" + last
              + R"(","has_more":)" + (more ? "true" : "false") + "}");
  };
  scripted_server server{{scripted_server::answer(page("job_a", true)),
                          scripted_server::answer(page("job_b", true))}};
  cli_run cli;
  CHECK(cli.run({"jobs", "--status", "failed", "--status", "expired", "--model",
                 "a b&c", "--tier", "flex", "--metadata", "k&=v=1",
                 "--dead-letter", "--created-after", "2026-01-01T00:00:00Z",
                 "--limit", "2", "--url", server.url()})
        == 0);
  auto row = id
             + "\tcompleted\twriter\tdefault\t1\t2026-08-21T10:00:05.123Z\t1.5"
               "\t20\t12\n";
  CHECK(cli.out()
        == "ID\tSTATUS\tMODEL\tTIER\tATTEMPT\tCREATED\tQUEUE_MS\tCOMPUTE_MS"
           "\tOUTPUT_TOKENS\n"
             + row + row);
  CHECK(cli.complains("there are more: --after job_b"));
  auto seen = server.requests();
  CHECK(seen.at(0).starts_with(
    "GET /v1/jobs?limit=2&order=desc&status=failed&status=expired"
    "&model=a%20b%26c&service_tier=flex&metadata%5Bk%26%5D=v%3D1"
    "&created_after=2026-01-01T00%3A00%3A00Z"
    "&dead_letter=true HTTP/1.1\r\n"));
  CHECK(seen.at(1).find("limit=1&") != std::string::npos);
  CHECK(seen.at(1).find("&after=job_a ") != std::string::npos);
}

TEST_CASE("a metadata filter is KEY=VALUE", "[cluster][cli]") {
  for (const std::string pair : {"k", "=v", ""}) {
    cli_run cli;
    CHECK(cli.run({"jobs", "--metadata", pair}) == 2);
  }
}

TEST_CASE("a list with nothing in it is a header alone", "[cluster][cli]") {
  answered to{ok(R"({"data":[],"has_more":false})")};
  CHECK(to.run({"jobs"}) == 0);
  auto text = to.cli.out();
  CHECK(text.find('\n') + 1 == text.size());
  CHECK(to.run({"jobs", "--json"}) == 0);
  CHECK(to.cli.out().empty());
}

TEST_CASE("cancel tries every id and keeps the first failure",
          "[cluster][cli]") {
  scripted_server server{
    {scripted_server::answer(ok(job("cancelled"))),
     scripted_server::answer(problem("404 Not Found", "not-found")),
     scripted_server::answer(problem("503 Unavailable", "draining")),
     scripted_server::answer(ok(job("completed")))}};
  cli_run cli;
  CHECK(cli.run({"cancel", "a", "b", "c", "d", "--reason", "no need", "--url",
                 server.url()})
        == 5);
  CHECK(cli.out()
        == "ID\tSTATUS\n" + id + "\tcancelled\n" + id + "\tcompleted\n");
  CHECK(cli.complains("b: because (404 not-found)"));
  CHECK(cli.complains("c: because (503 draining)"));
  CHECK(body_of(server.requests().at(0)).at("reason") == "no need");
}

TEST_CASE("a key comes from a private file or the environment, never shown",
          "[cluster][cli]") {
  answered to{problem("401 Unauthorized", "unauthenticated")};
  to.cli.environment["TROUPE_API_KEY"] = "env-key-1234";
  CHECK(to.run({"jobs"}) == 4);

  troupe::tests::temporary_directory folder;
  auto file = (fs::path{folder.path()} / "key").string();
  std::ofstream{file} << "file-key-5678\n";
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  CHECK(to.run({"jobs", "--key-file", file}) == 4);
  auto seen = to.server.requests();
  CHECK(seen.at(0).find("Authorization: Bearer env-key-1234\r\n")
        != std::string::npos);
  CHECK(seen.at(1).find("Authorization: Bearer file-key-5678\r\n")
        != std::string::npos);
  CHECK_FALSE(to.cli.complains("key-5678"));

  fs::permissions(file, fs::perms::group_read, fs::perm_options::add);
  CHECK(to.run({"jobs", "--key-file", file}) == 2);
  CHECK(to.cli.complains("chmod 600"));
  to.cli.environment["TROUPE_API_KEY"] = "two words";
  CHECK(to.run({"jobs"}) == 2);
  CHECK_FALSE(to.cli.complains("two words"));
  CHECK(to.server.requests().size() == 2);
}

TEST_CASE("check prints what it means or what is wrong", "[cluster][cli]") {
  troupe::tests::temporary_directory folder;
  auto file = (fs::path{folder.path()} / "t.yaml").string();
  std::ofstream{file} << "shards: 0\nmodels: []\n";
  cli_run cli;
  CHECK(cli.run({"check", "-c", file}) == 2);
  CHECK(cli.out().empty());
  CHECK(cli.err()
        == file + ":1:9: shards: 0 is out of range: 1 to 1024\n" + file
             + ":2:9: models: at least one model is needed\n");
  CHECK(cli.run({"check", "-c", file, "--json"}) == 2);
  CHECK(boost::json::parse(cli.out()).at("problems").as_array().size() == 2);

  CHECK(cli.run({"check"}) == 0);
  CHECK(cli.out().find("name: \"sim-fast\"") != std::string::npos);
  CHECK(cli.run({"check", "--json"}) == 0);
  CHECK(boost::json::parse(cli.out()).at("shards") == 64);
  CHECK(cli.run({"check", "--print-schema"}) == 0);
  CHECK(cli.out().starts_with("| `node.name` |"));
}

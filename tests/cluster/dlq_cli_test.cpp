// `troupe dlq` against a server that says what the test wants.
#include "tests/support/cli_run.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>

#include <boost/json/parse.hpp>

#include <fstream>
#include <string>
#include <vector>

using troupe::tests::cli_run;
using troupe::tests::scripted_server;
using troupe::tests::temporary_directory;

namespace {

const std::string id = "job_01k3x9m2c8f4t7q0v5zr1ndbhe";
const std::string other = "job_01k3x9m2c8f4t7q0v5zr1ndbhf";

boost::json::value as_json(const std::string& text) {
  return boost::json::value(boost::json::string_view{text});
}

std::string letter(const std::string& which,
                   const std::string& reason = "attempts_exhausted") {
  return R"({"id":")" + which
         + R"(","object":"dead_letter","state":"dead","reason":")" + reason
         + R"(","model":"writer","service_tier":"flex","attempt_count":3,)"
           R"("died_at":"2026-08-21T10:00:05.123Z",)"
           R"("error":{"code":"model_error","message":"bad\ttoken"}})";
}

std::string ok(const std::string& body) {
  return scripted_server::response("200 OK", body);
}

std::string page(const std::string& letters, const std::string& last = "",
                 bool more = false) {
  return ok(R"({"data":[)" + letters + R"(],"last_id":")" + last
            + R"(","has_more":)" + (more ? "true" : "false") + "}");
}

std::string accepted(const std::string& which) {
  return scripted_server::response(
    "202 Accepted", R"({"id":")" + which + R"(","status":"queued"})");
}

std::string problem(const std::string& status, const std::string& slug) {
  return scripted_server::response(status, R"({"type":"/problems/)" + slug
                                             + R"(","detail":"because"})");
}

/// A server that gives these answers, one for each request.
struct answered {
  explicit answered(const std::vector<std::string>& texts)
    : server{scripts(texts)} {
    cli.environment["TROUPE_URL"] = server.url();
  }
  static std::vector<scripted_server::script>
  scripts(const std::vector<std::string>& texts) {
    std::vector<scripted_server::script> all;
    for (const auto& text : texts)
      all.push_back(scripted_server::answer(text));
    return all;
  }
  int dlq(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "dlq");
    return cli.run(arguments);
  }
  std::string request(size_t n) const { return server.requests().at(n); }

  scripted_server server;
  cli_run cli;
};

bool begins(const std::string& text, const std::string& start) {
  return text.starts_with(start);
}

} // namespace

TEST_CASE("dlq list sends its filters and prints a table",
          "[cluster][cli][dlq]") {
  answered to{{page(letter(id), id, true), page(letter(other), other)}};
  CHECK(to.dlq({"list",
                "--state",
                "dead",
                "--state",
                "replayed",
                "--reason",
                "poison",
                "--model",
                "a b",
                "--class",
                "batch",
                "--tier",
                "flex",
                "--metadata",
                "k=v",
                "--died-after",
                "2026-01-01T00:00:00Z",
                "--died-before",
                "2027-01-01T00:00:00Z",
                "--limit",
                "5"})
        == 0);
  auto row = "\tdead\tattempts_exhausted\twriter\tflex\t3"
             "\t2026-08-21T10:00:05.123Z\tbad?token\n";
  CHECK(to.cli.out()
        == "ID\tSTATE\tREASON\tMODEL\tTIER\tATTEMPTS\tDIED\tERROR\n" + id + row
             + other + row);
  CHECK(begins(
    to.request(0),
    "GET /v1/dead-letters?limit=5&order=desc&state=dead"
    "&state=replayed&reason=poison&model=a%20b&class=batch"
    "&service_tier=flex&metadata%5Bk%5D=v&died_after=2026-01-01T00%3A00%3A00Z"
    "&died_before=2027-01-01T00%3A00%3A00Z HTTP/1.1\r\n"));
  CHECK(to.request(1).find("limit=4&") != std::string::npos);
  CHECK(to.request(1).find("&after=" + id) != std::string::npos);
}

TEST_CASE("dlq list --json prints one letter per line", "[cluster][cli][dlq]") {
  answered to{{page(letter(id) + "," + letter(other), other)}};
  CHECK(to.dlq({"list", "--json"}) == 0);
  auto end = to.cli.out().find('\n');
  CHECK(boost::json::parse(to.cli.out().substr(0, end)).at("id")
        == as_json(id));
  CHECK(boost::json::parse(to.cli.out().substr(end + 1)).at("id")
        == as_json(other));
}

TEST_CASE("dlq show prints fields, then attempts", "[cluster][cli][dlq]") {
  answered to{{ok(R"({"id":")" + id
                  + R"(","reason":"poison","attempts":[{"attempt":1,)"
                    R"("model":"m","worker":"m/0@n","started_at":"s",)"
                    R"("ended_at":"e","error":{"message":"crash"}}]})")}};
  CHECK(to.dlq({"show", id}) == 0);
  CHECK(to.cli.out()
        == "FIELD\tVALUE\nid\t" + id
             + "\nreason\tpoison\n\n"
               "ATTEMPT\tMODEL\tWORKER\tSTARTED\tENDED\tERROR\n"
               "1\tm\tm/0@n\ts\te\tcrash\n");
  answered none{{problem("404 Not Found", "not-found")}};
  CHECK(none.dlq({"show", id}) == 5);
}

TEST_CASE("dlq replay sends the edit and prints the new job",
          "[cluster][cli][dlq]") {
  temporary_directory folder;
  auto file = folder.str("edit.json");
  std::ofstream{file} << R"({"input":"short"})";
  answered to{{accepted(other)}};
  CHECK(to.dlq({"replay", id, "--edit", file}) == 0);
  CHECK(to.cli.out()
        == "ID\tRESULT\tJOB\tSTATUS\n" + id + "\treplayed\t" + other
             + "\tqueued\n");
  CHECK(begins(to.request(0), "POST /v1/dead-letters/" + id + "/replay "));
  CHECK(to.request(0).ends_with(R"({"edit":{"input":"short"}})"));
  answered again{{ok(R"({"id":")" + other + R"(","status":"completed"})")}};
  CHECK(again.dlq({"replay", id}) == 0);
  CHECK(again.cli.out().find("\talready\t" + other + "\tcompleted")
        != std::string::npos);
  std::ofstream{file} << "no json";
  CHECK(again.dlq({"replay", id, "--edit", file}) == 2);
  CHECK(again.dlq({"replay", id, "--edit", folder.str("none")}) == 2);
}

TEST_CASE("dlq replay tries every id; the first failure decides",
          "[cluster][cli][dlq]") {
  answered to{{problem("403 Forbidden", "insufficient-scope"),
               accepted("job_new"), problem("404 Not Found", "not-found")}};
  CHECK(to.dlq({"replay", id, other, "job_x"}) == 4);
  CHECK(to.cli.out().find(other + "\treplayed\tjob_new") != std::string::npos);
  CHECK(to.cli.complains(id + ": because (403 insufficient-scope)"));
  CHECK(to.cli.complains("job_x: because (404 not-found)"));
}

TEST_CASE("dlq replay waits while the server is busy", "[cluster][cli][dlq]") {
  answered to{
    {problem("503 Service Unavailable", "queue-full"), accepted(other)}};
  CHECK(to.dlq({"replay", id}) == 0);
  CHECK(to.cli.complains("queue-full"));
  CHECK(to.cli.out().find("\treplayed\t") != std::string::npos);
}

TEST_CASE("dlq replay by filter asks, skips poison and keeps its bound",
          "[cluster][cli][dlq]") {
  const auto letters = letter(id) + "," + letter(other, "poison");
  answered asked{{page(letters, other)}};
  CHECK(asked.dlq({"replay", "--model", "writer"}) == 2);
  CHECK(asked.cli.complains(
    "2 letters match: 1 attempts_exhausted, 1 poison; 2 of writer"));
  CHECK(asked.cli.complains("--yes"));
  CHECK(asked.server.requests().size() == 1);

  answered no{{page(letters, other)}};
  no.cli.input_terminal = true;
  no.cli.input = "n\n";
  CHECK(no.dlq({"replay", "--model", "writer"}) == 0);
  CHECK(no.server.requests().size() == 1);

  answered yes{
    {page(letters, other), page(letters, other), accepted("job_new")}};
  yes.cli.input_terminal = true;
  yes.cli.input = "y\n";
  CHECK(yes.dlq({"replay", "--model", "writer", "--rate", "500", "--max", "9"})
        == 0);
  CHECK(yes.cli.complains("1 replayed, 1 poison skipped"));
  CHECK(begins(yes.request(1),
               "GET /v1/dead-letters?limit=9&order=asc&model=writer "));
  CHECK(begins(yes.request(2), "POST /v1/dead-letters/" + id + "/replay "));
}

TEST_CASE("dlq replay --dry-run by filter lists and changes nothing",
          "[cluster][cli][dlq]") {
  answered to{{page(letter(id), id)}};
  CHECK(to.dlq({"replay", "--reason", "attempts_exhausted", "--dry-run"}) == 0);
  CHECK(to.cli.out().find("\n" + id + "\tdead\t") != std::string::npos);
  CHECK(to.cli.complains("1 letter matches"));
  CHECK(to.server.requests().size() == 1);
}

TEST_CASE("dlq drop by id and by filter", "[cluster][cli][dlq]") {
  const std::string gone = "HTTP/1.1 204 No Content\r\n\r\n";
  answered to{{gone, problem("404 Not Found", "not-found")}};
  CHECK(to.dlq({"drop", id, other}) == 5);
  CHECK(to.cli.out() == id + "\n");
  CHECK(begins(to.request(0), "DELETE /v1/dead-letters/" + id + " "));
  answered bulk{{ok(R"({"matched":3,"dropped":3})")}};
  CHECK(bulk.dlq({"drop", "--died-before", "2026-01-01T00:00:00Z", "--max", "7",
                  "--yes"})
        == 0);
  CHECK(begins(bulk.request(0), "DELETE /v1/dead-letters?max=7"
                                "&died_before=2026-01-01T00%3A00%3A00Z "));
  CHECK(bulk.cli.complains("3 dropped"));
}

TEST_CASE("dlq refuses what makes no sense", "[cluster][cli][dlq]") {
  cli_run cli;
  CHECK(cli.run({"dlq"}) == 2);
  CHECK(cli.run({"dlq", "show"}) == 2);
  for (const std::string command : {"replay", "drop"}) {
    CHECK(cli.run({"dlq", command}) == 2);
    CHECK(cli.complains("name either ids or filters"));
    CHECK(cli.run({"dlq", command, id, "--model", "x"}) == 2);
    CHECK(cli.run({"dlq", command, "--model", "x", "--max", "0"}) == 2);
  }
  CHECK(cli.run({"dlq", "replay", "--model", "x", "--rate", "0"}) == 2);
  CHECK(cli.run({"dlq", "replay", "--model", "x", "--rate", "nan"}) == 2);
}

#include "runtime/http_client.hpp"

#include "tests/support/scripted_server.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>
#include <vector>

#include <unistd.h>

using namespace std::chrono_literals;
using namespace troupe::runtime;
using troupe::tests::scripted_connection;
using troupe::tests::scripted_server;

namespace {

http_client client_of(const scripted_server& server,
                      http_client_limits limits = {}, int stop_fd = -1) {
  return http_client{*http_url::parse(server.url()), limits, stop_fd};
}

class stop_pipe {
public:
  stop_pipe() { REQUIRE(pipe(ends_.data()) == 0); }
  ~stop_pipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  stop_pipe(const stop_pipe&) = delete;
  stop_pipe& operator=(const stop_pipe&) = delete;
  int fd() const { return ends_[0]; }
  void pull() const { (void)!write(ends_[1], "x", 1); }

private:
  std::array<int, 2> ends_{};
};

} // namespace

TEST_CASE("URLs are read or refused", "[runtime][http_client]") {
  auto url = http_url::parse("http://example.org:8080/base/");
  REQUIRE(url.has_value());
  CHECK(*url == http_url{"example.org", "8080", "/base"});
  CHECK(http_url::parse("http://[::1]:1/")->host == "::1");
  CHECK(http_url::parse("http://[::1]:1")->authority() == "[::1]:1");
  CHECK(http_url::parse("http://localhost")->authority() == "localhost");
  for (std::string text :
       {"", "localhost:80", "ftp://a", "http://", "http://:80",
        "http://a:", "http://a:65536", "http://a:x", "http://[::1",
        "http://[::1]x:1", "http://a b", "http://user@host", "http://a?b",
        "http://a#b", "http://a/\r\nHost: b", "http://[]:1"}) {
    INFO(text);
    CHECK(http_url::parse(text).has_error());
  }
  CHECK(http_url::parse("https://a").error().code == errc::unsupported);
}

TEST_CASE("a call sends what it says and returns the whole answer",
          "[runtime][http_client]") {
  scripted_server server{{scripted_server::answer(
    scripted_server::response("201 Created", "{\"a\":1}", "X-Thing: 7\r\n"))}};
  http_call call{.method = "POST",
                 .target = "/v1/jobs?x=1",
                 .headers = {{"Content-Type", "application/json"}},
                 .body = "{}",
                 .bearer = secret{"key-1"}};
  auto answer = client_of(server).send(call);
  REQUIRE(answer.has_value());
  CHECK(answer->status == 201);
  CHECK(answer->body == "{\"a\":1}");
  CHECK(answer->header("x-thing") == "7");
  CHECK(answer->header("absent").empty());
  auto seen = server.requests().at(0);
  INFO(seen);
  CHECK(seen.starts_with("POST /v1/jobs?x=1 HTTP/1.1\r\n"));
  CHECK(seen.find("\r\nHost: 127.0.0.1:") != std::string::npos);
  CHECK(seen.find("\r\nAuthorization: Bearer key-1\r\n") != std::string::npos);
  CHECK(seen.find("\r\nContent-Length: 2\r\n") != std::string::npos);
  CHECK(seen.ends_with("\r\n\r\n{}"));
}

TEST_CASE("a stream is delivered while it comes", "[runtime][http_client]") {
  std::string got;
  // The server goes on only once the client has seen the first piece.
  stop_pipe seen_first;
  scripted_server server{{[&](scripted_connection& to) {
    to.read_request();
    to.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5\r\nfirst\r\n");
    std::array<char, 1> go{};
    (void)!read(seen_first.fd(), go.data(), 1);
    to.write("6\r\nsecond\r\n0\r\n\r\n");
  }}};
  auto answer = client_of(server).stream(
    {}, {.wanted = [](const http_response& head) { return head.status == 200; },
         .take =
           [&](std::string_view bytes) {
             got += bytes;
             if (got == "first")
               seen_first.pull();
             return true;
           }});
  REQUIRE(answer.has_value());
  CHECK(got == "firstsecond");
  CHECK(answer->body.empty());
}

TEST_CASE("a refusal is collected where a stream was hoped for",
          "[runtime][http_client]") {
  scripted_server server{{scripted_server::answer(
    scripted_server::response("404 Not Found", "{\"status\":404}"))}};
  auto answer = client_of(server).stream(
    {}, {.wanted = [](const http_response& head) { return head.status == 200; },
         .take = [](std::string_view) { return true; }});
  REQUIRE(answer.has_value());
  CHECK(answer->status == 404);
  CHECK(answer->body == "{\"status\":404}");
}

TEST_CASE("a reader that has enough ends the call", "[runtime][http_client]") {
  scripted_server server{{[](scripted_connection& to) {
    to.read_request();
    to.write("HTTP/1.1 200 OK\r\n\r\nenough");
    to.wait_until_closed();
  }}};
  auto answer = client_of(server).stream(
    {}, {.wanted = [](const http_response&) { return true; },
         .take = [](std::string_view) { return false; }});
  CHECK(answer.has_value());
}

TEST_CASE("nobody listening is a failure before anything was sent",
          "[runtime][http_client]") {
  std::string url;
  {
    scripted_server gone{{scripted_server::answer("")}};
    url = gone.url();
  }
  auto answer = http_client{*http_url::parse(url)}.send({});
  REQUIRE(answer.has_error());
  CHECK(answer.error().stage == http_stage::connect);
  CHECK(answer.error().why.code == errc::io_error);
}

TEST_CASE("a name that does not exist is a failure to connect",
          "[runtime][http_client]") {
  auto answer =
    http_client{*http_url::parse("http://no-such-host.invalid")}.send({});
  REQUIRE(answer.has_error());
  CHECK(answer.error().stage == http_stage::connect);
}

TEST_CASE("broken answers fail at the stage they broke",
          "[runtime][http_client]") {
  struct broken {
    std::string text;
    http_stage stage;
    errc code;
  };
  std::vector<broken> cases{
    {"", http_stage::head, errc::io_error},
    {"HTTP/1.1 200 OK\r\nConte", http_stage::head, errc::io_error},
    {"SSH-2.0-hello\r\n\r\n", http_stage::head, errc::protocol_error},
    {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", http_stage::body,
     errc::io_error},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     http_stage::body, errc::protocol_error},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
     http_stage::body, errc::io_error},
    {"HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n",
     http_stage::head, errc::protocol_error},
  };
  for (const auto& x : cases) {
    INFO(x.text.substr(0, 60));
    scripted_server server{{scripted_server::answer(x.text)}};
    auto answer = client_of(server).send({});
    REQUIRE(answer.has_error());
    CHECK(answer.error().stage == x.stage);
    CHECK(answer.error().why.code == x.code);
    CHECK_FALSE(answer.error().why.context.empty());
  }
}

TEST_CASE("a collected body has a bound", "[runtime][http_client]") {
  scripted_server server{{scripted_server::answer(
    scripted_server::response("200 OK", std::string(4096, 'x')))}};
  auto client = client_of(server, {.body_bytes_max = 4095});
  auto answer = client.send({});
  REQUIRE(answer.has_error());
  CHECK(answer.error().why.code == errc::protocol_error);
  CHECK(client_of(server, {.body_bytes_max = 4096}).send({}).has_value());
}

TEST_CASE("a silent server runs into the time limits",
          "[runtime][http_client]") {
  auto silent_after = [](std::string text) {
    return [text](scripted_connection& to) {
      to.read_request();
      to.write(text);
      to.wait_until_closed();
    };
  };
  scripted_server mute{{silent_after("")}};
  auto first = client_of(mute, {.first_byte = 50ms}).send({});
  REQUIRE(first.has_error());
  CHECK(first.error().stage == http_stage::head);
  CHECK(first.error().why.code == errc::timeout);

  scripted_server stalled{{silent_after("HTTP/1.1 200 OK\r\n\r\nhalf")}};
  auto second = client_of(stalled, {.idle = 50ms}).send({});
  REQUIRE(second.has_error());
  CHECK(second.error().stage == http_stage::body);
  CHECK(second.error().why.code == errc::timeout);
}

TEST_CASE("the stop descriptor ends a call that waits",
          "[runtime][http_client]") {
  stop_pipe stop;
  scripted_server server{{[&](scripted_connection& to) {
    to.read_request();
    stop.pull();
    to.wait_until_closed();
  }}};
  auto client = client_of(server, {}, stop.fd());
  auto answer = client.send({});
  REQUIRE(answer.has_error());
  CHECK(answer.error().why.code == errc::cancelled);
  // It stays readable: the next call and the next pause end as well.
  CHECK(client.send({}).error().why.code == errc::cancelled);
  CHECK_FALSE(client.pause(1h));
}

TEST_CASE("a pause without a stop lasts its time", "[runtime][http_client]") {
  http_client client{*http_url::parse("http://localhost")};
  auto before = system_clock().mono();
  CHECK(client.pause(20ms));
  CHECK(system_clock().mono() - before >= 20ms);
}

TEST_CASE("control characters in a head are refused before connecting",
          "[runtime][http_client]") {
  scripted_server server{
    {scripted_server::answer(scripted_server::response("200 OK", ""))}};
  auto client = client_of(server);
  std::vector<http_call> calls{
    {.target = "/a b"},
    {.target = "/\r\nX: y"},
    {.method = "GET /x HTTP/1.1\r\n\r\nGET"},
    {.headers = {{"X", "a\r\nY: b"}}},
    {.headers = {{"X Y", "a"}}},
    {.headers = {{"", "a"}}},
    {.bearer = secret{"a\nb"}},
  };
  for (const auto& call : calls) {
    auto answer = client.send(call);
    REQUIRE(answer.has_error());
    CHECK(answer.error().why.code == errc::invalid_argument);
  }
  CHECK(server.requests().empty());
}

TEST_CASE("percent encoding leaves unreserved characters alone",
          "[runtime][http_client]") {
  CHECK(percent_encode("aZ09-._~") == "aZ09-._~");
  CHECK(percent_encode("a b/c?d&e=f%\xC3\xA4\n")
        == "a%20b%2Fc%3Fd%26e%3Df%25%C3%A4%0A");
}

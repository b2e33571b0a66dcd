#include "tests/support/gateway_under_test.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <functional>
#include <poll.h>

namespace troupe::tests {

namespace {

gateway::gateway_config on_free_ports(gateway::gateway_config config) {
  config.listen.port = 0;
  config.admin_listen.port = 0;
  return config;
}

uint16_t port_of(const std::string& address) {
  return static_cast<uint16_t>(
    std::stoul(address.substr(address.rfind(':') + 1)));
}

// The gateway's threads tell nobody when a counter changes.
bool poll_until(const std::function<bool()>& reached) {
  for (int i = 0; i < 10'000; ++i) {
    if (reached())
      return true;
    ::poll(nullptr, 0, 1);
  }
  return reached();
}

} // namespace

gateway_under_test::gateway_under_test(gateway::gateway_config config)
  : server_{on_free_ports(std::move(config)),
            {.jobs = jobs_,
             .status = jobs_,
             .breakers = breakers_,
             .tenants = tenant_port_,
             .sinks = sinks_,
             .clock = runtime::system_clock(),
             .metrics_text = [] { return std::string{"troupe_up 1\n"}; }}} {
  tenants_.configure(
    {{.name = "acme", .budget = {.cost_per_minute = 60, .burst = 120}}}, 1);
  for (auto* account : tenants_.all())
    account->open(
      {}, {runtime::system_clock().mono(), runtime::system_clock().wall()});
  auto bound = server_.start();
  REQUIRE(bound.has_value());
  port_ = port_of(bound->gateway);
  admin_port_ = port_of(bound->admin);
}

raw_reply gateway_under_test::get(std::string_view path,
                                  std::string_view fields) const {
  return ask(port_, get_request(path, fields));
}

raw_reply gateway_under_test::post(std::string_view path, std::string_view body,
                                   std::string_view fields) const {
  return ask(port_, post_request(path, body, fields));
}

std::string gateway_under_test::submit(std::string_view body) const {
  const auto reply = post("/v1/jobs", body);
  INFO(reply.body);
  REQUIRE(reply.status == 202);
  return json_text(reply.body, "id");
}

bool gateway_under_test::reaches(const gateway::counter& counter,
                                 uint64_t value) {
  return poll_until([&] { return counter.get() >= value; });
}

bool gateway_under_test::falls_to(const gateway::counter& counter,
                                  uint64_t value) {
  return poll_until([&] { return counter.get() <= value; });
}

std::string get_request(std::string_view path, std::string_view fields) {
  return std::string{"GET "}
    .append(path)
    .append(" HTTP/1.1\r\nHost: localhost\r\n")
    .append(fields)
    .append("\r\n");
}

std::string post_request(std::string_view path, std::string_view body,
                         std::string_view fields) {
  return std::string{"POST "}
    .append(path)
    .append(" HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Type: application/json\r\nContent-Length: ")
    .append(std::to_string(body.size()))
    .append("\r\n")
    .append(fields)
    .append("\r\n")
    .append(body);
}

std::string json_text(std::string_view json, std::string_view key) {
  const auto name = std::string{"\""}.append(key).append("\":\"");
  const auto at = json.find(name);
  if (at == std::string_view::npos)
    return {};
  const auto from = at + name.size();
  return std::string{json.substr(from, json.find('"', from) - from)};
}

} // namespace troupe::tests

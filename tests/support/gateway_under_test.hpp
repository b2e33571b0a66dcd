// A real gateway on real sockets over scripted jobs.
#pragma once

#include "gateway/server.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/scripted_breakers.hpp"
#include "tests/support/scripted_jobs.hpp"

#include <string>
#include <string_view>

namespace troupe::tests {

class gateway_under_test {
public:
  /// Ports are replaced by 0.
  explicit gateway_under_test(gateway::gateway_config config = {});

  scripted_jobs& jobs() noexcept { return jobs_; }
  scripted_breakers& breakers() noexcept { return breakers_; }
  /// `default` without limits; `acme`: 60 cost units per minute, 120 at once.
  runtime::tenant_table& tenants() noexcept { return tenants_; }
  runtime::sink_directory& sinks() noexcept { return sinks_; }
  gateway::server& server() noexcept { return server_; }
  const gateway::gateway_counters& counters() const noexcept {
    return server_.counters();
  }
  uint16_t port() const noexcept { return port_; }
  uint16_t admin_port() const noexcept { return admin_port_; }

  raw_client connect() const { return raw_client{port_}; }
  /// One request on a connection of its own, with Host and, for a body, its
  /// type and length. `fields`: further lines with CRLF.
  raw_reply get(std::string_view path, std::string_view fields = "") const;
  raw_reply post(std::string_view path, std::string_view body,
                 std::string_view fields = "") const;
  /// Submits a job for model `sim`; its id as text.
  std::string
  submit(std::string_view body = R"({"model":"sim","input":"Hi"})") const;
  /// Waits until a counter has at least this value; false after 10 s.
  static bool reaches(const gateway::counter& counter, uint64_t value);
  static bool falls_to(const gateway::counter& counter, uint64_t value);

private:
  runtime::sink_directory sinks_;
  scripted_jobs jobs_{sinks_};
  scripted_breakers breakers_{sinks_};
  runtime::tenant_table tenants_;
  gateway::table_tenants tenant_port_{tenants_, runtime::system_clock()};
  gateway::server server_;
  uint16_t port_ = 0;
  uint16_t admin_port_ = 0;
};

/// The bytes of such requests.
std::string get_request(std::string_view path, std::string_view fields = "");
std::string post_request(std::string_view path, std::string_view body,
                         std::string_view fields = "");
/// The value of a string member in JSON text, good enough for flat tests.
std::string json_text(std::string_view json, std::string_view key);

} // namespace troupe::tests

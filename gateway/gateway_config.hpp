// Every bound of the gateway in one place, with the defaults of the API
// contract (docs/api.md, "Limits"). The node maps its configuration file to
// this; tests set what they want to reach.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace troupe::gateway {

/// Sizes in bytes. What the framing guard enforces before anything is parsed.
struct framing_limits {
  size_t request_line_bytes_max = 4 * 1024; ///< Without its CRLF. 64..65'536.
  size_t header_bytes_max = 8 * 1024; ///< All field lines. 256..1'048'576.
  size_t header_fields_max = 100;
  uint64_t body_bytes_max = 1024 * 1024; ///< Decoded. At most 64 MiB.
};

struct gateway_limits {
  framing_limits framing;
  size_t json_depth_max = 32;
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{60'000};
  uint64_t body_rate_min = 1024; ///< Bytes per second, after the grace below.
  std::chrono::milliseconds body_rate_grace{5'000};
  std::chrono::milliseconds keep_alive{30'000};
  /// A write that makes no progress for so long ends the connection.
  std::chrono::milliseconds write_timeout{30'000};
  size_t connections_max = 4'096; ///< Over it, accepting pauses.
  size_t connections_per_ip_max = 100;
  bool loopback_exempt = true; ///< From the limit per address.
  size_t streams_max = 1'000;  ///< Open event streams of one tenant.
  size_t sse_buffer_bytes_max = 64 * 1024; ///< Unsent, per stream.
  std::chrono::milliseconds sse_heartbeat{15'000};
  /// How long an actor or the store may take to answer a request.
  std::chrono::milliseconds answer_timeout{10'000};
  /// How long a submitted job may be on its way to the disk. Afterwards its
  /// outcome is unknown and the answer says so.
  std::chrono::milliseconds submit_timeout{30'000};
  /// How long a second request with an Idempotency-Key waits for the first.
  std::chrono::milliseconds idempotency_wait{1'000};
  size_t discard_bytes_max = 64 * 1024; ///< Unread body after an early answer.
  std::chrono::milliseconds discard_timeout{2'000};
};

/// What a job gets whose request does not say.
struct class_defaults {
  std::chrono::seconds wait{0}; ///< Of POST /v1/jobs, as `Prefer: wait`; 0..60.
  bool durable = true;
};

struct listen_address {
  std::string host = "127.0.0.1"; ///< A literal IPv4 or IPv6 address.
  uint16_t port = 0;              ///< 0: any free port.
};

struct gateway_config {
  listen_address listen{"127.0.0.1", 8080};
  listen_address admin_listen{"127.0.0.1", 8081};
  uint32_t io_threads = 1; ///< 1..64.
  /// No keys are configured: everybody is tenant `default`, and only loopback
  /// names and same-site pages may call.
  bool open_mode = true;
  gateway_limits limits;
  /// By name; a class that is absent has the defaults.
  std::map<std::string, class_defaults> classes;
};

} // namespace troupe::gateway

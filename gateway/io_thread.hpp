// What one gateway thread owns: its io_context, its sink, its connections and
// their deadlines, and what it need not compute for every request.
#pragma once

#include "gateway/address_quota.hpp"
#include "gateway/coroutine.hpp"
#include "gateway/gateway_config.hpp"
#include "gateway/gateway_sink.hpp"
#include "gateway/job_port.hpp"
#include "gateway/server.hpp"
#include "runtime/clock.hpp"
#include "runtime/rng.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace troupe::gateway {

class connection;

/// Shared by all threads of one server.
struct gateway_shared {
  const gateway_config& config;
  gateway_parts parts;
  gateway_counters& counters;
  std::atomic<bool> draining{false};
  address_quota addresses{};
};

class io_thread {
public:
  io_thread(gateway_shared& shared, uint64_t seed);
  ~io_thread();
  io_thread(const io_thread&) = delete;
  io_thread& operator=(const io_thread&) = delete;

  asio::io_context& io() noexcept { return io_; }
  gateway_shared& shared() noexcept { return shared_; }
  const gateway_limits& limits() const noexcept {
    return shared_.config.limits;
  }
  gateway_counters& counters() noexcept { return shared_.counters; }
  gateway_sink& sink() noexcept { return *sink_; }
  runtime::rng& random() noexcept { return random_; }
  runtime::mono_time now() const noexcept { return shared_.parts.clock.mono(); }

  /// At most 50 ms old.
  const node_status& status();
  /// Of this second, for the Date field.
  const std::string& date();
  std::string make_request_id();
  /// An empty string with capacity, valid until the next await.
  std::string& scratch() noexcept {
    if (scratch_.capacity() > scratch_bytes_max)
      scratch_ = std::string{};
    scratch_.clear();
    return scratch_;
  }

  /// Runs until `stop`.
  void run();
  /// Any thread. Aborts every connection; `run` returns when all have ended.
  void stop();
  /// Any thread: closes idle connections, wakes the others.
  void begin_drain();

  void enrol(connection& x);
  void remove(connection& x);
  size_t connections() const noexcept { return table_.size(); }

private:
  static constexpr size_t scratch_bytes_max = 64 * 1024; ///< Kept.

  void arm_sweep();
  void sweep();
  void release_if_finished();

  gateway_shared& shared_;
  asio::io_context io_;
  asio::executor_work_guard<io_executor> work_;
  std::shared_ptr<gateway_sink> sink_;
  uint32_t sink_number_ = 0;
  asio::steady_timer timer_;
  bool sweeping_ = false;
  bool stopping_ = false;
  std::vector<connection*> table_;
  runtime::seeded_rng random_;
  node_status status_;
  runtime::mono_time status_at_{};
  bool status_known_ = false;
  std::string date_;
  std::string scratch_;
  int64_t date_s_ = -1;
};

} // namespace troupe::gateway

// The engine of a local model: a `troupe-engine` child process behind the
// `engine` seam. A crash, a hang or a broken frame ends the process and never
// the node; the owner hears `engine_died` and makes a new one.
#pragma once

#include "models/engine.hpp"
#include "models/engine_channel.hpp"
#include "models/engine_watchdog.hpp"

#include <unordered_set>

namespace troupe::models {

struct engine_process_config {
  std::string executable; ///< Path of troupe-engine.
  std::vector<std::string> arguments;
  backend_config backend;
  watchdog_config watchdog{};
  /// Orders that the engine has not read yet; above it attempts are refused.
  size_t unsent_bytes_max = 32u << 20;
  /// Events that nobody polled yet; above it the engine has to wait.
  size_t events_max = 4096;
  /// One line that the engine wrote; called from another thread. May be empty.
  std::function<void(std::string_view)> log;
};

/// What an engine sees of the node's environment, and its number of threads:
/// nothing secret, nothing that makes runs differ by accident.
std::vector<std::string> engine_environment(uint32_t threads);

/// Supervises by what `poll` is told: see `engine_watchdog`. The destructor
/// waits until the process is reaped, which is at once after `engine_died`.
class engine_process final : public engine {
public:
  explicit engine_process(engine_process_config config);

  void start(engine_wakeup wake) override;
  void admit(attempt_request request) override;
  void cancel(runtime::attempt_id id) override;
  void park(runtime::attempt_id id, bool keep_cache) override;
  void resume(runtime::attempt_id id) override;
  std::vector<engine_event> poll(runtime::mono_time now) override;
  std::optional<runtime::mono_time> next_due() const override;
  void kill() override;

private:
  void route(engine_event event, runtime::mono_time now,
             std::vector<engine_event>& out);
  void refuse(runtime::attempt_id id, runtime::failure why, bool transient);
  void end(runtime::failure why);

  engine_process_config config_;
  engine_watchdog watchdog_;
  std::unordered_set<runtime::attempt_id> running_;
  std::unordered_set<runtime::attempt_id> parked_;
  std::vector<engine_event> refusals_; ///< Told by the next poll.
  uint32_t slots_;
  bool watched_ = false; ///< The watchdog was told of the start.
  bool ready_ = false;
  bool ending_ = false; ///< Only `engine_died` is still to come.
  bool dead_ = false;
  std::unique_ptr<engine_channel> channel_; ///< Null before `start`.
};

} // namespace troupe::models

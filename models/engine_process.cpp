#include "models/engine_process.hpp"

#include <cstdlib>

namespace troupe::models {
namespace {

using runtime::errc;
using runtime::fail;
using runtime::mono_time;

/// The attempt that an event is about; nothing for events of the engine.
const runtime::attempt_id* attempt_of(const engine_event& event) noexcept {
  return std::visit(
    [](const auto& x) -> const runtime::attempt_id* {
      if constexpr (requires { x.id; })
        return &x.id;
      else
        return nullptr;
    },
    event);
}

bool leaves_slot(const engine_event& event) noexcept {
  return std::holds_alternative<attempt_finished>(event)
         || std::holds_alternative<attempt_failed>(event)
         || std::holds_alternative<attempt_parked>(event);
}

} // namespace

std::vector<std::string> engine_environment(uint32_t threads) {
  // The last four are for sanitizer builds.
  constexpr const char* passed[] = {"PATH",
                                    "LANG",
                                    "LD_LIBRARY_PATH",
                                    "OPENBLAS_CORETYPE",
                                    "OPENBLAS_L2_SIZE",
                                    "CUDA_VISIBLE_DEVICES",
                                    "ASAN_OPTIONS",
                                    "LSAN_OPTIONS",
                                    "TSAN_OPTIONS",
                                    "UBSAN_OPTIONS"};
  std::vector<std::string> environment;
  for (const auto* name : passed)
    if (const char* value = std::getenv(name))
      environment.push_back(std::string{name} + "=" + value);
  auto count = std::to_string(threads);
  environment.push_back("OMP_NUM_THREADS=" + count);
  environment.push_back("OPENBLAS_NUM_THREADS=" + count);
  return environment;
}

engine_process::engine_process(engine_process_config config)
  : config_{std::move(config)}, watchdog_{config_.watchdog},
    slots_{config_.backend.slots} {}

void engine_process::start(engine_wakeup wake) {
  if (channel_)
    return;
  channel_config channel{
    .command = {.executable = config_.executable,
                .arguments = config_.arguments,
                .environment = engine_environment(config_.backend.threads)},
    .backend = config_.backend,
    .unsent_bytes_max = config_.unsent_bytes_max,
    .events_max = config_.events_max,
    .log = config_.log};
  channel_ =
    std::make_unique<engine_channel>(std::move(channel), std::move(wake));
}

void engine_process::admit(attempt_request request) {
  if (ending_ || !channel_ || running_.contains(request.id))
    return;
  auto id = request.id;
  if (running_.size() >= slots_) {
    refuse(id, fail(errc::queue_full, "no free slot"), true);
    return;
  }
  switch (channel_->send(admit_order{std::move(request)})) {
    case engine_channel::sent::yes:
      running_.insert(id);
      break;
    case engine_channel::sent::full:
      refuse(id, fail(errc::queue_full, "the engine does not keep up"), true);
      break;
    case engine_channel::sent::too_long:
      refuse(id,
             fail(errc::context_too_long, "the input exceeds an engine frame"),
             false);
      break;
    case engine_channel::sent::closed:
      break; // `engine_died` is on its way and ends this attempt too.
  }
}

void engine_process::cancel(runtime::attempt_id id) {
  if (running_.erase(id) + parked_.erase(id) == 0 || ending_)
    return;
  channel_->send(cancel_order{id});
}

void engine_process::park(runtime::attempt_id id, bool keep_cache) {
  if (!ending_ && running_.contains(id))
    channel_->send(park_order{id, keep_cache});
}

void engine_process::resume(runtime::attempt_id id) {
  if (ending_ || parked_.erase(id) == 0)
    return;
  if (running_.size() >= slots_) {
    channel_->send(cancel_order{id});
    refuse(id, fail(errc::queue_full, "no free slot"), true);
  } else {
    channel_->send(resume_order{id}); // Never refused for its size.
    running_.insert(id);
  }
}

void engine_process::kill() {
  end(fail(errc::worker_lost, "the engine was stopped"));
}

std::vector<engine_event> engine_process::poll(mono_time now) {
  std::vector<engine_event> out;
  if (dead_ || !channel_)
    return out;
  if (!std::exchange(watched_, true))
    watchdog_.started(now);
  out = std::exchange(refusals_, {});
  for (auto& event : channel_->take())
    route(std::move(event), now, out);
  if (ending_)
    return out;
  watchdog_.observe(now);
  watchdog_.occupied(static_cast<uint32_t>(running_.size()), now);
  auto verdict = watchdog_.check(now);
  if (verdict != engine_verdict::healthy)
    end(fail(errc::worker_lost, describe(verdict, config_.watchdog)));
  return out;
}

std::optional<mono_time> engine_process::next_due() const {
  if (dead_ || !channel_)
    return std::nullopt;
  if (!watched_ || !refusals_.empty())
    return mono_time::min();
  if (ending_)
    return std::nullopt; // Woken when the process is reaped.
  return watchdog_.next_check();
}

void engine_process::route(engine_event event, mono_time now,
                           std::vector<engine_event>& out) {
  if (std::holds_alternative<engine_died>(event)) {
    ending_ = true;
    dead_ = true;
    running_.clear();
    parked_.clear();
    out.push_back(std::move(event));
    return;
  }
  if (ending_)
    return;
  if (const auto* beat = std::get_if<engine_beat>(&event)) {
    watchdog_.beat(beat->steps, now);
    out.push_back(std::move(event));
    return;
  }
  auto* ready = std::get_if<engine_ready>(&event);
  if ((ready != nullptr) == ready_) {
    end(fail(errc::protocol_error,
             ready_ ? "engine frame: ready twice" : "engine frame: not ready"));
    return;
  }
  if (ready != nullptr) {
    ready_ = true;
    slots_ = ready->description.slots;
    if (slots_ < 1 || slots_ > engine_slots_max) {
      end(fail(errc::protocol_error,
               "engine frame: " + std::to_string(slots_) + " slots"));
      return;
    }
    watchdog_.ready(now);
  } else {
    watchdog_.progress(now);
    const auto* id = attempt_of(event);
    // What the engine said before it heard of a cancellation.
    if (id == nullptr || !running_.contains(*id))
      return;
    if (std::holds_alternative<attempt_parked>(event))
      parked_.insert(*id);
    if (leaves_slot(event))
      running_.erase(*id);
  }
  out.push_back(std::move(event));
}

void engine_process::refuse(runtime::attempt_id id, runtime::failure why,
                            bool transient) {
  refusals_.push_back(
    attempt_failed{.id = id, .why = std::move(why), .transient = transient});
}

void engine_process::end(runtime::failure why) {
  if (dead_ || std::exchange(ending_, true) || !channel_)
    return;
  channel_->kill(std::move(why));
}

} // namespace troupe::models

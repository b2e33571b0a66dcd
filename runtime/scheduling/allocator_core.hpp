// Which worker of a pool should serve which model (scheduling.md section 8): at
// most one move a tick, from the model that drains soonest to the one that
// drains last, and only if that gains clearly more than the switch costs.
#pragma once

#include "runtime/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

enum class model_kind : uint8_t { fast = 1, accurate, experimental };

struct allocator_limits {
  double gain_min_s = 2;     ///< > 0.
  double gain_ratio = 0.25;  ///< Of the receiver's drain + load time; >= 0.
  double load_initial_s = 5; ///< Drain + load time before it was measured.
  double load_alpha = 0.3;   ///< Weight of the newest measurement, (0, 1].
  double experimental_share_max = 0.1; ///< Of the pool's workers.
  uint32_t failed_loads = 2;           ///< In a row; then the model gets none
  duration failed_load_pause{std::chrono::minutes{2}}; ///< for this long.
};

/// A model that the pool can serve.
struct pool_model {
  std::string model;
  model_kind kind = model_kind::accurate;
  double work_s = 0;         ///< Due queued + running; NaN, negative: 0.
  double limit_s = 60;       ///< Drain beyond which it gives no worker away.
  uint32_t workers_min = 1;  ///< An experimental model has no floor.
  uint32_t workers_max = 0;  ///< 0: as many as there are.
  uint64_t memory_bytes = 0; ///< On a device.
  bool breaker_open = false;
};

struct pool_worker {
  std::string worker;
  std::string model; ///< What it serves or loads; empty: nothing.
  double speed = 1;  ///< Slots * speed; NaN, negative: 0.
  bool loading = false;
  uint64_t memory_bytes = 0; ///< Of its device, for models.
};

enum class move_reason : uint8_t {
  gain = 1,   ///< The receiver's drain falls enough.
  floor,      ///< The receiver is below its floor.
  surplus,    ///< To an experimental model, from what others can spare.
  withdrawal, ///< Experimental models must give workers back.
  holding,    ///< The last move is too fresh.
  balanced,   ///< No gain beyond the threshold.
  no_donor,   ///< Nobody may give the receiver a worker that fits it.
  no_receiver ///< No model may take one.
};
std::string_view to_string(move_reason reason) noexcept;

/// Without a worker nothing moves, and `reason` says why the neediest model `to`
/// gets none. Drains may be infinite.
struct allocator_decision {
  move_reason reason = move_reason::no_receiver;
  std::string worker; ///< To move; empty: none.
  std::string from;   ///< Empty: it served nothing.
  std::string to;
  double receiver_drain_s = 0;
  double donor_drain_after_s = 0;
  double threshold_s = 0; ///< What the difference had to exceed.
  bool moves() const noexcept { return !worker.empty(); }
};

/// Of one pool of interchangeable workers. The caller carries a move out and
/// reports the worker under its new model, loading, from the next tick on.
class allocator_core {
public:
  explicit allocator_core(allocator_limits limits) noexcept : limits_{limits} {}

  /// Once a second. `models`: each once; workers of other models stay.
  allocator_decision decide(mono_time now, std::span<const pool_model> models,
                            std::span<const pool_worker> workers);
  /// `took`: emptying the worker and loading the model.
  void load_finished(const std::string& model, duration took);
  void load_failed(const std::string& model, mono_time now);
  double load_s(const std::string& model) const;
  mono_time hold_until() const noexcept { return hold_until_; }

private:
  struct load_history {
    std::optional<double> load_s;
    uint32_t failures = 0; ///< In a row.
    mono_time last_failure{};
  };
  bool pauses(const std::string& model, mono_time now) const;

  allocator_limits limits_;
  std::map<std::string, load_history> loads_;
  mono_time hold_until_ = mono_time::min();
};

} // namespace troupe::runtime

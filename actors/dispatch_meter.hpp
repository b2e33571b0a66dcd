// A dispatcher's metrics, so that it need not know them. Without a registry it
// does nothing.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/dispatch_messages.hpp"
#include "runtime/scheduling/calibration.hpp"
#include "runtime/scheduling/dispatch_core.hpp"
#include "runtime/scheduling/policy_source.hpp"
#include "runtime/scheduling/starvation_watch.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::actors {

class dispatch_meter {
public:
  dispatch_meter(actor_env& env, std::string model,
                 std::shared_ptr<const runtime::queue_rules> rules)
    : env_{env}, model_{std::move(model)}, rules_{std::move(rules)} {}

  /// A dispatcher began; from the second on as somebody's heir.
  void begun(uint64_t generation);
  void measured(const attempt_measured& x);
  /// A queue's change was told at `at`.
  void announced(runtime::mono_time at);
  /// A shard granted a lease that was asked for so long ago.
  void granted(std::optional<runtime::duration> after);
  void refused(size_t leases);
  /// After each pick.
  void picked(const runtime::dispatch_core& core,
              const std::vector<runtime::lease_order>& orders);
  void published(const runtime::dispatch_core& core,
                 const runtime::policy_source& source,
                 const runtime::model_policy& policy, double running_s);

private:
  void add_idle(const runtime::dispatch_core& core);

  actor_env& env_;
  std::string model_;
  std::shared_ptr<const runtime::queue_rules> rules_;
  runtime::calibration calibration_;
  runtime::starvation_watch starvation_;
  uint64_t timed_out_ = 0;
  std::optional<runtime::mono_time> stepped_at_;
  uint32_t free_ = 0;      ///< Slots, since then.
  bool held_back_ = false; ///< Jobs waited for them.
  std::optional<runtime::mono_time> calibrated_at_;
};

} // namespace troupe::actors

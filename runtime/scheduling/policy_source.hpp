// What a model's dispatcher publishes to all shards each second: learnt costs,
// and terms that follow the backlog the shards report.
#pragma once

#include "runtime/ids.hpp"
#include "runtime/scheduling/intent_policy.hpp"
#include "runtime/scheduling/label_watch.hpp"
#include "runtime/scheduling/queue_policy.hpp"
#include "runtime/scheduling/wait_calibration.hpp"

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>

namespace troupe::runtime {

class policy_source {
public:
  /// `crowded_s` > 0: due drain beyond which answers are capped
  /// (load_cap.hpp); infinite: never.
  policy_source(boost_settings boost, cost_prior prior,
                double crowded_s = std::numeric_limits<double>::infinity());

  /// A job of that predicted work was leased.
  void leased(double work_s) noexcept { boost_.observe_work(work_s); }
  void measured(const cost_sample& s);
  /// A job's real wait over what was estimated for it.
  void waited(double ratio) noexcept { waits_.observe(ratio); }
  /// What waits in the shard; `due_work_s` of it is due, seconds of one slot.
  void backlog(shard_id shard, double due_work_s, backlog_curve waiting);
  void forget(shard_id shard) { shards_.erase(shard); }
  /// Some shard reported work that waits.
  bool work_waits() const noexcept;
  /// What the dispatcher before this one published last, as a shard still has
  /// it. The first one counts, and only before a shard reports: without it the
  /// order would be nearly that of arrival until the average has grown anew.
  /// True if it counted.
  bool resume(const model_policy& last, mono_time now);
  /// What was learnt before, as a shard kept it; counts if it is more than what
  /// is known here. True if it counted.
  bool adopt(const cost_model& kept);
  const cost_model& costs() const noexcept { return costs_; }
  /// Of all shards that report.
  double due_work_s() const noexcept;
  void describe(uint32_t context_length) noexcept { context_ = context_length; }

  /// What the dispatcher sees at this moment.
  struct state {
    /// Slots times speed; while there is none the last one counts, and before
    /// the first one nobody can say how long the backlog will take.
    double capacity = 0;
    double running_s = 0; ///< Predicted rest of what runs.
    uint32_t slots_free = 0;
    uint32_t tenants = 1; ///< That wait.
    bool breaker_closed = true;
    duration load_time{0}; ///< Of the model.
    queue_front front;
  };
  std::shared_ptr<const model_policy> publish(state now_seen, mono_time now);
  /// Something is left that time alone will change: publish again.
  bool changing() const noexcept { return crowded_.on(); }

private:
  boost_terms boost_;
  cost_prior prior_;
  cost_model costs_;
  label_watch labels_;
  load_switch crowded_;
  wait_calibration waits_;
  std::shared_ptr<const cost_model> published_;
  struct shard_report {
    double due_s = 0;
    backlog_curve waiting;
  };
  std::map<shard_id, shard_report> shards_;
  std::optional<double> capacity_;
  bool resumed_ = false;
  uint32_t context_ = 0;
};

} // namespace troupe::runtime

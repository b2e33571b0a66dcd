// Troupe's own order: the classes of runtime/scheduling, unchanged, on virtual
// time. One queue, one dispatcher, no delays between them. Overdue jobs get no
// precedence here: that rule would hide a broken starvation bound.
#pragma once

#include "runtime/scheduling/boost_terms.hpp"
#include "runtime/scheduling/cost_model.hpp"
#include "runtime/scheduling/key_histogram.hpp"
#include "runtime/scheduling/priority_key.hpp"
#include "runtime/scheduling/tenant_gate.hpp"
#include "tests/bench/sched/serve.hpp"

#include <array>
#include <cstddef>
#include <queue>

namespace troupe::bench {

struct troupe_options {
  runtime::boost_settings boost;
  double gate_slack_jobs = 0; ///< 0: no tenant gate.
  double stop_ratio = 0.8;    ///< A job this near its predicted end stays.
  bool sheds = false;         ///< The ladder with its last rung alone.
  double deadline_margin_s = 0.1;
  double slo_s = 0;
  double deferral_max_s = 0;
  std::array<double, 3> weights{0.0625, 1, 16}; ///< By tier.
  /// > 0: a job whose estimated wait exceeds this times its tier's factor is
  /// refused.
  double backlog_limit_s = 0;
  std::array<double, 3> factors{0.5, 1, 2};
  bool learns = false; ///< Predictions are the cost model's, learnt online.
};

/// What the audit of a run needs to know of its keys.
struct key_log {
  struct limit {
    double from;
    double limit_s; ///< B.
  };
  std::vector<int64_t> keys;  ///< Per job, microseconds.
  std::vector<int64_t> bases; ///< Likewise.
  std::vector<limit> limits;  ///< As published, from the start on.
};

class troupe_order : public order {
public:
  troupe_order(const workload& w, const troupe_options& options);

  bool arrive(uint32_t job, double now) override;
  std::optional<choice> pick(double now) override;
  void started(uint32_t job, double now) override;
  void finished(uint32_t job, double now) override;
  void parked(uint32_t job, double now) override;
  bool displaces(uint32_t running, double done) const override;
  double next_tick() const override { return next_tick_; }
  void tick(double now) override;

  const key_log& log() const noexcept { return log_; }
  /// Largest difference of two tenants' clocks, among those that waited at the
  /// same time, that was ever seen; seconds of work per share.
  double gap_seen() const noexcept { return gap_seen_; }
  /// Largest slack U that was ever allowed.
  double slack_seen() const noexcept { return slack_seen_; }

private:
  struct prediction {
    float mean_s = 0;
    float p50_s = 0;
  };
  struct waiting {
    int64_t key;
    uint32_t job;
    friend auto operator<=>(const waiting&, const waiting&) = default;
  };
  using key_heap =
    std::priority_queue<waiting, std::vector<waiting>, std::greater<>>;
  struct latest_start {
    double at;
    uint32_t job;
    friend auto operator<=>(const latest_start&, const latest_start&) = default;
  };
  enum class place : uint8_t { outside, queue, slot };

  /// `policy_snapshot` goes out once a second.
  static constexpr double snapshot_s = 1;

  runtime::cost_features features(const sim_job& j) const;
  double predict(uint32_t job);
  void enqueue(uint32_t job);
  void leave_queue(uint32_t job);
  key_heap& heap_of(uint32_t job);
  const waiting* first() const;
  void offer_head(uint32_t tenant);
  std::optional<uint32_t> next_job();
  std::optional<uint32_t> next_dead(double now);
  double running_rest(double now) const;
  double work_ahead(int64_t key, double now) const;
  bool gated() const noexcept { return options_.gate_slack_jobs > 0; }

  const workload& work_;
  troupe_options options_;
  runtime::boost_terms terms_;
  runtime::key_terms current_;
  runtime::cost_model costs_;
  runtime::tenant_gate gate_;
  runtime::key_histogram queued_;
  std::vector<key_heap> heaps_; ///< One, or one per tenant.
  std::priority_queue<latest_start, std::vector<latest_start>, std::greater<>>
    latest_starts_;
  std::vector<prediction> predictions_;
  std::vector<place> places_;
  std::vector<float> charged_; ///< With a gate: what the tenant was charged.
  std::vector<std::pair<uint32_t, double>> running_; ///< Job, since.
  key_log log_;
  double next_tick_ = snapshot_s;
  double gap_seen_ = 0;
  double slack_seen_ = 0;
};

} // namespace troupe::bench

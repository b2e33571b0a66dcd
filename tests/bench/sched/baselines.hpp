// The orders that Troupe's is compared with.
#pragma once

#include "tests/bench/sched/serve.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <queue>

namespace troupe::bench {

struct ranked_options {
  bool preemptive = false; ///< At the ends of slices.
  bool shed = false; ///< Who would be late by its prediction is not served.
};

/// Smallest number first, fixed at arrival; ties by arrival.
class ranked_order : public order {
public:
  using rank = std::function<double(const sim_job&)>;

  ranked_order(const workload& w, rank r, ranked_options o = {})
    : work_{w}, rank_{std::move(r)}, options_{o} {}

  bool arrive(uint32_t job, double now) override;
  std::optional<choice> pick(double now) override;
  void parked(uint32_t job, double now) override { arrive(job, now); }
  bool displaces(uint32_t running, double done) const override;

private:
  struct entry {
    double rank;
    uint32_t job;
    bool operator>(const entry& x) const {
      return rank != x.rank ? rank > x.rank : job > x.job;
    }
  };
  const workload& work_;
  rank rank_;
  ranked_options options_;
  std::priority_queue<entry, std::vector<entry>, std::greater<>> waiting_;
};

ranked_order fcfs_order(const workload& w);
/// Non-preemptive shortest first.
ranked_order sjf_order(const workload& w, bool oracle);
/// Predicted shortest first, re-decided at each slice.
ranked_order sliced_sjf_order(const workload& w);
/// Earliest deadline first; who cannot make it is shed.
ranked_order edf_shed_order(const workload& w);
/// Higher tiers strictly first.
ranked_order tier_order(const workload& w);

/// Virtual token counters: who received least so far is next, first come first
/// served within a tenant (Sheng et al., arXiv 2401.00588).
class vtc_order : public order {
public:
  explicit vtc_order(const workload& w) : work_{w}, tenants_(w.tenants) {}
  bool arrive(uint32_t job, double now) override;
  std::optional<choice> pick(double now) override;

private:
  struct tenant {
    double received = 0;
    std::deque<uint32_t> waiting;
  };
  tenant* least();
  const workload& work_;
  std::vector<tenant> tenants_;
  double floor_ = 0; ///< What the last served had received.
};

} // namespace troupe::bench

#include "tests/bench/sched/worker_pool.hpp"

#include "runtime/scheduling/allocator_core.hpp"
#include "tests/bench/sched/variates.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numbers>

namespace troupe::bench {
namespace {

constexpr uint32_t nobody = UINT32_MAX;
constexpr double tick_s = 1;

runtime::mono_time mono(double seconds) {
  return runtime::mono_time{
    runtime::duration{static_cast<int64_t>(std::llround(seconds * 1e6))}};
}

uint32_t drawn_model(const drift_plan& p, double now, double u) {
  for (uint32_t m = 0; m + 1 < p.models; ++m) {
    auto turn = now / p.period_s + static_cast<double>(m) / p.models;
    auto share =
      (1 + p.swing * std::sin(2 * std::numbers::pi * turn)) / p.models;
    if (u < share)
      return m;
    u -= share;
  }
  return p.models - 1;
}

class worker_pool {
public:
  worker_pool(const workload& w, const pool_options& options)
    : work_{w}, options_{options}, workers_(w.slots), queues_(w.tenants) {
    outcome_.trace.jobs.resize(w.jobs.size());
    for (uint32_t i = 0; i < w.slots; ++i)
      workers_[i].model = i % w.tenants;
  }

  pool_outcome run() {
    while (served_ < work_.jobs.size()) {
      auto next = std::min_element(
        workers_.begin(), workers_.end(),
        [](const auto& a, const auto& b) { return a.free_at < b.free_at; });
      auto arrival =
        next_ < work_.jobs.size() ? work_.jobs[next_].arrival : never;
      auto now = std::min({next->free_at, arrival, tick_at_});
      if (now == next->free_at)
        step(*next, now);
      else if (now == arrival)
        arrive(now);
      else
        tick(now);
    }
    return std::move(outcome_);
  }

private:
  enum class doing : uint8_t { nothing, job, load };
  struct worker {
    uint32_t model = 0; ///< What it serves, or will once loaded.
    doing now = doing::nothing;
    uint32_t job = nobody;
    double free_at = never;  ///< End of the job, or of loading.
    double moved_at = never; ///< When it was told to change its model.
    bool changes() const { return moved_at < never; }
  };

  void arrive(double now) {
    auto job = static_cast<uint32_t>(next_++);
    auto model = work_.jobs[job].tenant;
    queues_[model].push_back(job);
    for (auto& w : workers_)
      if (w.model == model && w.now == doing::nothing)
        return serve_next(w, now);
  }

  void serve_next(worker& w, double now) {
    auto& queue = queues_[w.model];
    w.now = doing::nothing;
    w.free_at = never;
    if (queue.empty())
      return;
    w.job = queue.front();
    queue.pop_front();
    w.now = doing::job;
    w.free_at = now + work_.jobs[w.job].work;
    outcome_.trace.jobs[w.job].start = now;
  }

  /// Its job, or its loading, is done.
  void step(worker& w, double now) {
    if (w.now == doing::job) {
      auto& t = outcome_.trace.jobs[w.job];
      t.finish = now;
      t.served = true;
      ++served_;
      if (w.changes())
        return load(w, now);
    } else {
      allocator_.load_finished(name(w.model), mono(now) - mono(w.moved_at));
      w.moved_at = never;
    }
    serve_next(w, now);
  }

  void load(worker& w, double now) {
    w.now = doing::load;
    w.free_at = now + options_.load_s;
  }

  static std::string name(uint32_t i) { return std::to_string(i); }

  double left(const worker& w, double now) const {
    const auto& j = work_.jobs[w.job];
    auto ran = now - outcome_.trace.jobs[w.job].start;
    return std::max(j.predicted - ran, 0.0);
  }

  void tick(double now) {
    tick_at_ = now + tick_s;
    if (!options_.allocates)
      return;
    std::vector<runtime::pool_model> models;
    for (uint32_t m = 0; m < queues_.size(); ++m) {
      models.push_back({.model = name(m)});
      for (auto job : queues_[m])
        models.back().work_s += work_.jobs[job].predicted;
    }
    std::vector<runtime::pool_worker> workers;
    for (uint32_t i = 0; i < workers_.size(); ++i) {
      const auto& w = workers_[i];
      workers.push_back(
        {.worker = name(i), .model = name(w.model), .loading = w.changes()});
      // A worker that is leaving still ends its job, for its old model.
      if (w.now == doing::job && !w.changes())
        models[w.model].work_s += left(w, now);
    }
    auto decision = allocator_.decide(mono(now), models, workers);
    if (decision.moves())
      move(decision, now);
  }

  void move(const runtime::allocator_decision& d, double now) {
    ++outcome_.moves;
    auto& w = workers_[std::stoul(d.worker)];
    w.model = static_cast<uint32_t>(std::stoul(d.to));
    w.moved_at = now;
    if (w.now == doing::nothing)
      load(w, now);
  }

  const workload& work_;
  pool_options options_;
  runtime::allocator_core allocator_{runtime::allocator_limits{}};
  std::vector<worker> workers_;
  std::vector<std::deque<uint32_t>> queues_;
  double tick_at_ = tick_s;
  size_t next_ = 0;
  size_t served_ = 0;
  pool_outcome outcome_;
};

} // namespace

workload drift_workload(const drift_plan& p, uint64_t seed) {
  workload w{.slots = p.workers, .tenants = p.models};
  variates v{seed * 1000 + 7};
  auto sigma = std::sqrt(std::log1p(p.squared_cv));
  auto mu = std::log(p.mean_s) - sigma * sigma / 2;
  auto gap = p.mean_s / (p.load * p.workers);
  for (auto now = v.exponential(gap); now < p.hours * 3600;
       now += v.exponential(gap)) {
    auto work = v.lognormal(mu, sigma);
    w.jobs.push_back({.arrival = now,
                      .work = work,
                      .predicted = work,
                      .predicted_p50 = work,
                      .tenant = drawn_model(p, now, v.uniform())});
  }
  return w;
}

pool_outcome serve_pool(const workload& w, const pool_options& options) {
  return worker_pool{w, options}.run();
}

} // namespace troupe::bench

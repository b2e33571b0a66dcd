#include "tests/bench/sched/run_summary.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace troupe::bench {

void run_summary::add(const workload& w, const run_trace& t) {
  tenants_.resize(std::max<size_t>(tenants_.size(), w.tenants));
  for (size_t i = 0; i < w.jobs.size(); ++i) {
    const auto& j = w.jobs[i];
    const auto& x = t.jobs[i];
    if (only_ && !only_(j))
      continue;
    ++jobs_;
    auto good = x.served && x.finish <= j.limit;
    in_time_ += good;
    late_ += !good && x.start < never;
    if (!x.served)
      continue;
    auto response = t.response(w, i);
    responses_.push_back(response);
    slowdown_ += response / j.work;
    tenants_[j.tenant].speed += j.work / response;
    ++tenants_[j.tenant].jobs;
  }
  sorted_ = false;
}

void run_summary::merge(const run_summary& x) {
  responses_.insert(responses_.end(), x.responses_.begin(), x.responses_.end());
  sorted_ = false;
  tenants_.resize(std::max(tenants_.size(), x.tenants_.size()));
  for (size_t t = 0; t < x.tenants_.size(); ++t) {
    tenants_[t].speed += x.tenants_[t].speed;
    tenants_[t].jobs += x.tenants_[t].jobs;
  }
  jobs_ += x.jobs_;
  in_time_ += x.in_time_;
  late_ += x.late_;
  slowdown_ += x.slowdown_;
}

double run_summary::quantile(double q) const {
  if (responses_.empty())
    return 0;
  if (!sorted_)
    std::sort(responses_.begin(), responses_.end());
  sorted_ = true;
  auto rank = std::ceil(q * static_cast<double>(responses_.size()));
  auto index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
  return responses_[std::min(index, responses_.size() - 1)];
}

double run_summary::jain() const {
  double sum = 0, squares = 0;
  int n = 0;
  for (const auto& t : tenants_) {
    if (t.jobs == 0)
      continue;
    auto x = t.speed / static_cast<double>(t.jobs);
    sum += x;
    squares += x * x;
    ++n;
  }
  return n == 0 ? 1 : sum * sum / (n * squares);
}

run_figures run_summary::figures() const {
  run_figures f{.jobs = jobs_, .served = responses_.size(), .jain = jain()};
  auto all = static_cast<double>(std::max<uint64_t>(jobs_, 1));
  f.goodput = static_cast<double>(in_time_) / all;
  f.ran_late = static_cast<double>(late_) / all;
  if (responses_.empty())
    return f;
  auto n = static_cast<double>(responses_.size());
  f.p50 = quantile(0.5);
  f.p90 = quantile(0.9);
  f.p95 = quantile(0.95);
  f.p99 = quantile(0.99);
  f.p999 = quantile(0.999);
  f.max = responses_.back();
  f.mean = std::accumulate(responses_.begin(), responses_.end(), 0.0) / n;
  f.slowdown = slowdown_ / n;
  return f;
}

} // namespace troupe::bench

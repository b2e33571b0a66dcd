#include "tests/bench/sched/starvation_audit.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <tuple>

namespace troupe::bench {
namespace {

/// Keys are whole microseconds, and sums of a million doubles are not exact.
constexpr double rounding_s = 1e-4;

/// The largest limit in effect at some time of an interval.
class limit_maximum {
public:
  explicit limit_maximum(const std::vector<key_log::limit>& limits)
    : limits_{limits} {
    std::vector<double> row;
    for (const auto& l : limits)
      row.push_back(l.limit_s);
    for (size_t width = 1; !row.empty(); width *= 2) {
      rows_.push_back(row);
      if (2 * width > row.size())
        break;
      for (size_t i = 0; i + width < row.size(); ++i)
        row[i] = std::max(row[i], row[i + width]);
    }
  }

  double between(double from, double to) const {
    auto first = index(from);
    auto last = index(to);
    auto level = static_cast<size_t>(std::bit_width(last - first + 1)) - 1;
    return std::max(rows_[level][first],
                    rows_[level][last + 1 - (size_t{1} << level)]);
  }

private:
  size_t index(double at) const {
    auto after = std::upper_bound(
      limits_.begin(), limits_.end(), at,
      [](double t, const key_log::limit& l) { return t < l.from; });
    return static_cast<size_t>(
      std::max<std::ptrdiff_t>(after - limits_.begin() - 1, 0));
  }
  const std::vector<key_log::limit>& limits_;
  std::vector<std::vector<double>> rows_; ///< [n]: maxima of 2^n in a row.
};

/// Sums of prefixes (Fenwick 1994).
class prefix_sums {
public:
  explicit prefix_sums(size_t n) : tree_(n + 1) {}
  void add(size_t i, double x) {
    for (++i; i < tree_.size(); i += i & -i)
      tree_[i] += x;
  }
  double before(size_t i) const {
    double sum = 0;
    for (; i > 0; i -= i & -i)
      sum += tree_[i];
    return sum;
  }

private:
  std::vector<double> tree_;
};

class audit {
public:
  audit(const workload& w, const run_trace& t, const key_log& log,
        const gate_terms* gate, double delay_s)
    : work_{w}, trace_{t}, log_{log}, gate_{gate}, delay_s_{delay_s},
      left_(w.jobs.size()), rank_(w.jobs.size()), queued_(w.jobs.size()),
      running_(groups()), running_ends_(groups()) {
    for (const auto& s : t.segments) {
      left_[s.job] += s.to - s.from;
      longest_ = std::max(longest_, left_[s.job]);
    }
    rank_jobs();
    collect();
  }

  audit_figures run() {
    for (const auto& e : events_)
      handle(e);
    return figures_;
  }

private:
  /// In this order at the same time: who leaves is counted out first.
  enum class what : uint8_t { pause, leave, arrive, resume, ask };
  struct event {
    double at;
    what kind;
    uint32_t job;
    double length; ///< Of a segment; `ask`: when the job left the queue.
  };

  size_t groups() const { return gate_ ? work_.tenants : 1; }
  uint32_t group(uint32_t job) const {
    return gate_ ? work_.jobs[job].tenant : 0;
  }

  /// Positions by (group, key, job).
  void rank_jobs() {
    std::vector<uint32_t> by(work_.jobs.size());
    std::iota(by.begin(), by.end(), 0U);
    std::sort(by.begin(), by.end(), [&](uint32_t a, uint32_t b) {
      return std::tuple{group(a), log_.keys[a], a}
             < std::tuple{group(b), log_.keys[b], b};
    });
    first_.assign(groups(), 0);
    for (uint32_t i = 0; i < by.size(); ++i) {
      rank_[by[i]] = i;
      if (i == 0 || group(by[i]) != group(by[i - 1]))
        first_[group(by[i])] = i;
    }
  }

  void collect() {
    limit_maximum limits{log_.limits};
    for (uint32_t i = 0; i < work_.jobs.size(); ++i) {
      const auto& x = trace_.jobs[i];
      auto arrival = work_.jobs[i].arrival;
      auto left_queue = std::min(x.start, x.finish);
      if (x.start == never && x.finish <= arrival)
        continue; // refused
      events_.push_back({arrival, what::arrive, i, 0});
      if (x.start == never)
        events_.push_back({x.finish, what::leave, i, 0});
      ++figures_.jobs;
      auto due = static_cast<double>(log_.bases[i]) / 1e6
                 + 3 * limits.between(arrival, left_queue);
      if (left_queue <= due)
        continue;
      ++figures_.waited;
      events_.push_back({std::max(due, arrival), what::ask, i, left_queue});
    }
    for (const auto& s : trace_.segments) {
      events_.push_back({s.from, what::resume, s.job, s.to - s.from});
      events_.push_back({s.to, what::pause, s.job, s.to - s.from});
    }
    std::stable_sort(
      events_.begin(), events_.end(), [](const event& a, const event& b) {
        return std::tuple{a.at, a.kind} < std::tuple{b.at, b.kind};
      });
  }

  void handle(const event& e) {
    auto g = group(e.job);
    auto& left = left_[e.job];
    switch (e.kind) {
      case what::arrive:
        queued_.add(rank_[e.job], left);
        break;
      case what::leave:
        queued_.add(rank_[e.job], -left);
        break;
      case what::resume:
        queued_.add(rank_[e.job], -left);
        ++running_[g];
        running_ends_[g] += e.at + left;
        break;
      case what::pause:
        --running_[g];
        running_ends_[g] -= e.at - e.length + left;
        left = std::max(left - e.length, 0.0);
        queued_.add(rank_[e.job], left);
        break;
      case what::ask:
        ask(e);
        break;
    }
  }

  void ask(const event& e) {
    auto g = group(e.job);
    auto ahead = queued_.before(rank_[e.job]) - queued_.before(first_[g])
                 + running_ends_[g] - running_[g] * e.at;
    auto allowed = ahead / work_.slots + delay_s_;
    if (gate_)
      allowed =
        delay_s_
        + (ahead + gate_->slack_s + 2 * longest_) * work_.tenants / work_.slots;
    auto waited = e.length - e.at;
    figures_.beyond += waited > allowed + rounding_s;
    if (allowed > rounding_s)
      figures_.nearest = std::max(figures_.nearest, waited / allowed);
  }

  const workload& work_;
  const run_trace& trace_;
  const key_log& log_;
  const gate_terms* gate_;
  double delay_s_;
  std::vector<double> left_; ///< Service that a job still got.
  std::vector<uint32_t> rank_;
  std::vector<uint32_t> first_; ///< Rank of each group's first.
  std::vector<event> events_;
  prefix_sums queued_;
  std::vector<double> running_;      ///< Jobs, per group.
  std::vector<double> running_ends_; ///< Sum of when they would end.
  double longest_ = 0;
  audit_figures figures_;
};

} // namespace

void audit_figures::add(const audit_figures& x) {
  jobs += x.jobs;
  waited += x.waited;
  beyond += x.beyond;
  nearest = std::max(nearest, x.nearest);
}

audit_figures audit_starvation(const workload& w, const run_trace& t,
                               const key_log& log, const gate_terms* gate,
                               double delay_s) {
  return audit{w, t, log, gate, delay_s}.run();
}

} // namespace troupe::bench

#include "tests/bench/sched/serve.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::bench {
namespace {

constexpr uint32_t nobody = UINT32_MAX;

class slot_server {
public:
  slot_server(const workload& w, order& queue, const serve_options& options)
    : work_{w}, queue_{queue}, options_{options}, slots_(w.slots) {
    trace_.jobs.resize(w.jobs.size());
    if (options.slice_s > 0)
      done_.resize(w.jobs.size());
  }

  run_trace run() {
    for (;;) {
      auto& slot = *std::min_element(
        slots_.begin(), slots_.end(),
        [](const auto& a, const auto& b) { return a.due() < b.due(); });
      auto arrival =
        arrived_ < work_.jobs.size() ? work_.jobs[arrived_].arrival : never;
      auto next = std::min(slot.due(), arrival);
      if (next == never)
        return std::move(trace_);
      if (auto tick = queue_.next_tick(); tick < next)
        queue_.tick(tick);
      else if (slot.due() <= arrival)
        leave_or_park(slot);
      else
        arrive(arrival);
    }
  }

private:
  struct slot_state {
    uint32_t job = nobody;
    double since = 0;
    double end = never;
    double boundary = never; ///< Where it may be parked.
    double due() const { return std::min(end, boundary); }
  };

  void arrive(double now) {
    auto job = static_cast<uint32_t>(arrived_++);
    if (!queue_.arrive(job, now)) {
      trace_.jobs[job].finish = now;
      return;
    }
    fill(now);
    if (options_.slice_s > 0)
      arm(now);
  }

  void fill(double now) {
    for (auto& s : slots_)
      if (s.job == nobody && !fill(s, now))
        return;
  }

  bool fill(slot_state& s, double now) {
    while (auto next = queue_.pick(now)) {
      if (!next->shed) {
        start(s, next->job, now);
        return true;
      }
      trace_.jobs[next->job].finish = now;
    }
    return false;
  }

  void start(slot_state& s, uint32_t job, double now) {
    const auto& j = work_.jobs[job];
    s.job = job;
    s.since = now;
    s.end = now + j.work - done(job);
    if (options_.stop_at_limit)
      s.end = std::max(now, std::min(s.end, j.limit));
    s.boundary = never;
    if (auto& t = trace_.jobs[job]; t.start == never)
      t.start = now;
    queue_.started(job, now);
  }

  double done(uint32_t job) const { return done_.empty() ? 0 : done_[job]; }

  void leave_or_park(slot_state& s) {
    auto now = s.due();
    auto job = s.job;
    if (s.end > s.boundary) {
      s.boundary = never;
      if (!queue_.displaces(job, done(job) + now - s.since))
        return;
    }
    if (options_.keep_segments)
      trace_.segments.push_back({job, s.since, now});
    auto ended = s.end <= now;
    if (!done_.empty())
      done_[job] += now - s.since;
    if (ended)
      leave(s, now);
    else
      queue_.parked(job, now);
    s = {};
    fill(s, now);
    if (!ended)
      arm(now);
  }

  void leave(const slot_state& s, double now) {
    auto& t = trace_.jobs[s.job];
    t.finish = now;
    t.served = !options_.stop_at_limit || now < work_.jobs[s.job].limit;
    queue_.finished(s.job, now);
  }

  /// Whoever could be displaced is looked at when its slice ends.
  void arm(double now) {
    for (auto& s : slots_) {
      if (s.job == nobody || s.boundary < never
          || !queue_.displaces(s.job, done(s.job) + now - s.since))
        continue;
      auto slices = std::ceil((now - s.since) / options_.slice_s);
      s.boundary = s.since + std::max(slices, 1.0) * options_.slice_s;
    }
  }

  const workload& work_;
  order& queue_;
  serve_options options_;
  std::vector<slot_state> slots_;
  std::vector<double> done_; ///< Per job, with slices only.
  size_t arrived_ = 0;
  run_trace trace_;
};

} // namespace

run_trace serve(const workload& w, order& queue, const serve_options& options) {
  return slot_server{w, queue, options}.run();
}

} // namespace troupe::bench

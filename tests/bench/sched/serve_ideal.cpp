// The two disciplines that share or move work at any instant.
#include "tests/bench/sched/serve.hpp"

#include <algorithm>
#include <queue>

namespace troupe::bench {
namespace {

struct rest {
  double left; ///< Seconds of service, or a point of shared service.
  uint32_t job;
  bool operator>(const rest& x) const {
    return left != x.left ? left > x.left : job > x.job;
  }
};
using least_first =
  std::priority_queue<rest, std::vector<rest>, std::greater<>>;

class srpt_server {
public:
  srpt_server(const workload& w, bool pooled)
    : work_{w}, slots_{pooled ? 1 : w.slots}, speed_{
                                                pooled
                                                  ? static_cast<double>(w.slots)
                                                  : 1.0} {
    trace_.jobs.resize(w.jobs.size());
  }

  run_trace run() {
    for (uint32_t i = 0; i < work_.jobs.size(); ++i) {
      advance(work_.jobs[i].arrival);
      arrive({work_.jobs[i].work / speed_, i});
    }
    advance(never);
    return std::move(trace_);
  }

private:
  struct running {
    double end;
    uint32_t job;
  };
  static bool ends_first(const running& a, const running& b) {
    return a.end < b.end;
  }

  void advance(double to) {
    while (!running_.empty()) {
      auto first =
        std::min_element(running_.begin(), running_.end(), ends_first);
      if (first->end > to)
        break;
      now_ = first->end;
      auto& t = trace_.jobs[first->job];
      t.finish = now_;
      t.served = true;
      running_.erase(first);
      if (!waiting_.empty()) {
        auto next = waiting_.top();
        waiting_.pop();
        begin(next);
      }
    }
    now_ = to;
  }

  void arrive(const rest& r) {
    if (running_.size() < slots_) {
      begin(r);
      return;
    }
    auto last = std::max_element(running_.begin(), running_.end(), ends_first);
    if (last->end - now_ <= r.left) {
      waiting_.push(r);
      return;
    }
    waiting_.push({last->end - now_, last->job});
    running_.erase(last);
    begin(r);
  }

  void begin(const rest& r) {
    running_.push_back({now_ + r.left, r.job});
    if (auto& t = trace_.jobs[r.job]; t.start == never)
      t.start = now_;
  }

  const workload& work_;
  size_t slots_;
  double speed_;
  double now_ = 0;
  std::vector<running> running_;
  least_first waiting_;
  run_trace trace_;
};

} // namespace

run_trace serve_srpt(const workload& w, bool pooled) {
  return srpt_server{w, pooled}.run();
}

run_trace serve_shared(const workload& w) {
  run_trace trace;
  trace.jobs.resize(w.jobs.size());
  least_first active; // by the shared service at which they end
  double now = 0;
  double shared = 0; // service that a job present all along has received
  auto rate = [&] {
    return std::min(1.0, w.slots / static_cast<double>(active.size()));
  };
  auto advance = [&](double to) {
    while (!active.empty()) {
      auto end = now + (active.top().left - shared) / rate();
      if (end > to)
        break;
      now = end;
      shared = active.top().left;
      auto& t = trace.jobs[active.top().job];
      t.finish = now;
      t.served = true;
      active.pop();
    }
    if (!active.empty())
      shared += (to - now) * rate();
    now = to;
  };
  for (uint32_t i = 0; i < w.jobs.size(); ++i) {
    advance(w.jobs[i].arrival);
    trace.jobs[i].start = now;
    active.push({shared + w.jobs[i].work, i});
  }
  advance(never);
  return trace;
}

} // namespace troupe::bench

#include "tests/bench/sched/baselines.hpp"

#include <algorithm>

namespace troupe::bench {

bool ranked_order::arrive(uint32_t job, double) {
  waiting_.push({rank_(work_.jobs[job]), job});
  return true;
}

std::optional<order::choice> ranked_order::pick(double now) {
  if (waiting_.empty())
    return std::nullopt;
  auto job = waiting_.top().job;
  waiting_.pop();
  const auto& j = work_.jobs[job];
  return choice{job, options_.shed && now + j.predicted_p50 > j.limit};
}

bool ranked_order::displaces(uint32_t running, double) const {
  return options_.preemptive && !waiting_.empty()
         && waiting_.top().rank < rank_(work_.jobs[running]);
}

ranked_order fcfs_order(const workload& w) {
  return {w, [](const sim_job& j) { return j.arrival; }};
}

ranked_order sjf_order(const workload& w, bool oracle) {
  if (oracle)
    return {w, [](const sim_job& j) { return j.work; }};
  return {w, [](const sim_job& j) { return j.predicted; }};
}

ranked_order sliced_sjf_order(const workload& w) {
  return {
    w, [](const sim_job& j) { return j.predicted; }, {.preemptive = true}};
}

ranked_order edf_shed_order(const workload& w) {
  return {w, [](const sim_job& j) { return j.limit; }, {.shed = true}};
}

ranked_order tier_order(const workload& w) {
  return {w, [](const sim_job& j) { return -static_cast<double>(j.tier); }};
}

bool vtc_order::arrive(uint32_t job, double) {
  auto& t = tenants_[work_.jobs[job].tenant];
  if (t.waiting.empty()) {
    auto* slowest = least();
    t.received = std::max(t.received, slowest ? slowest->received : floor_);
  }
  t.waiting.push_back(job);
  return true;
}

vtc_order::tenant* vtc_order::least() {
  tenant* best = nullptr;
  for (auto& t : tenants_)
    if (!t.waiting.empty() && (!best || t.received < best->received))
      best = &t;
  return best;
}

std::optional<order::choice> vtc_order::pick(double) {
  auto* t = least();
  if (!t)
    return std::nullopt;
  auto job = t->waiting.front();
  t->waiting.pop_front();
  floor_ = t->received;
  t->received += work_.jobs[job].predicted;
  return choice{job};
}

} // namespace troupe::bench

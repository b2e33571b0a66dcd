#include "runtime/scheduling/policy_source.hpp"

#include <algorithm>
#include <utility>

namespace troupe::runtime {

policy_source::policy_source(boost_settings boost, cost_prior prior,
                             double crowded_s)
  : boost_{boost}, prior_{prior}, costs_{prior}, crowded_{crowded_s} {
  boost_.observe_work(costs_.predict({}, 0).mean_s);
}

void policy_source::measured(const cost_sample& s) {
  // What a caller foretold says nothing about labels.
  if (s.whole && !s.job.given_s)
    labels_.observe(costs_.predict_by_label(s.job).mean_s, s.seconds);
  costs_.learn(s);
}

void policy_source::backlog(shard_id shard, double due_work_s,
                            backlog_curve waiting) {
  shards_[shard] = {due_work_s, std::move(waiting)};
}

bool policy_source::work_waits() const noexcept {
  return std::any_of(shards_.begin(), shards_.end(),
                     [](const auto& s) { return !s.second.waiting.empty(); });
}

bool policy_source::resume(const model_policy& last, mono_time now) {
  if (resumed_ || !shards_.empty() || !(last.terms.gamma > 0))
    return false;
  resumed_ = true;
  capacity_ = last.terms.capacity;
  if (!last.costs || !adopt(*last.costs))
    boost_.observe_work(costs_.predict({}, 0).mean_s);
  boost_.resume_drain(last.drain_s, now);
  if (context_ == 0)
    context_ = last.context_length;
  return true;
}

double policy_source::due_work_s() const noexcept {
  double due = 0;
  for (const auto& [shard, report] : shards_)
    due += report.due_s;
  return due;
}

bool policy_source::adopt(const cost_model& kept) {
  if (kept.samples() <= costs_.samples())
    return false;
  costs_ = kept;
  costs_.rebase(prior_);
  costs_.use_labels(labels_.on());
  boost_.observe_work(costs_.predict({}, 0).mean_s);
  return true;
}

std::shared_ptr<const model_policy> policy_source::publish(state now_seen,
                                                           mono_time now) {
  if (now_seen.capacity > 0)
    capacity_ = now_seen.capacity;
  backlog_curve backlog;
  for (const auto& [shard, report] : shards_)
    backlog.add(report.waiting);
  if (capacity_) {
    auto drain_s = (now_seen.running_s + due_work_s()) / *capacity_;
    boost_.observe_drain(drain_s, now);
    crowded_.update(now, drain_s, now_seen.load_time);
  }
  costs_.use_labels(labels_.review(now));
  if (!published_ || published_->version() != costs_.version())
    published_ = std::make_shared<const cost_model>(costs_);
  return std::make_shared<const model_policy>(
    model_policy{.terms = boost_.terms(capacity_.value_or(1)),
                 .costs = published_,
                 .drain_s = boost_.drain_s(),
                 .context_length = context_,
                 .serving = now_seen.capacity > 0,
                 .breaker_closed = now_seen.breaker_closed,
                 .crowded = crowded_.on(),
                 .backlog = std::move(backlog),
                 .running_s = now_seen.running_s,
                 .capacity_known = capacity_.has_value(),
                 .slots_free = now_seen.slots_free,
                 .tenants = now_seen.tenants,
                 .wait_ratio_p90 = waits_.p90(),
                 .front = std::move(now_seen.front)});
}

} // namespace troupe::runtime

#include "runtime/scheduling/policy_source.hpp"

namespace troupe::runtime {

policy_source::policy_source(boost_settings boost, cost_prior prior)
  : boost_{boost}, prior_{prior}, costs_{prior} {
  boost_.observe_work(costs_.predict({}, 0).mean_s);
}

void policy_source::backlog(shard_id shard, double due_work_s) {
  due_s_[shard] = due_work_s;
}

bool policy_source::resume(const model_policy& last, mono_time now) {
  if (resumed_ || !due_s_.empty() || !(last.terms.gamma > 0))
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
  for (const auto& [shard, work] : due_s_)
    due += work;
  return due;
}

bool policy_source::adopt(const cost_model& kept) {
  if (kept.samples() <= costs_.samples())
    return false;
  costs_ = kept;
  costs_.rebase(prior_);
  boost_.observe_work(costs_.predict({}, 0).mean_s);
  return true;
}

std::shared_ptr<const model_policy> policy_source::publish(double capacity,
                                                           double running_s,
                                                           mono_time now,
                                                           queue_front front) {
  if (capacity > 0)
    capacity_ = capacity;
  if (capacity_)
    boost_.observe_drain((running_s + due_work_s()) / *capacity_, now);
  if (!published_ || published_->version() != costs_.version())
    published_ = std::make_shared<const cost_model>(costs_);
  return std::make_shared<const model_policy>(
    model_policy{.terms = boost_.terms(capacity_.value_or(1)),
                 .costs = published_,
                 .drain_s = boost_.drain_s(),
                 .context_length = context_,
                 .serving = capacity > 0,
                 .front = std::move(front)});
}

} // namespace troupe::runtime

#include "actors/dispatch_meter.hpp"

#include "runtime/metrics.hpp"

namespace troupe::actors {

using runtime::metric;

namespace {

constexpr runtime::duration calibrate_every = std::chrono::minutes{1};
/// An order of fewer says nothing.
constexpr size_t calibration_samples_min = 20;

double seconds(runtime::duration d) {
  return std::chrono::duration<double>(d).count();
}

double number(uint64_t x) {
  return static_cast<double>(x);
}

} // namespace

void dispatch_meter::begun(uint64_t generation) {
  if (env_.metrics != nullptr && generation > 1)
    env_.metrics->add(metric::sched_rebuilds, 1, model_);
}

void dispatch_meter::measured(const attempt_measured& x) {
  if (env_.metrics == nullptr)
    return;
  auto real = seconds(x.ran);
  if (x.spec->estimated_s > 0)
    env_.metrics->add(metric::sched_prediction_ratio,
                      real / x.spec->estimated_s, model_, "service");
  if (x.predicted_output_tokens > 0 && x.whole)
    env_.metrics->add(metric::sched_prediction_ratio,
                      static_cast<double>(x.output_tokens)
                        / x.predicted_output_tokens,
                      model_, "output_tokens");
  calibration_.add(x.spec->estimated_s, real);
  auto now = env_.mono();
  if (calibrated_at_ && now - *calibrated_at_ < calibrate_every)
    return;
  if (calibration_.samples() < calibration_samples_min)
    return;
  if (auto tau = calibration_.tau()) {
    calibrated_at_ = now;
    env_.metrics->set(metric::sched_prediction_kendall_tau, *tau, model_);
  }
}

void dispatch_meter::announced(runtime::mono_time at) {
  if (env_.metrics != nullptr)
    env_.metrics->add(metric::sched_announce_delay_seconds,
                      seconds(env_.mono() - at), model_);
}

void dispatch_meter::granted(std::optional<runtime::duration> after) {
  if (env_.metrics == nullptr || !after)
    return;
  env_.metrics->add(metric::sched_leases, 1, model_, "granted");
  env_.metrics->add(metric::sched_lease_seconds, seconds(*after), model_);
}

void dispatch_meter::refused(size_t leases) {
  if (env_.metrics != nullptr && leases > 0)
    env_.metrics->add(metric::sched_leases, number(leases), model_, "refused");
}

void dispatch_meter::picked(const runtime::dispatch_core& core,
                            const std::vector<runtime::lease_order>& orders) {
  if (env_.metrics == nullptr)
    return;
  add_idle(core);
  bool passed = false;
  for (const auto& x : orders)
    passed = passed || !x.overdue;
  if (starvation_.observe(core.gate().first(), passed, env_.mono()))
    env_.metrics->add(metric::sched_starvation_violations, 1, model_);
  if (auto late = core.orders_timed_out(); late > timed_out_) {
    env_.metrics->add(metric::sched_leases, number(late - timed_out_), model_,
                      "timed_out");
    timed_out_ = late;
  }
}

/// What was free since the last step, and why.
void dispatch_meter::add_idle(const runtime::dispatch_core& core) {
  auto now = env_.mono();
  if (stepped_at_ && free_ > 0)
    env_.metrics->add(metric::sched_slot_idle_seconds,
                      seconds(now - *stepped_at_) * free_, model_,
                      held_back_ ? "held_back" : "no_work");
  stepped_at_ = now;
  free_ = core.slots_free();
  held_back_ = core.waiting() > 0;
}

void dispatch_meter::published(const runtime::dispatch_core& core,
                               const runtime::policy_source& source,
                               const runtime::model_policy& policy,
                               double running_s) {
  if (env_.metrics == nullptr)
    return;
  auto& m = *env_.metrics;
  const auto& terms = policy.terms;
  auto queued = source.due_work_s() / terms.capacity;
  auto running = running_s / terms.capacity;
  m.set(metric::sched_labels_used, policy.costs->labels_used() ? 1 : 0, model_);
  m.set(metric::sched_crowded, policy.crowded ? 1 : 0, model_);
  m.set(metric::sched_gamma, terms.gamma, model_);
  m.set(metric::sched_boost_limit_seconds, terms.limit_s, model_);
  m.set(metric::sched_backlog_seconds, queued, model_, "queued");
  m.set(metric::sched_backlog_seconds, running, model_, "running");
  for (const auto& [name, rules] : rules_->classes)
    m.set(metric::sched_starvation_bound_seconds,
          seconds(rules.deferral_max) + 3 * terms.limit_s + queued + running,
          model_, name);
  m.set(metric::sched_overdue_jobs, number(core.overdue()), model_);
  m.set(metric::sched_gate_throttled_tenants, number(core.gate().throttled()),
        model_);
  m.set(metric::sched_gate_gap_seconds, core.gate().gap(), model_);
  m.set(metric::sched_ahead, core.ahead(), model_);
}

} // namespace troupe::actors

#include "actors/wait_desk.hpp"

#include "runtime/metrics.hpp"
#include "runtime/scheduling/wait_calibration.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace troupe::actors {

using runtime::job_id;
using runtime::shard_ledger;
using runtime::wait_reason;

namespace {

/// Between two reports to the dispatcher.
constexpr size_t samples_max = 64;

/// Class and tier, for a series of the metrics.
struct kind {
  std::string_view job_class;
  std::string_view tier;
};

constexpr std::array<std::string_view, 3> class_words{"interactive", "standard",
                                                      "batch"};

uint8_t tag_of(const runtime::job_record& record) {
  auto at = std::find(class_words.begin(), class_words.end(), record.job_class);
  return static_cast<uint8_t>((at - class_words.begin()) * 4
                              + static_cast<int>(record.tier));
}

kind kind_of(uint8_t tag) {
  size_t job_class = tag / 4;
  return {job_class < class_words.size() ? class_words[job_class] : "other",
          to_string(static_cast<runtime::service_tier>(tag % 4))};
}

float total(const runtime::wait_seconds& waits) {
  return std::accumulate(waits.begin(), waits.end(), 0.0f);
}

std::optional<wait_reason> alone(const runtime::job_record& record) {
  if (record.suspect)
    return wait_reason::solo_retry;
  return std::nullopt;
}

} // namespace

wait_desk::~wait_desk() {
  for (const auto& [kind, jobs] : counted_)
    if (jobs != 0)
      show(kind.first, kind.second, -jobs);
}

void wait_desk::count(job_id id, int64_t by) {
  auto place = clocks_.where(id);
  if (!place || env_.metrics == nullptr)
    return;
  std::string model{place->model};
  counted_[{model, place->tag}] += by;
  show(model, place->tag, by);
}

void wait_desk::show(const std::string& model, uint8_t tag, int64_t by) {
  auto [job_class, tier] = kind_of(tag);
  env_.metrics->add(runtime::metric::sched_queued_jobs, static_cast<double>(by),
                    model, job_class, tier);
}

void wait_desk::opened(const shard_ledger& ledger) {
  for (auto id : ledger.waiting())
    admitted(ledger, id);
}

void wait_desk::admitted(const shard_ledger& ledger, job_id id) {
  const auto* record = ledger.find(id);
  if (record == nullptr)
    return;
  queue_name queue{record->queue(), record->tenant};
  bool first = clocks_.waiting(queue) == 0;
  count(id, -1);
  clocks_.enter(id, queue, env_.mono(), alone(*record), tag_of(*record));
  count(id, 1);
  if (first)
    find_reason(ledger, queue);
}

void wait_desk::requeued(const shard_ledger& ledger, job_id id,
                         runtime::duration delay, bool charged) {
  admitted(ledger, id);
  if (delay <= runtime::duration{0} && !charged)
    return;
  auto now = env_.mono();
  delays_[id] = now + delay;
  clocks_.block(id, wait_reason::retry_delay, now);
}

void wait_desk::ready(const shard_ledger& ledger, job_id id) {
  const auto* record = ledger.find(id);
  auto delay = delays_.extract(id);
  if (record == nullptr)
    return;
  auto now = env_.mono();
  if (!delay.empty() && delay.mapped() < now)
    clocks_.block(id, wait_reason::retry_budget, delay.mapped());
  if (auto own = alone(*record))
    clocks_.block(id, *own, now);
  else
    clocks_.release(id, now);
}

void wait_desk::policy(const shard_ledger& ledger, const std::string& model) {
  for (const auto& queue : clocks_.queues(model))
    find_reason(ledger, queue);
}

void wait_desk::find_reason(const shard_ledger& ledger,
                            const queue_name& queue) {
  const auto& [model, tenant] = queue;
  auto terms = ledger.policy(model);
  auto line = env_.board.breaker(model).snapshot;
  auto head = ledger.heads(model, tenant, 1, env_.mono(), env_.wall()).heads;
  runtime::queue_situation x{
    .store_writable = env_.board.storage_ok,
    .serving = terms->serving,
    .breaker_closed = line.state != runtime::breaker_state::open,
    .upstream_paused = line.cause == runtime::breaker_cause::paused,
    .throttled = terms->front.clock_of(tenant) != nullptr,
    .in_front = head.empty() || head.front().key <= terms->front.key};
  clocks_.set(queue, reason_of(x), env_.mono());
}

runtime::decision_note wait_desk::leave(const shard_ledger& ledger, job_id id,
                                        const lease_notice& by) {
  delays_.erase(id);
  count(id, -1);
  runtime::decided_wait wait{.generation = by.generation,
                             .gate = by.gate,
                             .seconds = clocks_.leave(id, env_.mono())};
  const auto* record = ledger.find(id);
  if (env_.metrics != nullptr && record != nullptr)
    env_.metrics->waited(record->queue(), wait.seconds);
  if (env_.metrics != nullptr && record != nullptr && by.generation > 0) {
    auto [job_class, tier] = kind_of(tag_of(*record));
    env_.metrics->add(runtime::metric::sched_queue_wait_seconds,
                      static_cast<double>(total(wait.seconds)), record->queue(),
                      job_class, tier);
  }
  return {.wait = wait};
}

std::optional<runtime::job_why> wait_desk::why(const shard_ledger& ledger,
                                               job_id id) const {
  const auto* record = ledger.find(id);
  auto primary = clocks_.reason(id);
  if (record == nullptr || !primary)
    return std::nullopt;
  auto now = env_.mono();
  runtime::job_why x{.primary = *primary,
                     .waited = clocks_.look(id, now),
                     .bound_at = ledger.bound_of(*record)};
  auto delay = delays_.find(id);
  if (delay != delays_.end() && delay->second < now)
    x.primary = wait_reason::retry_budget;
  const auto terms = ledger.policy(record->queue());
  if (auto standing = ledger.standing(id)) {
    x.jobs_ahead = standing->position;
    x.work_ahead_s = terms->backlog.below(record->order_key).work_s;
    // The queue's reason is that of its first job.
    if (x.primary == wait_reason::no_free_slot && x.jobs_ahead > 0)
      x.primary = wait_reason::ahead_in_order;
  }
  x.gate = {.least = terms->front.least_clock, .slack = terms->front.slack};
  if (const auto* clock = terms->front.clock_of(record->tenant))
    x.gate.clock = *clock;
  return x;
}

void wait_desk::sample(const std::string& model, const runtime::leased& lease) {
  auto& ratios = samples_[model];
  if (lease.id.attempt != 1 || ratios.size() >= samples_max
      || lease.expected_wait_s < runtime::wait_calibration::estimate_s_min)
    return;
  auto real = env_.wall() - lease.record.created_at;
  ratios.push_back(
    static_cast<float>(std::chrono::duration<double>(real).count())
    / lease.expected_wait_s);
}

std::vector<float> wait_desk::take_samples(const std::string& model) {
  return std::exchange(samples_[model], {});
}

void wait_desk::drop(job_id id) {
  delays_.erase(id);
  count(id, -1);
  clocks_.leave(id, env_.mono());
}

} // namespace troupe::actors

#include "runtime/config_schema.hpp"

#include <array>

namespace troupe::runtime {
namespace {

constexpr std::array<std::string_view, 4> order_words{"mean", "tail", "short",
                                                      "fcfs"};
constexpr std::array<std::string_view, 2> preemption_words{"auto", "off"};
constexpr std::array<std::string_view, 2> boolean_words{"false", "true"};
constexpr double year_s = 31'536'000;

} // namespace

double scheduling_settings::chosen_boost_m() const noexcept {
  switch (order) {
    case queue_order::mean:
      return boost_m.mean;
    case queue_order::tail:
      return boost_m.tail;
    case queue_order::brief:
      return boost_m.brief;
    case queue_order::fcfs:
      return 0;
  }
  return 0;
}

void describe(config_visitor& v, scheduling_settings& x) {
  v.choice({"order", "What to favour: the mean wait, its tail, short jobs "
                     "above all, or nothing."},
           x.order, order_words);
  v.section({"boost_m", "How eagerly each order prefers short jobs; smaller: "
                        "more."},
            x.boost_m);
  v.real({"boost_clamp_nats", "Bounds how far a job may be moved, in units of "
                              "1/gamma."},
         x.boost_clamp_nats, {0.1, 50});
  v.seconds({"boost_max_s", "Bounds it in seconds, too."}, x.boost_max,
            {0, 86'400});
  v.seconds({"backlog_ewma_s", "Over which the backlog is averaged."},
            x.backlog_ewma, {1, 86'400});
  v.real({"gate_slack_jobs", "Average jobs that one tenant may be ahead of "
                             "another."},
         x.gate_slack_jobs, {0.1, 10'000});
  v.integer({"tenant_in_flight_max", "Running jobs of one tenant per model; 0: "
                                     "no limit."},
            x.tenant_in_flight_max, {0, 1'000'000});
  v.seconds({"deadline_margin_s", "Kept free between a predicted end and a "
                                  "deadline."},
            x.deadline_margin, {0, 60});
  v.seconds({"lease_timeout_s", "A slot that nobody took is free after it."},
            x.lease_timeout, {0.1, 60});
  v.seconds({"accurate_high_s", "Due work of an accurate model beyond which an "
                                "alias prefers its fast ones."},
            x.accurate_high, {0.1, 86'400});
  v.integer({"soft_max_tokens",
             "Answers without a limit of their own get this one while the "
             "default tier's backlog limit is half used; 0: none."},
            x.soft_max_tokens, {0, 16'777'216});
  v.section({"allocator", "When a pool's worker moves to another model, and "
                          "how many are asked for."},
            x.allocator);
  v.section({"admission", "What is taken on at all."}, x.admission);
  v.section({"preemption", "When a running job leaves its slot for one that "
                           "waits."},
            x.preemption);
  v.section({"tiers", "What each service tier weighs."}, x.tiers);
  v.section({"classes", "What each class of jobs may expect."}, x.classes);
  v.section({"breaker", "When calls to a model stop for a while."}, x.breaker);
  v.section({"retry", "When and how often failed attempts are repeated."},
            x.retry);
}

void describe(config_visitor& v, breaker_options& x) {
  v.integer({"window_calls", "The last calls that it judges by."},
            x.window_calls, {1, 10'000});
  v.integer({"calls_min", "With fewer in the window it stays closed."},
            x.calls_min, {1, 10'000});
  v.real({"failed_share", "Opens when this share of them failed."},
         x.failed_share, {0.01, 1});
  v.real({"slow_share", "Opens when this share of first tokens was slow."},
         x.slow_share, {0.01, 1});
  v.real({"slow_factor", "Slow: more than this times the usual p95."},
         x.slow_factor, {1, 100});
  v.seconds({"open_min_s", "Open for this long at first, give or take a fifth; "
                           "then twice as long each time."},
            x.open_min, {0.1, 86'400});
  v.seconds({"open_max_s", "At most, give or take a fifth."}, x.open_max,
            {0.1, 86'400});
  v.integer({"probes", "Calls that must go well before it closes."}, x.probes,
            {1, 100});
  v.seconds({"half_open_max_s", "Probes must have answered after it."},
            x.half_open_max, {0.1, 3'600});
  v.seconds({"pause_max_s", "The longest pause that a target may ask for."},
            x.pause_max, {0, 86'400});
}

void describe(config_visitor& v, retry_options& x) {
  v.seconds({"base_s", "Longest delay of a job's first charged retry; doubles "
                       "with each."},
            x.base, {0.001, 3'600});
  v.seconds({"cap_s", "Longest delay of all."}, x.cap, {0.001, 86'400});
  v.real({"budget_share", "Charged retries of a model in a minute, as a share "
                          "of its first attempts."},
         x.budget_share, {0, 1});
  v.integer({"budget_min", "So many in a minute in any case."}, x.budget_min,
            {1, 1'000'000});
}

void describe(config_visitor& v, preemption_settings& x) {
  v.choice({"mode", "auto: wherever the engine can park an attempt."}, x.mode,
           preemption_words);
  v.seconds({"slice_s", "An attempt keeps its slot for this long at least."},
            x.slice, {0, 3'600});
  v.real({"stop_ratio", "One that did this part of its predicted work is left "
                        "to end."},
         x.stop_ratio, {0.01, 1});
  v.integer({"parked_max", "Parked attempts of a worker whose cache is kept; "
                           "others compute it again."},
            x.parked_max, {0, 1'024});
}

void describe(config_visitor& v, admission_settings& x) {
  v.integer({"tenant_queued_max", "Jobs of one tenant that wait or run; more "
                                  "get 429."},
            x.tenant_queued_max, {1, 100'000'000});
}

void describe(config_visitor& v, boost_m_settings& x) {
  v.real({"mean", "For `order: mean`."}, x.mean, {0.001, 1000});
  v.real({"tail", "For `order: tail`."}, x.tail, {0.001, 1000});
  v.real({"short", "For `order: short`."}, x.brief, {0.001, 1000});
}

void describe(config_visitor& v, allocator_settings& x) {
  v.seconds({"gain_min_s", "Drain time that a move must gain, at least."},
            x.gain_min, {0.1, 3600});
  v.real({"gain_ratio", "And at least this part of what the move itself "
                        "takes."},
         x.gain_ratio, {0, 100});
  v.seconds({"drain_max_s", "A worker that is to move may finish what it runs; "
                            "then that is requeued."},
            x.drain_max, {0.1, 86'400});
  v.real({"experimental_share_max", "Of a pool's workers, for its experimental "
                                    "models."},
         x.experimental_share_max, {0, 1});
  v.real({"target_utilization", "Of troupe_scale_desired_workers: how busy "
                                "workers should be."},
         x.target_utilization, {0.01, 1});
  v.seconds({"drain_target_s", "Of the same: in which the backlog should be "
                               "done."},
            x.drain_target, {0.1, 86'400});
}

void describe(config_visitor& v, tiers_settings& x) {
  v.section({"priority", "The highest tier."}, x.priority);
  v.section({"default", "The tier of those who ask for none."}, x.standard);
  v.section({"flex", "The lowest tier."}, x.flex);
}

void describe(config_visitor& v, tier_settings& x) {
  v.real({"weight", "A job counts as this much shorter."}, x.weight,
         {0.000001, 1'000'000});
  v.real({"factor", "Of the class's backlog_limit_s."}, x.factor,
         {0.001, 1000});
}

void describe(config_visitor& v, classes_settings& x) {
  v.section({"interactive", "Somebody waits."}, x.interactive);
  v.section({"standard", "The class of those who ask for none."}, x.standard);
  v.section({"batch", "Nobody waits."}, x.batch);
}

void describe(config_visitor& v, class_settings& x) {
  v.seconds({"slo_s", "A deadline nearer than this pulls a job forward."},
            x.slo, {0, year_s});
  v.seconds({"deadline_default_s", "Total deadline of jobs that name none; 0: "
                                   "none."},
            x.deadline_default, {0, 604'800});
  v.seconds({"deferral_max_s", "A far deadline may put a job off by this."},
            x.deferral_max, {0, 604'800});
  v.seconds(
    {"backlog_limit_s",
     "Predicted wait beyond which jobs are refused; one that waits this "
     "long beyond the bound of its key goes first."},
    x.backlog_limit, {0.001, year_s});
  v.seconds({"wait_s", "POST /v1/jobs waits so long for the end, as with "
                       "`Prefer: wait`; 0: it does not."},
            x.wait, {0, 60});
  v.choice({"durable", "Whether jobs that do not say are; others are "
                       "ephemeral."},
           x.durable, boolean_words);
}

std::string_view to_string(queue_order x) noexcept {
  auto index = static_cast<size_t>(x);
  return index < order_words.size() ? order_words[index] : "unknown";
}

} // namespace troupe::runtime

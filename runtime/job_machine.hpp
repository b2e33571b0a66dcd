// One job's state machine: what an outcome does to its record and which events
// tell its readers so. Pure: time and randomness come in, a `job_step` comes
// out; the `job` actor commits what the step says.
//
//      queued --begin--> in_progress --finish--> completed | incomplete
//                          |    ^  \--fail-----> failed
//                     lost |    | begin
//                          v    |
//                   in_progress (phase queued)
//      any live state --cancel / expire--> cancelled | expired | incomplete
//
// A terminal record never changes again: every call on it returns an empty step.
#pragma once

#include "runtime/job.hpp"
#include "runtime/job_decision.hpp"
#include "runtime/overload/retry_policy.hpp"

#include <optional>
#include <string>
#include <vector>

namespace troupe::runtime {

/// What to commit, and what to do once it is durable.
struct job_step {
  std::vector<event> events;        ///< Numbered, consecutive.
  bool record_changed = false;      ///< Commit the record too.
  std::optional<job_output> output; ///< With the terminal commit.
  bool terminal = false;
  std::optional<retry_verdict> requeue; ///< Back to the queue, same key.
  bool stop_attempt = false;            ///< The worker must drop the attempt.
};

/// Which worker runs an attempt.
struct attempt_start {
  attempt_id id;
  std::string model;
  std::string worker;
  bool continues_prefix = false; ///< The engine can extend produced text.
  double price = 1;              ///< Cost units per second of its slot.
};

/// What an attempt delivered in total, as its engine counted it.
struct attempt_result {
  finish_reason finish = finish_reason::stop;
  uint32_t input_tokens = 0;
  uint32_t output_tokens = 0; ///< Of this attempt, without the prefix.
  /// On the slot, by the worker's clock; what the way to and from it took is
  /// delivery. 0: unknown, all of it counts as compute.
  duration ran{0};
};

/// What a job is in the queue it moves to.
struct queue_place {
  int64_t key = 0;
  double service_p50_s = 0; ///< 0: unknown.
};

class job_machine {
public:
  /// `record` as admitted; nothing was streamed yet.
  explicit job_machine(job_record record);

  /// From the store: the record plus all events, so that what was streamed after
  /// the last record commit counts. Events must be dense from 0.
  static result<job_machine> restore(job_record record,
                                     const std::vector<event>& events);

  const job_record& record() const noexcept { return record_; }
  bool terminal() const noexcept { return is_terminal(record_.status); }
  /// The text streamed and still valid.
  const std::string& text() const noexcept { return text_; }
  uint32_t text_tokens() const noexcept { return text_tokens_; }
  /// The attempt that runs now, if any.
  bool running() const noexcept { return running_; }
  attempt_id current() const noexcept {
    return {record_.id, record_.lease_epoch, record_.attempt};
  }

  /// From the store, if its shard kept it no longer.
  void recall_decision(const std::string& decision);
  /// For the step that follows; no commit of its own.
  void note(const decision_note& x, wall_time now);
  /// A committed lease hands the job to a worker.
  job_step begin(const attempt_start& start, wall_time now);
  /// At its worker it waits for a slot: that is queue time. No event.
  void line_up(attempt_id from) noexcept;
  /// It waited, and has the slot now. No event.
  void take_slot(attempt_id from, wall_time now) noexcept;
  /// It left its slot after `ran` on slots, and waits for one: queue time again,
  /// which `take_slot` ends. No event.
  void leave_slot(attempt_id from, duration ran, wall_time now) noexcept;
  /// The engine took it in. No event.
  void prefilled(attempt_id from, uint32_t input_tokens);
  /// New text; ignored unless `from` is the running attempt.
  job_step output(attempt_id from, std::string text, uint32_t tokens,
                  wall_time now);
  job_step finish(attempt_id from, const attempt_result& result, wall_time now);
  /// A failure that no retry can mend.
  job_step fail(attempt_id from, failure why, wall_time now);
  /// The attempt ended without a result. `random` in [0, 1).
  job_step lost(attempt_id from, attempt_loss loss, const failure& why,
                wall_time now, double random, const retry_delays& delays = {});
  job_step cancel(std::string reason, wall_time now);
  /// The start limit passed before any attempt, the total limit passed, or it
  /// was decided that they will: `reason`, for people.
  job_step expire(wall_time now, std::string reason = {});
  /// Down the ladder while it waits. `to`: its place in another model's queue;
  /// of no account for `output_limit` and `context`.
  job_step degrade(job_degradation step, const queue_place& to, wall_time now);
  /// The running attempt filled its model's context: `to` continues its text.
  job_step cut_over(attempt_id from, const std::string& to, duration ran,
                    wall_time now);
  /// The running attempt would end too late: it is stopped, and the model that
  /// `down` names continues its text, from `to` in that model's queue.
  job_step cut_over(attempt_id from, job_degradation down,
                    const queue_place& to, wall_time now);
  /// The running attempt's engine counted more input tokens than its context
  /// has: the job waits again, a quarter of its input less, never below its
  /// `kept_tokens_min`. An empty step: nothing may be dropped any more.
  job_step shorten(attempt_id from, duration ran, wall_time now);

private:
  void append(job_step& step, event_body body, wall_time now);
  void touch() noexcept { ++record_.version; }
  void move_to(const std::string& model, job_step& step, wall_time now);
  /// `counts`: its work is charged to the tenant.
  void end_attempt(attempt_outcome outcome, wall_time now,
                   duration ran = duration{0}, bool counts = true);
  /// The attempt ended. `counts`: its work is charged to the tenant.
  void stop_clock(wall_time now, duration ran, bool counts = true) noexcept;
  void end(job_step& step, job_status status, finish_reason finish,
           wall_time now, std::string reason = {});
  job_step end_failed(failure why, bool dead, wall_time now);

  job_record record_;
  std::string text_;
  uint32_t text_tokens_ = 0;
  uint32_t tokens_before_ = 0; ///< When the attempt began.
  bool running_ = false;
  bool in_line_ = false;  ///< `running_`, without a slot yet.
  bool parked_ = false;   ///< `running_`, without the slot that it had.
  int64_t worked_us_ = 0; ///< Of the running attempt, on slots that it left.
  double price_ = 1;
  wall_time ready_since_{};
  wall_time running_since_{};
};

} // namespace troupe::runtime

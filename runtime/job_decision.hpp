// Why a job was treated as it was: what was predicted of it, where that put it,
// what admission compared, what it waited for, how it was degraded and what its
// attempts came to. Kept with the job, at most 512 bytes, written only when the
// job's state changes. For people: nothing decides by it.
//
//     version 1 | msgpack array of
//       0 predicted  [input, cached, output p50, p90, mean s, p50 s,
//                     output log2, input log2, source, version]
//       1 key        [boost us, weight, beta, beta_ref, gamma, limit s,
//                     capacity, clamped]
//       2 admission  [check, value, limit ...]
//       3 wait       [generation, clock, least clock, slack,
//                     reason, seconds ...]
//       4 steps      [[rung, stage, at ms, needed, available] ...]
//       5 attempts   [[attempt, worker, start ms, end ms, outcome, input,
//                      output, work s] ...]
//       6 dropped    steps and attempts left out for want of room, oldest first
//
// Fractions are float32, times are milliseconds since the job was accepted. A
// newer writer may append elements anywhere.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/scheduling/deadline_policy.hpp"
#include "runtime/scheduling/queue_policy.hpp"
#include "runtime/scheduling/tenant_gate.hpp"
#include "runtime/scheduling/wait_clocks.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

constexpr size_t decision_bytes_max = 512;

// Numbers are stored: append only.
enum class admission_check : uint8_t {
  shard_jobs = 1, ///< Live jobs of the shard against their limit.
  estimated_wait, ///< Seconds until it would start against its limit.
  finish          ///< Seconds until it would end against its total limit.
};
enum class decision_stage : uint8_t { admission = 1, pick, mid_run };
enum class attempt_outcome : uint8_t {
  running = 0,
  finished,
  failed,   ///< With an error that no retry mends.
  lost,     ///< Engine, worker or node died, or the model failed.
  cut_over, ///< Another model continues its text.
  cancelled,
  expired
};
std::string_view to_string(admission_check x) noexcept;
std::string_view to_string(decision_stage x) noexcept;
std::string_view to_string(attempt_outcome x) noexcept;

struct decided_prediction {
  uint32_t input_tokens = 0;
  uint32_t cached_tokens = 0;
  uint32_t output_tokens_p50 = 0;
  uint32_t output_tokens_p90 = 0;
  float mean_s = 0;
  float p50_s = 0;
  uint8_t output_log2 = 0; ///< The label's; 255: no limit of output.
  uint8_t input_log2 = 0;
  cost_source source = cost_source::prior;
  uint32_t version = 0;
  friend bool operator==(const decided_prediction&,
                         const decided_prediction&) = default;
};
/// K = base - boost; base and arrival are the record's.
struct decided_key {
  int64_t boost_us = 0;
  float weight = 1;
  float beta = 0; ///< Of the predicted size.
  float beta_ref = 0;
  float gamma = 0;
  float limit_s = 0;  ///< B.
  float capacity = 1; ///< k.
  bool clamped = false;
  friend bool operator==(const decided_key&, const decided_key&) = default;
};
struct decided_check {
  admission_check what = admission_check::shard_jobs;
  float value = 0;
  float limit = 0; ///< 0: none.
  friend bool operator==(const decided_check&, const decided_check&) = default;
};
/// What a job waited for until now, all attempts.
struct decided_wait {
  uint64_t generation = 0; ///< Of the dispatcher that leased it last.
  gate_reading gate;
  wait_seconds seconds{};
  friend bool operator==(const decided_wait&, const decided_wait&) = default;
};
/// Where it went from and to is in the record's degradations.
struct decided_step {
  ladder_rung rung = ladder_rung::none;
  decision_stage stage = decision_stage::pick;
  uint32_t at_ms = 0;
  float needed = 0; ///< As in rung_check; may be infinite.
  float available = 0;
  friend bool operator==(const decided_step&, const decided_step&) = default;
};
struct decided_attempt {
  uint32_t attempt = 0;
  std::string worker; ///< At most 40 bytes.
  uint32_t start_ms = 0;
  uint32_t end_ms = 0;
  attempt_outcome outcome = attempt_outcome::running;
  uint32_t input_tokens = 0;
  uint32_t output_tokens = 0;
  float work_s = 0; ///< On the slot.
  friend bool operator==(const decided_attempt&,
                         const decided_attempt&) = default;
};

struct job_decision {
  decided_prediction predicted;
  decided_key key;
  std::vector<decided_check> admission; ///< All passed: it was admitted.
  decided_wait wait;
  std::vector<decided_step> steps;
  std::vector<decided_attempt> attempts;
  uint32_t dropped = 0;
  friend bool operator==(const job_decision&, const job_decision&) = default;
};

/// What a command of the shard adds to its job's decision.
struct decision_note {
  std::optional<decided_wait> wait;
  std::optional<decided_step> step; ///< `at_ms` is set where it is noted.
};

/// Why a job waits, now.
struct job_why {
  wait_reason primary = wait_reason::no_free_slot;
  wait_seconds waited{};   ///< Since it came back into the queue.
  uint64_t jobs_ahead = 0; ///< On the node.
  double work_ahead_s = 0; ///< When its dispatcher looked last, of one slot.
  gate_reading gate;
  /// From then on it goes before all that are not overdue.
  wall_time bound_at{};
};

/// At most `decision_bytes_max`.
std::string encode(const job_decision& x);
/// `corruption`, never more than what is asked for: a damaged decision costs its
/// job nothing. Empty bytes are an empty decision.
result<job_decision> decode_decision(std::string_view bytes);

/// What admission knows.
job_decision decision_of(const job_placement& placement, const key_terms& terms,
                         double weight, std::vector<decided_check> checks);

/// The comparison that decided on a rung; nothing compared: zeros.
decided_step step_of(const ladder_verdict& verdict, decision_stage stage);

// What a job's machine notes, in the bytes that its record carries. Bytes that
// do not decode start afresh.
void note_wait(std::string& decision, const decided_wait& wait);
void note_step(std::string& decision, const decided_step& step);
void note_start(std::string& decision, const decided_attempt& attempt);
/// Ends the latest attempt, if it runs; `end` without worker and start.
void note_end(std::string& decision, const decided_attempt& end);

/// For `at_ms` and the like; 0 before, at most 49 days.
uint32_t ms_since(wall_time from, wall_time to) noexcept;

} // namespace troupe::runtime

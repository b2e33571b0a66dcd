// Whether a job may start within its limits, and if not, the first rung of the
// degradation ladder that helps (scheduling.md section 6). Asked at admission,
// at pick and at the latest feasible start; `mid_run` is asked as text grows.
// It moves nothing: a job sent to another model is judged again in its queue.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/job.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

// In all inputs a negative number of seconds counts as 0, and NaN as for ever:
// what cannot be predicted does not fit.

/// service = a + b * in + c * out, in seconds on one slot of speed 1.
struct service_line {
  double a_s = 0;
  double b_s = 0; ///< Per input token that is not cached.
  double c_s = 0; ///< Per output token.
};

/// A model that the job may fall back to. The caller leaves out those that the
/// job has already left, so that it never goes in circles.
struct ladder_target {
  std::string model;
  uint32_t context_length = 0; ///< Tokens, input and output together.
  bool breaker_closed = true;
  double wait_s = 0;        ///< Until it would start there.
  double service_p50_s = 0; ///< Of this job, or of its rest, on that model.
};

struct ladder_rights {
  bool degradation = true; ///< False: `degradation: forbid`.
  deadline_action on_deadline = deadline_action::partial;
  bool truncation_auto = false;
  bool makes_text = true; ///< chat, complete; others have no partial result.
};

struct deadline_inputs {
  service_line line;
  double service_p50_s = 0;
  double output_p50_tokens = 0;
  uint32_t input_tokens = 0;
  uint32_t cached_tokens = 0;         ///< Of the input; expected prefix hit.
  uint32_t last_turn_tokens = 0;      ///< Of the input; truncation keeps these.
  uint32_t max_output_tokens = 0;     ///< 0: what the context leaves.
  uint32_t context_length = 0;        ///< The own model's.
  double wait_s = 0;                  ///< Estimate at admission; 0 at pick.
  std::optional<duration> start_left; ///< Time to start_at; negative: past.
  std::optional<duration> total_left; ///< Time to total_at; negative: past.
  ladder_rights rights;
  std::span<const ladder_target> fallbacks; ///< In order of preference.
};

// Numbers are stored in records: append only.
enum class ladder_rung : uint8_t {
  none = 0,
  longer_context,
  model,
  output_limit,
  context,
  partial,
  shed
};
enum class ladder_outcome : uint8_t { start = 1, degrade, partial, expire };
enum class expire_reason : uint8_t {
  none = 0,
  start_passed,        ///< start_at lies in the past.
  total_passed,        ///< total_at lies in the past.
  start_unreachable,   ///< Its turn would come after start_at.
  deadline_unmeetable, ///< It would finish after total_at.
  context_too_long     ///< Fits no permitted context; a 422 at admission.
};

/// As in `degradation[].kind`; none is "none".
std::string_view to_string(ladder_rung rung) noexcept;
std::string_view to_string(expire_reason reason) noexcept;

/// One comparison. Seconds needed against seconds left for `model` and `shed`;
/// else tokens: needed against the target's context for `longer_context`, the
/// least acceptable against what fits for the others. -1 is available on a model
/// that cannot take the job at all. An open breaker also keeps it from fitting.
struct rung_check {
  ladder_rung rung = ladder_rung::none;
  std::optional<size_t> fallback; ///< Index, where one was compared.
  double needed = 0;              ///< May be infinite.
  double available = 0;           ///< May be infinite.
  bool fits = false;
};

struct ladder_verdict {
  ladder_outcome outcome = ladder_outcome::start;
  ladder_rung rung = ladder_rung::none;
  expire_reason reason = expire_reason::none;
  std::optional<size_t> fallback; ///< `longer_context`, `model`: where to.
  uint32_t max_output_tokens = 0; ///< As given, or less after `output_limit`.
  uint32_t input_tokens = 0;      ///< As given, or less after `context`.
  std::vector<rung_check> tried;  ///< In order; empty for a plain start.
};

struct running_inputs {
  uint32_t input_tokens = 0;
  uint32_t produced_tokens = 0;
  uint32_t context_length = 0; ///< Of the model that runs it.
  double rest_s = 0;           ///< Predicted p50 until its end.
  std::optional<duration> total_left;
  ladder_rights rights;
  std::span<const ladder_target> fallbacks;
};

/// Where a running attempt continues; `tried` holds the numbers compared.
struct mid_run_verdict {
  ladder_rung rung = ladder_rung::none; ///< none: it stays where it is.
  std::optional<size_t> fallback;
  std::vector<rung_check> tried;
};

class deadline_policy {
public:
  /// `margin` >= 0 is kept free before total_at (`deadline_margin_ms`).
  explicit deadline_policy(duration margin) noexcept : margin_{margin} {}

  /// The first that fits. A job that has no limits and fits its context starts.
  ladder_verdict decide(const deadline_inputs& job) const;
  /// Moves it at a context that is full, to the first longer one whatever the
  /// time; and at a predicted finish past total_at, if the job said `on_deadline:
  /// cutover`, to the first that finishes in time. Never after total_at.
  mid_run_verdict mid_run(const running_inputs& job) const;
  /// When the shard's timer wheel must ask again: after it, starting on its
  /// own model is late. Nothing without limits; may lie in the past.
  std::optional<mono_time>
  latest_feasible_start(std::optional<mono_time> start_at,
                        std::optional<mono_time> total_at,
                        double service_p50_s) const noexcept;
  /// Seconds until the work must be done; infinite without a limit.
  double time_left_s(std::optional<duration> total_left) const noexcept;

private:
  duration margin_;
};

} // namespace troupe::runtime

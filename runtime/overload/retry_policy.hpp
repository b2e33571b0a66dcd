// When a failed attempt is tried again, and when a job is dead. Only a job's own
// machine asks; no other layer retries.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/result.hpp"

#include <cstdint>
#include <string_view>

namespace troupe::runtime {

/// How an attempt ended without a result.
enum class attempt_loss : uint8_t {
  model_error = 1, ///< The engine reported a transient failure. Charged.
  crashed_alone,   ///< The engine died and ran nothing else. Not charged.
  crashed_shared,  ///< The engine died with others in its batch. Not charged.
  refused,         ///< The worker had no slot after all. Not charged.
  node_restarted ///< The owner of the shard changed or restarted. Not charged.
};

struct attempt_history {
  uint32_t charged = 0;      ///< Including the one that just ended.
  uint32_t max_attempts = 3; ///< 1..10.
  uint32_t solo_crashes = 0; ///< Including the one that just ended.
};

struct retry_verdict {
  enum class kind : uint8_t { retry, exhausted, poison };
  kind what = kind::retry;
  duration delay{0};
  bool alone = false;   ///< Retry on a worker that admits nothing else.
  bool charged = false; ///< Takes from the model's retry budget.
};

/// Of charged failures; 0 < base <= cap.
struct retry_delays {
  duration base{std::chrono::milliseconds{500}};
  duration cap{std::chrono::seconds{30}};
};

/// Crashes that a job may cause on its own before it counts as poison.
constexpr uint32_t solo_crashes_max = 2;

/// A charged failure waits U(0, min(base * 2^(charged - 1), cap)) ("full
/// jitter", Brooker 2015); everything else returns to the queue at once.
/// `random` in [0, 1).
retry_verdict decide_retry(attempt_loss loss, const attempt_history& history,
                           double random,
                           const retry_delays& delays = {}) noexcept;

/// worker_lost model_error suspect_batch: the word in `job.retrying`.
std::string_view retry_reason(attempt_loss loss) noexcept;

} // namespace troupe::runtime

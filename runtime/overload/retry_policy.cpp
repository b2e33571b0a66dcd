#include "runtime/overload/retry_policy.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::runtime {
namespace {

duration jittered_delay(uint32_t charged, double random,
                        const retry_delays& delays) noexcept {
  auto exponent = static_cast<double>(charged == 0 ? 0 : charged - 1);
  auto longest = std::min(static_cast<double>(delays.base.count())
                            * std::exp2(std::min(exponent, 40.0)),
                          static_cast<double>(delays.cap.count()));
  return duration{static_cast<int64_t>(longest * random)};
}

} // namespace

retry_verdict decide_retry(attempt_loss loss, const attempt_history& history,
                           double random, const retry_delays& delays) noexcept {
  using kind = retry_verdict::kind;
  switch (loss) {
    case attempt_loss::model_error:
      if (history.charged >= history.max_attempts)
        return {.what = kind::exhausted};
      return {.what = kind::retry,
              .delay = jittered_delay(history.charged, random, delays),
              .charged = true};
    case attempt_loss::crashed_alone:
      if (history.solo_crashes >= solo_crashes_max)
        return {.what = kind::poison};
      return {.what = kind::retry, .alone = true};
    case attempt_loss::crashed_shared:
      return {.what = kind::retry, .alone = true};
    case attempt_loss::refused:
    case attempt_loss::node_restarted:
      return {.what = kind::retry};
  }
  return {.what = kind::retry};
}

std::string_view retry_reason(attempt_loss loss) noexcept {
  switch (loss) {
    case attempt_loss::model_error:
      return "model_error";
    case attempt_loss::crashed_shared:
      return "suspect_batch";
    case attempt_loss::crashed_alone:
    case attempt_loss::refused:
    case attempt_loss::node_restarted:
      return "worker_lost";
  }
  return "worker_lost";
}

} // namespace troupe::runtime

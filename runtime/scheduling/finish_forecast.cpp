#include "runtime/scheduling/finish_forecast.hpp"

#include <algorithm>

namespace troupe::runtime {

void finish_forecast::begin(uint32_t p50, uint32_t most) noexcept {
  *this = finish_forecast{};
  p50_ = p50;
  most_ = most;
}

std::optional<attempt_rest> finish_forecast::made(uint32_t produced,
                                                  wall_time now) noexcept {
  if (!first_at_) {
    first_at_ = asked_at_ = now;
    first_ = produced;
    return std::nullopt;
  }
  if (now - asked_at_ < interval || produced < first_ + tokens_min)
    return std::nullopt;
  asked_at_ = now;
  auto passed = std::chrono::duration<double>(now - *first_at_).count();
  auto rate = static_cast<double>(produced - first_) / passed;
  auto rest = std::max(0.0, expected_tokens(produced) - produced);
  return attempt_rest{.tokens = rest, .seconds = rest / rate};
}

/// Beyond its prediction nothing is known but that it goes on: half as much
/// again as it made.
double finish_forecast::expected_tokens(uint32_t produced) const noexcept {
  double expected = produced < p50_ ? p50_ : 1.5 * produced;
  return most_ > 0 ? std::min<double>(expected, most_) : expected;
}

} // namespace troupe::runtime

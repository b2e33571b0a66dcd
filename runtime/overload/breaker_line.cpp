#include "runtime/overload/breaker_line.hpp"

namespace troupe::runtime {

std::optional<duration> refusal_of(const breaker_line& line, duration patience,
                                   mono_time now) noexcept {
  auto wait = line.available_at - now;
  if (wait <= duration{0})
    return std::nullopt;
  if (line.snapshot.cause == breaker_cause::forced)
    return wait;
  bool lasts = patience > duration{0} && wait >= patience;
  if (line.snapshot.state == breaker_state::half_open || !lasts)
    return std::nullopt;
  return wait;
}

} // namespace troupe::runtime

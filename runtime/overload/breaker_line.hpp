// What a breaker tells the rest of the node about itself, and what admission
// makes of it.
#pragma once

#include "runtime/overload/breaker.hpp"

#include <optional>
#include <string>

namespace troupe::runtime {

struct breaker_line {
  breaker_snapshot snapshot;
  /// From when on a call may start, as far as is known; see breaker.
  mono_time available_at{};
  std::string reason; ///< Of whoever forced or reset it last; for people.
};

/// How long a new job of the target should stay away; nothing: take it.
/// `patience`: how long the job may wait for its start or its end; 0 = forever.
///
/// A job is refused when its limit passes before the target may be called again,
/// and any job while an operator holds the breaker open: nobody can say that he
/// will let go. While probes are under way jobs are taken, for their answers are
/// seconds away.
std::optional<duration> refusal_of(const breaker_line& line, duration patience,
                                   mono_time now) noexcept;

} // namespace troupe::runtime

// Notices an overdue job that may start and that others are leased before, for
// longer than a grace: never, if the order is what it should be.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/scheduling/tenant_gate.hpp"

#include <optional>

namespace troupe::runtime {

class starvation_watch {
public:
  static constexpr duration grace = std::chrono::seconds{5};

  /// After each pick. `first`: the first that may start and did not;
  /// `passed`: somebody who is not overdue was leased. True once per job that
  /// was passed over for the grace.
  bool observe(const std::optional<head_rank>& first, bool passed,
               mono_time now) noexcept {
    if (!first || first->on_time) {
      job_.reset();
      return false;
    }
    if (job_ != first->id) {
      job_ = first->id;
      since_.reset();
      counted_ = false;
    }
    if (passed && !since_)
      since_ = now;
    if (counted_ || !since_ || now - *since_ <= grace)
      return false;
    counted_ = true;
    return true;
  }

private:
  std::optional<job_id> job_;
  std::optional<mono_time> since_; ///< Passed over for the first time.
  bool counted_ = false;
};

} // namespace troupe::runtime

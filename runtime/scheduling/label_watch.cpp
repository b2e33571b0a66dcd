#include "runtime/scheduling/label_watch.hpp"

namespace troupe::runtime {

bool label_watch::review(mono_time now) {
  if (pairs_.samples() < samples_min
      || (reviewed_at_ && now - *reviewed_at_ < every))
    return on_;
  reviewed_at_ = now;
  tau_ = pairs_.tau();
  if (tau_)
    on_ = on_ ? *tau_ >= tau_off : *tau_ > tau_on;
  return on_;
}

} // namespace troupe::runtime

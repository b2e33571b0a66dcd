#include "runtime/attempt_trail.hpp"

namespace troupe::runtime {
namespace {

/// Events of older versions name the kind of loss only.
failure error_of(const job_retrying& x) {
  if (x.error)
    return *x.error;
  auto code = x.reason == "model_error" ? errc::model_error : errc::worker_lost;
  return {code, x.reason};
}

std::optional<failure> error_of(const job_ended& x) {
  switch (x.record.status) {
    case job_status::cancelled:
      return failure{errc::cancelled, x.reason};
    case job_status::failed:
      return x.record.error;
    default:
      return std::nullopt;
  }
}

} // namespace

void attempt_trail::add(const event& x) {
  if (const auto* started = std::get_if<job_started>(&x.body)) {
    // Never so in a whole history; a gap must not merge two attempts.
    close(x.at, failure{errc::worker_lost, "its end was not recorded"});
    attempts_.push_back({.attempt = started->attempt,
                         .model = started->model,
                         .worker = started->worker,
                         .started_at = x.at});
    running_ = true;
  } else if (const auto* retrying = std::get_if<job_retrying>(&x.body)) {
    close(x.at, error_of(*retrying));
  } else if (const auto* ended = std::get_if<job_ended>(&x.body)) {
    close(x.at, error_of(*ended));
  }
}

void attempt_trail::close(wall_time at, std::optional<failure> error) {
  if (!running_)
    return;
  running_ = false;
  attempts_.back().ended_at = at;
  attempts_.back().error = std::move(error);
}

} // namespace troupe::runtime

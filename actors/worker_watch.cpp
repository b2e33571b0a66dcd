#include "actors/worker_watch.hpp"

#include "runtime/log.hpp"
#include "runtime/metrics.hpp"

namespace troupe::actors {

using runtime::call_result;
using runtime::worker_hold;

void worker_watch::came(const std::string& worker) {
  // A fresh engine under the old name has not failed yet.
  went(worker);
  ejector_.add(worker);
}

void worker_watch::went(const std::string& worker) {
  ejector_.remove(worker, env_.mono());
  out_.erase(worker);
  review();
  show();
}

void worker_watch::heard(const attempt_freed& x) {
  auto now = env_.mono();
  if (x.result == call_result::good)
    ejector_.succeeded(x.worker, now);
  if (x.result != call_result::failed || !ejector_.failed(x.worker, now))
    return;
  auto until = ejector_.ejected_until(x.worker, now).value_or(now);
  core_.hold(x.worker, worker_hold::ejected, true);
  out_.insert(x.worker);
  runtime::log_warn(
    "dispatcher", "a worker that fails is left out",
    {{"worker", x.worker},
     {"seconds", std::chrono::duration<double>(until - now).count()}});
  if (env_.metrics != nullptr)
    env_.metrics->add(runtime::metric::worker_ejections, 1, model_);
  show();
}

void worker_watch::review() {
  auto now = env_.mono();
  auto back = std::erase_if(out_, [&](const std::string& worker) {
    if (ejector_.ejected_until(worker, now))
      return false;
    core_.hold(worker, worker_hold::ejected, false);
    runtime::log_info("dispatcher", "a worker is given work again",
                      {{"worker", worker}});
    return true;
  });
  if (back > 0)
    show();
}

void worker_watch::show() {
  if (env_.metrics != nullptr)
    env_.metrics->set(runtime::metric::workers_ejected,
                      static_cast<double>(out_.size()), model_);
}

} // namespace troupe::actors

#include "actors/job_readers.hpp"

#include <utility>

namespace troupe::actors {

void job_readers::publish(runtime::job_id id,
                          std::vector<runtime::event> events,
                          commit_request& into) {
  for (const auto& e : events)
    keep(e);
  if (watchers_.empty())
    return;
  auto shared =
    std::make_shared<const std::vector<runtime::event>>(std::move(events));
  for (auto to : watchers_)
    into.deliveries.emplace_back(to, runtime::job_events{id, shared});
}

void job_readers::answer_gets(const runtime::job_view& view,
                              runtime::sink_ref also, commit_request& into) {
  if (also)
    gets_.push_back(also);
  for (auto to : std::exchange(gets_, {}))
    into.deliveries.emplace_back(to, runtime::job_snapshot{view});
}

runtime::events_ptr job_readers::tail() const {
  if (tail_.empty())
    return nullptr;
  std::vector<runtime::event> in_order;
  in_order.reserve(tail_.size());
  for (size_t i = 0; i < tail_.size(); ++i)
    in_order.push_back(tail_[(oldest_ + i) % tail_.size()]);
  return std::make_shared<const std::vector<runtime::event>>(
    std::move(in_order));
}

void job_readers::keep(const runtime::event& e) {
  if (tail_.size() < tail_max_) {
    tail_.push_back(e);
    return;
  }
  if (tail_max_ == 0)
    return;
  tail_[oldest_] = e;
  oldest_ = (oldest_ + 1) % tail_max_;
}

} // namespace troupe::actors

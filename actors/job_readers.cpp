#include "actors/job_readers.hpp"

#include <utility>

namespace troupe::actors {

void job_readers::publish(runtime::job_id id,
                          std::vector<runtime::event> events,
                          commit_request& into) {
  for (const auto& e : events)
    tail_.push_back(e);
  while (tail_.size() > tail_max_)
    tail_.pop_front();
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
  return std::make_shared<const std::vector<runtime::event>>(tail_.begin(),
                                                             tail_.end());
}

} // namespace troupe::actors

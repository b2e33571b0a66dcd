// Who reads one job live: watchers of its events, gets that wait for a newer
// record, and the tail of its events for late watchers. The job's own; no actor.
#pragma once

#include "actors/messages.hpp"

#include <vector>

namespace troupe::actors {

class job_readers {
public:
  /// `readers_max`: watchers and gets together. `tail_max`: events kept.
  job_readers(size_t readers_max, size_t tail_max)
    : readers_max_{readers_max}, tail_max_{tail_max} {}

  bool none() const noexcept { return watchers_.empty() && gets_.empty(); }
  /// A get waits for a newer record.
  bool awaited() const noexcept { return !gets_.empty(); }
  /// False: full, the reader must be refused.
  bool add_watcher(runtime::sink_ref to) { return add(watchers_, to); }
  bool add_get(runtime::sink_ref to) { return add(gets_, to); }
  void forget(runtime::sink_ref to) {
    std::erase(watchers_, to);
    std::erase(gets_, to);
  }
  /// No more events will come.
  void drop_watchers() { watchers_.clear(); }

  /// Keeps the newest events, and addresses all of them to the watchers.
  void publish(runtime::job_id id, std::vector<runtime::event> events,
               commit_request& into);
  /// Answers the waiting gets, and `also` if set, with the record as it is.
  void answer_gets(const runtime::job_view& view, runtime::sink_ref also,
                   commit_request& into);
  /// Null when nothing was kept.
  runtime::events_ptr tail() const;

private:
  void keep(const runtime::event& e);
  bool add(std::vector<runtime::sink_ref>& to, runtime::sink_ref reader) {
    if (watchers_.size() + gets_.size() >= readers_max_)
      return false;
    to.push_back(reader);
    return true;
  }

  size_t readers_max_;
  size_t tail_max_;
  std::vector<runtime::sink_ref> watchers_;
  std::vector<runtime::sink_ref> gets_;
  /// A ring once it is full; nothing is allocated for a job that only waits.
  std::vector<runtime::event> tail_;
  size_t oldest_ = 0; ///< In `tail_`.
};

} // namespace troupe::actors

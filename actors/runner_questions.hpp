// What the replay runner has asked shards and readers, and waits to hear. The
// runner's own; no actor.
#pragma once

#include "runtime/client_sink.hpp"
#include "runtime/clock.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace troupe::actors {

struct runner_question {
  enum class kind : uint8_t { letters, letter, replay, outcome, keep };
  kind what = kind::letters;
  runtime::job_id run;
  runtime::job_id about{};    ///< Letter or replay.
  runtime::sink_ref client{}; ///< Waits for `keep`.
  runtime::mono_time until{}; ///< Asked again then.
};

class runner_questions {
public:
  /// The ticket of the answer.
  uint64_t add(runner_question x) {
    asked_.emplace(++ticket_, x);
    return ticket_;
  }
  /// Nothing when it was asked again meanwhile.
  std::optional<runner_question> take(uint64_t ticket) {
    auto at = asked_.find(ticket);
    if (at == asked_.end())
      return std::nullopt;
    auto found = at->second;
    asked_.erase(at);
    return found;
  }
  /// To be asked again when somebody next looks.
  void set_aside(const runner_question& x) { aside_.emplace_back(0, x); }
  /// Those set aside (ticket 0) or overdue; forgotten here.
  std::vector<std::pair<uint64_t, runner_question>>
  overdue(runtime::mono_time now) {
    auto found = std::exchange(aside_, {});
    for (const auto& x : asked_)
      if (x.second.until <= now)
        found.emplace_back(x);
    for (const auto& x : found)
      asked_.erase(x.first);
    return found;
  }
  /// Is a commit of the run under way?
  bool keeps(runtime::job_id run) const {
    auto is_keep = [&](const auto& x) {
      return x.second.what == runner_question::kind::keep
             && x.second.run == run;
    };
    return std::any_of(asked_.begin(), asked_.end(), is_keep)
           || std::any_of(aside_.begin(), aside_.end(), is_keep);
  }
  bool empty() const noexcept { return asked_.empty() && aside_.empty(); }

private:
  std::map<uint64_t, runner_question> asked_;
  std::vector<std::pair<uint64_t, runner_question>> aside_;
  uint64_t ticket_ = 0;
};

} // namespace troupe::actors

// The stored layout of replay runs; rules as in job_codec_fields.hpp.
#pragma once

#include "runtime/job_codec_fields.hpp"
#include "runtime/replay_run.hpp"

namespace troupe::runtime::detail {

template <class V, maybe_const<run_counts> T>
void fields(V& v, T& x) {
  v("matched", x.matched);
  v("submitted", x.submitted);
  v("skipped", x.skipped);
  v("deferred", x.deferred);
  v("completed", x.completed);
  v("failed", x.failed);
  v("dead_again", x.dead_again);
}

template <class V, maybe_const<replay_run> T>
void fields(V& v, T& x) {
  v("id", x.id);
  v("tenant", x.tenant);
  v("status", x.status);
  v("by_ids", x.by_ids);
  v("reasons", x.reasons);
  v("models", x.models);
  v("classes", x.classes);
  v("tiers", x.tiers);
  v("died_after", x.died_after);
  v("died_before", x.died_before);
  v("edit", x.edit);
  v("rate_per_s", x.rate_per_s);
  v("max", x.max);
  v("oldest_first", x.oldest_first);
  v("counts", x.counts);
  v("after", x.after);
  v("listed_all", x.listed_all);
  v("waiting", x.waiting);
  v("open", x.open);
}

template <>
struct enum_range<letter_reason> {
  static constexpr auto first = letter_reason::attempts_exhausted,
                        last = letter_reason::poison;
};
template <>
struct enum_range<run_status> {
  static constexpr auto first = run_status::running,
                        last = run_status::cancelled;
};

} // namespace troupe::runtime::detail

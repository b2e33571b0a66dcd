// The stored layout of tenant records; rules as in job_codec_fields.hpp.
#pragma once

#include "runtime/job_codec_fields.hpp"
#include "runtime/tenant_record.hpp"

namespace troupe::runtime::detail {

template <class V, maybe_const<budget_override> T>
void fields(V& v, T& x) {
  v("cost_per_minute", x.cost_per_minute);
  v("burst", x.burst);
  v("until", x.until);
}

template <class V, maybe_const<tenant_record> T>
void fields(V& v, T& x) {
  v("level_micro_cost", x.level_micro_cost);
  v("at", x.at);
  v("counted_below", x.counted_below);
  v("override_now", x.override_now);
}

} // namespace troupe::runtime::detail

// The range of each enum that job values store: what lies outside is damage.
#pragma once

#include "runtime/errc.hpp"
#include "runtime/job_words.hpp"

namespace troupe::runtime::detail {

/// Lowest and highest stored number of each enumeration. A number outside is
/// refused: an enumerator appended by a newer build needs a newer reader.
template <class E>
struct enum_range;
template <>
struct enum_range<task_kind> {
  static constexpr auto first = task_kind::chat, last = task_kind::run;
};
template <>
struct enum_range<job_status> {
  static constexpr auto first = job_status::queued, last = job_status::expired;
};
template <>
struct enum_range<job_phase> {
  static constexpr auto first = job_phase::none, last = job_phase::delivering;
};
template <>
struct enum_range<service_tier> {
  static constexpr auto first = service_tier::flex,
                        last = service_tier::priority;
};
template <>
struct enum_range<deadline_action> {
  static constexpr auto first = deadline_action::partial,
                        last = deadline_action::fail;
};
template <>
struct enum_range<resume_mode> {
  static constexpr auto first = resume_mode::resume, last = resume_mode::never;
};
template <>
struct enum_range<finish_reason> {
  static constexpr auto first = finish_reason::none,
                        last = finish_reason::shutdown;
};
template <>
struct enum_range<degradation_kind> {
  static constexpr auto first = degradation_kind::longer_context,
                        last = degradation_kind::context;
};
template <>
struct enum_range<request_intent> {
  static constexpr auto first = request_intent::fast,
                        last = request_intent::explore;
};
template <>
struct enum_range<letter_state> {
  static constexpr auto first = letter_state::dead,
                        last = letter_state::dropped;
};
template <>
struct enum_range<errc> {
  static constexpr auto first = errc::invalid_argument,
                        last = errc::rate_limited;
};

} // namespace troupe::runtime::detail

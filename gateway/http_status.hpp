// Which HTTP status and problem type each failure has: the one place where
// Troupe's error codes become HTTP.
#pragma once

#include "gateway/framing_guard.hpp"
#include "runtime/errc.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace troupe::gateway {

/// Whether the same request can succeed later.
enum class retry_hint : uint8_t { yes, no, unknown };

/// One row of the table of problem types.
struct problem_kind {
  std::string_view slug;
  std::string_view title;
  uint16_t status = 500;
  retry_hint retry = retry_hint::unknown;
  bool close = false;           ///< The connection ends after the answer.
  std::string_view explanation; ///< For its page.
};

/// All kinds; the page /problems/{slug} shows each.
std::span<const problem_kind> problem_kinds() noexcept;

/// Unknown words mean `internal`.
const problem_kind& problem_kind_of(std::string_view slug) noexcept;
/// Nothing when there is no such kind.
const problem_kind* find_problem_kind(std::string_view slug) noexcept;

/// Total.
std::string_view slug_of(runtime::errc code) noexcept;
std::string_view slug_of(framing_error error) noexcept;

/// "OK" for 200; "Status" for what is not used here.
std::string_view reason_phrase(uint16_t status) noexcept;

} // namespace troupe::gateway

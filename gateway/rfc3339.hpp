// Times as the native API writes and reads them.
#pragma once

#include "runtime/clock.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace troupe::gateway {

/// "2026-08-21T10:00:05.123Z".
std::string rfc3339(runtime::wall_time at);
/// Inverse of `rfc3339`, for 0 to 6 digits of a second and only UTC.
std::optional<runtime::wall_time> parse_rfc3339(std::string_view text) noexcept;

} // namespace troupe::gateway

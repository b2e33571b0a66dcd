// The one header field of W3C Trace Context that Troupe reads.
#pragma once

#include <cstddef>
#include <string_view>

namespace troupe::gateway {

/// Of version 00.
constexpr size_t traceparent_chars = 55;

/// The trace id (32 hex digits) of a valid `traceparent`, else empty.
std::string_view trace_id_of(std::string_view traceparent) noexcept;

} // namespace troupe::gateway

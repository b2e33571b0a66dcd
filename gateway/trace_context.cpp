#include "gateway/trace_context.hpp"

#include <algorithm>

namespace troupe::gateway {

namespace {

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

} // namespace

std::string_view trace_id_of(std::string_view traceparent) noexcept {
  // version-trace-parent-flags: 00-<32 hex>-<16 hex>-<2 hex>
  if (traceparent.size() < traceparent_chars || traceparent[2] != '-'
      || traceparent[35] != '-' || traceparent[52] != '-')
    return {};
  const auto version = traceparent.substr(0, 2);
  const auto trace = traceparent.substr(3, 32);
  const auto parent = traceparent.substr(36, 16);
  if (!is_hex(version) || version == "ff" || !is_hex(trace) || !is_hex(parent)
      || !is_hex(traceparent.substr(53, 2))
      || (version == "00" && traceparent.size() != traceparent_chars)
      || trace.find_first_not_of('0') == std::string_view::npos
      || parent.find_first_not_of('0') == std::string_view::npos)
    return {};
  return trace;
}

} // namespace troupe::gateway

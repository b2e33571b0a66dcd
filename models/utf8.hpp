// Whether bytes are text. What an engine says ends up in JSON, so it is checked
// where it enters the node.
#pragma once

#include <string_view>

namespace troupe::models {

/// UTF-8 as of RFC 3629: shortest forms only, no surrogates, at most U+10FFFF.
bool valid_utf8(std::string_view bytes) noexcept;

} // namespace troupe::models

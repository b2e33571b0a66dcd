#include "models/utf8_stream.hpp"

#include "models/utf8.hpp"

#include <array>

namespace troupe::models {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

enum class prefix_state { whole, partial, wrong };

/// Whether `bytes` is one character, the beginning of one, or neither.
prefix_state classify(std::string_view bytes) {
  auto lead = static_cast<unsigned char>(bytes[0]);
  size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (bytes.size() > size)
    return prefix_state::wrong;
  if (bytes.size() == size)
    return valid_utf8(bytes) ? prefix_state::whole : prefix_state::wrong;
  // Partial if some continuation makes it valid: the extremes suffice.
  for (std::string_view tail : {"\x80\x80\x80", "\xBF\xBF\xBF"}) {
    std::array<char, 4> whole{};
    bytes.copy(whole.data(), bytes.size());
    tail.copy(whole.data() + bytes.size(), size - bytes.size());
    if (valid_utf8({whole.data(), size}))
      return prefix_state::partial;
  }
  return prefix_state::wrong;
}

} // namespace

std::string utf8_stream::push(std::string_view bytes) {
  std::string out;
  for (char c : bytes) {
    if (held_.empty() && static_cast<unsigned char>(c) < 0x80) {
      out += c;
      continue;
    }
    held_ += c;
    auto state = classify(held_);
    if (state == prefix_state::wrong && held_.size() > 1) {
      // The part before `c` is ill-formed; `c` may start something new.
      out += replacement;
      held_.assign(1, c);
      state = classify(held_);
    }
    if (state == prefix_state::partial)
      continue;
    out += state == prefix_state::whole ? std::string_view{held_} : replacement;
    held_.clear();
  }
  return out;
}

std::string utf8_stream::finish() {
  std::string out{held_.empty() ? std::string_view{} : replacement};
  held_.clear();
  return out;
}

} // namespace troupe::models

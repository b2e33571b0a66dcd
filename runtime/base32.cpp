#include "runtime/base32.hpp"

namespace troupe::runtime {
namespace {

constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
static_assert(alphabet.size() == 32);

constexpr uint8_t not_a_digit = 0xFF;

constexpr std::array<uint8_t, 256> make_values() {
  std::array<uint8_t, 256> values{};
  values.fill(not_a_digit);
  for (size_t i = 0; i < alphabet.size(); ++i)
    values[static_cast<uint8_t>(alphabet[i])] = static_cast<uint8_t>(i);
  return values;
}
constexpr auto values = make_values();

} // namespace

std::array<char, base32_size> to_base32(uint128_parts value) noexcept {
  std::array<char, base32_size> text{};
  for (size_t i = base32_size; i-- > 0;) {
    text[i] = alphabet[value.low & 31];
    value.low = (value.low >> 5) | (value.high << 59);
    value.high >>= 5;
  }
  return text;
}

std::optional<uint128_parts> from_base32(std::string_view text) noexcept {
  if (text.size() != base32_size)
    return std::nullopt;
  uint128_parts value;
  for (size_t i = 0; i < text.size(); ++i) {
    auto digit = values[static_cast<uint8_t>(text[i])];
    if (digit == not_a_digit || (i == 0 && digit > 7))
      return std::nullopt;
    value.high = (value.high << 5) | (value.low >> 59);
    value.low = (value.low << 5) | digit;
  }
  return value;
}

} // namespace troupe::runtime

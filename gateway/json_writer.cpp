#include "gateway/json_writer.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace troupe::gateway {

namespace {

// What may stand in a JSON string as it is.
constexpr auto plain = [] {
  std::array<bool, 256> table{};
  for (size_t c = 0x20; c < 0x80; ++c)
    table[c] = c != '"' && c != '\\';
  return table;
}();

void append_escape(std::string& out, unsigned char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      out += "\\u00";
      out += digits[c >> 4];
      out += digits[c & 15];
  }
}

} // namespace

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
size_t utf8_sequence(std::string_view text) noexcept {
  const auto byte = [&](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const auto tail = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  if (text.empty())
    return 0;
  const unsigned char c = byte(0);
  if (c < 0x80)
    return 1;
  if (c >= 0xC2 && c <= 0xDF)
    return text.size() >= 2 && tail(1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    if (text.size() < 3 || !tail(1) || !tail(2))
      return 0;
    if ((c == 0xE0 && byte(1) < 0xA0) || (c == 0xED && byte(1) > 0x9F))
      return 0;
    return 3;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    if (text.size() < 4 || !tail(1) || !tail(2) || !tail(3))
      return 0;
    if ((c == 0xF0 && byte(1) < 0x90) || (c == 0xF4 && byte(1) > 0x8F))
      return 0;
    return 4;
  }
  return 0;
}

void json_writer::separate() {
  if (need_comma_)
    out_ += ',';
}

void json_writer::open(char bracket) {
  separate();
  out_ += bracket;
  need_comma_ = false;
}

void json_writer::close(char bracket) {
  out_ += bracket;
  need_comma_ = true;
}

void json_writer::key(std::string_view name) {
  separate();
  out_ += '"';
  out_ += name;
  out_ += "\":";
  need_comma_ = false;
}

void json_writer::key_escaped(std::string_view name) {
  separate();
  quote(name);
  out_ += ':';
  need_comma_ = false;
}

void json_writer::text(std::string_view value) {
  separate();
  quote(value);
  need_comma_ = true;
}

void json_writer::quote(std::string_view value) {
  out_ += '"';
  size_t done = 0;
  for (size_t i = 0; i < value.size();) {
    const auto c = static_cast<unsigned char>(value[i]);
    if (plain[c]) {
      ++i;
      continue;
    }
    const size_t n = c < 0x80 ? 0 : utf8_sequence(value.substr(i));
    if (n > 0) {
      i += n;
      continue;
    }
    out_ += value.substr(done, i - done);
    if (c < 0x80)
      append_escape(out_, c);
    else
      out_ += "\xEF\xBF\xBD";
    done = ++i;
  }
  out_ += value.substr(done);
  out_ += '"';
}

void json_writer::number(double value) {
  if (!std::isfinite(value))
    return null();
  std::array<char, 32> digits{};
  const auto [end, ec] =
    std::to_chars(digits.data(), digits.data() + digits.size(), value);
  raw({digits.data(), static_cast<size_t>(end - digits.data())});
}

void json_writer::integer(int64_t value) {
  std::array<char, 24> digits{};
  const auto [end, ec] =
    std::to_chars(digits.data(), digits.data() + digits.size(), value);
  raw({digits.data(), static_cast<size_t>(end - digits.data())});
}

void json_writer::natural(uint64_t value) {
  std::array<char, 24> digits{};
  const auto [end, ec] =
    std::to_chars(digits.data(), digits.data() + digits.size(), value);
  raw({digits.data(), static_cast<size_t>(end - digits.data())});
}

void json_writer::raw(std::string_view json) {
  separate();
  out_ += json;
  need_comma_ = true;
}

} // namespace troupe::gateway

#include "gateway/framing_guard.hpp"

#include <algorithm>

namespace troupe::gateway {

namespace {

constexpr std::string_view version_prefix = "HTTP/1.";

// RFC 9110 5.6.2.
constexpr bool is_token(unsigned char c) noexcept {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
      || (c >= 'A' && c <= 'Z'))
    return true;
  return std::string_view{"!#$%&'*+-.^_`|~"}.find(static_cast<char>(c))
         != std::string_view::npos;
}

constexpr auto token_table = [] {
  std::array<bool, 256> table{};
  for (size_t c = 0; c < table.size(); ++c)
    table[c] = is_token(static_cast<unsigned char>(c));
  return table;
}();

// Visible ASCII and, in values, bytes above it.
constexpr bool is_visible(unsigned char c) noexcept {
  return c > 0x20 && c < 0x7F;
}

// RFC 3986 reg-name, IP literals and a port; nothing that starts a path,
// user information or a list.
constexpr bool is_host_byte(unsigned char c) noexcept {
  return is_visible(c)
         && std::string_view{"/?#@\\\"<>^`{|},"}.find(static_cast<char>(c))
              == std::string_view::npos;
}

constexpr char lower(unsigned char c) noexcept {
  return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

constexpr int hex_value(unsigned char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

} // namespace

void framing_guard::reset() noexcept {
  *this = framing_guard{limits_};
}

void framing_guard::refuse(framing_error error, const char* why) noexcept {
  state_ = state::refused;
  error_ = error;
  why_ = why;
}

size_t framing_guard::feed(std::string_view bytes) noexcept {
  if (state_ == state::done || state_ == state::refused)
    return 0;
  const auto entered = state_;
  if (state_ == state::head_done) {
    state_ = mode_ == body_mode::none ? state::done : state::body;
    if (state_ == state::body && mode_ == body_mode::length
        && content_length_ == 0)
      state_ = state::done;
    if (state_ == state::done)
      return 0;
  }
  size_t used = 0;
  while (used < bytes.size()) {
    if (at_ == at::fixed_body || at_ == at::chunk_data) {
      used += skip_body(bytes.size() - used);
    } else {
      step(static_cast<unsigned char>(bytes[used]));
      if (state_ == state::refused)
        return used;
      ++used;
      ++bytes_;
    }
    if (state_ == state::done
        || (state_ == state::head_done && entered == state::head))
      break;
  }
  return used;
}

size_t framing_guard::skip_body(size_t available) noexcept {
  const auto n = static_cast<size_t>(
    std::min<uint64_t>(left_, static_cast<uint64_t>(available)));
  left_ -= n;
  body_bytes_ += n;
  bytes_ += n;
  if (left_ == 0) {
    if (at_ == at::fixed_body) {
      at_ = at::end;
      state_ = state::done;
    } else {
      at_ = at::chunk_data_cr;
    }
  }
  return n;
}

void framing_guard::step(unsigned char c) noexcept {
  switch (at_) {
    case at::method:
    case at::target:
    case at::version:
    case at::line_lf:
      return request_line_byte(c);
    case at::field_start:
    case at::field_name:
    case at::value_start:
    case at::value:
    case at::value_lf:
    case at::head_lf:
      return field_byte(c);
    default:
      return chunk_byte(c);
  }
}

void framing_guard::request_line_byte(unsigned char c) noexcept {
  if (at_ != at::line_lf && c != '\r'
      && bytes_ >= limits_.request_line_bytes_max)
    return refuse(framing_error::uri_too_long, "the request line is too long");
  switch (at_) {
    case at::method:
      if (c == ' ' && method_size_ > 0)
        at_ = at::target;
      else if (token_table[c])
        ++method_size_;
      else
        refuse(framing_error::bad_framing, "the method is not a token");
      return;
    case at::target:
      if (c == ' ' && target_size_ > 0)
        at_ = at::version;
      else if (is_visible(c))
        ++target_size_;
      else
        refuse(framing_error::bad_framing,
               "the target is empty or holds a byte that must be escaped");
      return;
    case at::version:
      if (version_at_ < version_prefix.size()) {
        if (c != static_cast<unsigned char>(version_prefix[version_at_]))
          return refuse(framing_error::bad_framing,
                        "the version is neither HTTP/1.0 nor HTTP/1.1");
        ++version_at_;
      } else if (version_at_ == version_prefix.size()) {
        if (c != '0' && c != '1')
          return refuse(framing_error::bad_framing,
                        "the version is neither HTTP/1.0 nor HTTP/1.1");
        minor_ = c - '0';
        ++version_at_;
      } else if (c == '\r') {
        at_ = at::line_lf;
      } else {
        refuse(framing_error::bad_framing,
               "the request line does not end after the version");
      }
      return;
    default:
      if (c != '\n')
        return refuse(framing_error::bad_framing, "CR without LF");
      at_ = at::field_start;
      return;
  }
}

void framing_guard::field_byte(unsigned char c) noexcept {
  // The blank line's CRLF is not part of any field line.
  const bool blank_line =
    at_ == at::head_lf || (at_ == at::field_start && c == '\r');
  if (!blank_line && ++field_bytes_ > limits_.header_bytes_max)
    return refuse(framing_error::headers_too_large,
                  "the header fields are too large");
  switch (at_) {
    case at::field_start:
      if (c == '\r') {
        at_ = at::head_lf;
        return;
      }
      if (c == ' ' || c == '\t')
        return refuse(framing_error::bad_framing,
                      "a field line starts with a blank");
      if (++fields_ > limits_.header_fields_max)
        return refuse(framing_error::headers_too_large,
                      "there are too many header fields");
      name_size_ = 0;
      at_ = at::field_name;
      [[fallthrough]];
    case at::field_name:
      if (c == ':' && name_size_ > 0)
        return begin_value();
      if (!token_table[c])
        return refuse(framing_error::bad_framing,
                      "a field name is not a token followed by a colon");
      if (name_size_ < name_.size())
        name_[name_size_] = lower(c);
      ++name_size_;
      return;
    case at::value_start:
    case at::value:
      return value_byte(c);
    case at::value_lf:
      if (c != '\n')
        return refuse(framing_error::bad_framing, "CR without LF");
      return end_field();
    default:
      if (c != '\n')
        return refuse(framing_error::bad_framing, "CR without LF");
      return end_head();
  }
}

void framing_guard::begin_value() noexcept {
  const auto name = name_size_ <= name_.size()
                      ? std::string_view{name_.data(), name_size_}
                      : std::string_view{};
  if (name == "host")
    field_ = field::host;
  else if (name == "content-length")
    field_ = field::content_length;
  else if (name == "transfer-encoding")
    field_ = field::transfer_encoding;
  else
    field_ = field::other;
  value_size_ = 0;
  blanks_ = 0;
  host_bad_ = false;
  at_ = at::value_start;
}

void framing_guard::value_byte(unsigned char c) noexcept {
  if (c == '\r') {
    at_ = at::value_lf;
    return;
  }
  const bool blank = c == ' ' || c == '\t';
  if (!blank && !is_visible(c) && c < 0x80)
    return refuse(framing_error::bad_framing,
                  "a field value holds a control character");
  if (blank) {
    if (at_ == at::value)
      ++blanks_;
    return;
  }
  at_ = at::value;
  if (field_ == field::other)
    return;
  // Inner blanks count: "5 5", "chun ked" and "a b" are no valid values.
  if (blanks_ > 0 || !is_host_byte(c))
    host_bad_ = true;
  value_size_ += blanks_;
  blanks_ = 0;
  if (value_size_ < value_.size())
    value_[value_size_] = lower(c);
  ++value_size_;
}

void framing_guard::end_field() noexcept {
  at_ = at::field_start;
  switch (field_) {
    case field::other:
      return;
    case field::host:
      if (host_seen_)
        return refuse(framing_error::bad_framing, "there are two Host fields");
      if (value_size_ == 0 || host_bad_)
        return refuse(framing_error::bad_framing, "the Host field is invalid");
      host_seen_ = true;
      return;
    case field::content_length:
      return end_content_length();
    case field::transfer_encoding:
      return end_transfer_encoding();
  }
}

void framing_guard::end_content_length() noexcept {
  if (length_seen_)
    return refuse(framing_error::bad_framing,
                  "there are two Content-Length fields");
  length_seen_ = true;
  if (value_size_ == 0 || host_bad_)
    return refuse(framing_error::bad_framing, "Content-Length is not a number");
  const auto kept = std::min(value_size_, value_.size());
  uint64_t n = 0;
  for (size_t i = 0; i < kept; ++i) {
    if (value_[i] < '0' || value_[i] > '9')
      return refuse(framing_error::bad_framing,
                    "Content-Length is not a number");
    if (i < 19) // 19 digits always fit
      n = n * 10 + static_cast<uint64_t>(value_[i] - '0');
  }
  // Longer ones may hide a byte that is no digit; either way it is refused.
  if (value_size_ > 19)
    return refuse(framing_error::bad_framing,
                  "Content-Length has more than 19 digits");
  content_length_ = n;
}

void framing_guard::end_transfer_encoding() noexcept {
  if (chunked_seen_)
    return refuse(framing_error::bad_framing,
                  "there are two Transfer-Encoding fields");
  chunked_seen_ = true;
  if (value_size_ > value_.size()
      || std::string_view{value_.data(), value_size_} != "chunked")
    return refuse(framing_error::bad_framing,
                  "Transfer-Encoding is not exactly `chunked`");
}

void framing_guard::end_head() noexcept {
  if (!host_seen_)
    return refuse(framing_error::bad_framing, "there is no Host field");
  if (chunked_seen_ && length_seen_)
    return refuse(framing_error::bad_framing,
                  "both Transfer-Encoding and Content-Length are given");
  if (chunked_seen_ && minor_ == 0)
    return refuse(framing_error::bad_framing,
                  "HTTP/1.0 has no Transfer-Encoding");
  head_bytes_ = static_cast<size_t>(bytes_) + 1;
  state_ = state::head_done;
  if (chunked_seen_) {
    mode_ = body_mode::chunked;
    at_ = at::chunk_size;
    left_ = 0;
    size_digits_ = 0;
  } else if (length_seen_) {
    if (content_length_ > limits_.body_bytes_max)
      return refuse(framing_error::body_too_large, "the body is too large");
    mode_ = body_mode::length;
    left_ = content_length_;
    at_ = at::fixed_body;
  } else {
    mode_ = body_mode::none;
    at_ = at::end;
  }
}

void framing_guard::chunk_byte(unsigned char c) noexcept {
  ++framing_bytes_;
  switch (at_) {
    case at::chunk_size: {
      if (c == '\r' && size_digits_ > 0) {
        at_ = at::chunk_size_lf;
        return;
      }
      const int digit = hex_value(c);
      if (digit < 0)
        return refuse(framing_error::bad_framing,
                      "a chunk size is not a plain hexadecimal number");
      if (++size_digits_ > 16)
        return refuse(framing_error::bad_framing,
                      "a chunk size has more than 16 digits");
      left_ = left_ * 16 + static_cast<uint64_t>(digit);
      return;
    }
    case at::chunk_size_lf:
      if (c != '\n')
        return refuse(framing_error::bad_framing, "CR without LF");
      return chunk_size_done();
    case at::chunk_data_cr:
      if (c != '\r')
        return refuse(framing_error::bad_framing,
                      "a chunk is longer than its size");
      at_ = at::chunk_data_lf;
      return;
    case at::chunk_data_lf:
      if (c != '\n')
        return refuse(framing_error::bad_framing, "CR without LF");
      at_ = at::chunk_size;
      left_ = 0;
      size_digits_ = 0;
      return;
    case at::last_cr:
      if (c != '\r')
        return refuse(framing_error::bad_framing, "trailers are not accepted");
      at_ = at::last_lf;
      return;
    default:
      if (c != '\n')
        return refuse(framing_error::bad_framing, "CR without LF");
      at_ = at::end;
      state_ = state::done;
      framing_bytes_ = 0;
      return;
  }
}

void framing_guard::chunk_size_done() noexcept {
  if (left_ == 0) {
    at_ = at::last_cr;
    return;
  }
  // body_bytes_ never exceeds the limit, so this cannot wrap.
  if (left_ > limits_.body_bytes_max - body_bytes_)
    return refuse(framing_error::body_too_large, "the body is too large");
  at_ = at::chunk_data;
  framing_bytes_ = 0;
}

} // namespace troupe::gateway

#include "runtime/sse_parser.hpp"

#include <charconv>
#include <utility>

namespace troupe::runtime {

std::vector<sse_event> sse_parser::feed(std::string_view bytes) {
  std::vector<sse_event> out;
  while (!bytes.empty() && !overflowed_) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    auto end = bytes.find_first_of("\r\n");
    auto piece = bytes.substr(0, end);
    if (line_.size() + piece.size() > bytes_max_) {
      overflowed_ = true;
      break;
    }
    line_ += piece;
    if (end == std::string_view::npos)
      break;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    end_line(out);
  }
  return out;
}

void sse_parser::end_line(std::vector<sse_event>& out) {
  auto line = std::exchange(line_, {});
  std::string_view text = line;
  if (std::exchange(first_line_, false) && text.starts_with("\xEF\xBB\xBF"))
    text.remove_prefix(3);
  if (text.empty()) {
    auto type = std::exchange(type_, {});
    auto data = std::exchange(data_, {});
    if (std::exchange(has_data_, false))
      out.push_back({type.empty() ? "message" : std::move(type),
                     std::move(data), last_id_});
    return;
  }
  auto colon = text.find(':');
  if (colon == 0)
    return; // A comment.
  auto value = colon == std::string_view::npos ? std::string_view{}
                                               : text.substr(colon + 1);
  if (value.starts_with(' '))
    value.remove_prefix(1);
  take_field(text.substr(0, colon), value);
}

void sse_parser::take_field(std::string_view name, std::string_view value) {
  if (name == "event") {
    type_ = value;
  } else if (name == "data") {
    if (data_.size() + value.size() + 1 > bytes_max_) {
      overflowed_ = true;
      return;
    }
    if (std::exchange(has_data_, true))
      data_ += '\n';
    data_ += value;
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos)
      last_id_ = value;
  } else if (name == "retry") {
    uint64_t ms = 0;
    auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), ms);
    if (error == std::errc{} && end == value.data() + value.size())
      retry_ms_ = ms;
  }
}

} // namespace troupe::runtime

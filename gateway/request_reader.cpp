#include "gateway/request_reader.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <cstring>
#include <optional>

namespace troupe::gateway {

namespace http = boost::beast::http;

namespace {
constexpr size_t first_capacity = 4 * 1024;
constexpr size_t room_min = 1024;
// A large body is read in steps of this size.
constexpr size_t body_capacity = 32 * 1024;
} // namespace

struct request_reader::parser_box {
  std::optional<http::request_parser<http::string_body>> parser;
};

request_reader::request_reader(const framing_limits& limits)
  : limits_{limits}, guard_{limits}, parser_{std::make_unique<parser_box>()} {}

request_reader::~request_reader() = default;

bool request_reader::untouched() const noexcept {
  return guard_.untouched() && guard_at_ == fill_;
}

std::span<char> request_reader::prepare() {
  compact();
  if (capacity_ - fill_ < room_min) {
    const bool large = guard_.now() == framing_guard::state::body;
    const auto wanted = std::max(
      {capacity_ * 2, first_capacity, large ? body_capacity : size_t{0}});
    auto grown = std::make_unique_for_overwrite<char[]>(wanted);
    if (fill_ > 0)
      std::memcpy(grown.get(), buffer_.get(), fill_);
    buffer_ = std::move(grown);
    capacity_ = wanted;
  }
  return {buffer_.get() + fill_, capacity_ - fill_};
}

void request_reader::commit(size_t bytes) noexcept {
  fill_ += bytes;
}

// Drops what both have read.
void request_reader::compact() noexcept {
  const auto used = std::min(parse_at_, guard_at_);
  if (used == 0)
    return;
  if (fill_ > used)
    std::memmove(buffer_.get(), buffer_.get() + used, fill_ - used);
  fill_ -= used;
  guard_at_ -= used;
  parse_at_ -= used;
}

std::string_view request_reader::unguarded() const noexcept {
  return {buffer_.get() + guard_at_, fill_ - guard_at_};
}

request_reader::step request_reader::advance() {
  if (error_ != framing_error::none)
    return step::refused;
  if (guard_.now() == framing_guard::state::done)
    return step::done;
  guard_at_ += guard_.feed(unguarded());
  switch (guard_.now()) {
    case framing_guard::state::head:
      return step::need_more;
    case framing_guard::state::head_done:
      return parse_head();
    case framing_guard::state::body:
      return parse_body();
    case framing_guard::state::done:
      return finish();
    case framing_guard::state::refused:
      return refuse(guard_.error(), guard_.why());
  }
  return step::refused;
}

request_reader::step request_reader::discard() {
  if (error_ != framing_error::none)
    return step::refused;
  if (guard_.now() != framing_guard::state::done) {
    guard_at_ += guard_.feed(unguarded());
    parse_at_ = guard_at_;
  }
  if (guard_.now() == framing_guard::state::refused)
    return refuse(guard_.error(), guard_.why());
  return guard_.now() == framing_guard::state::done ? step::done
                                                    : step::need_more;
}

request_reader::step request_reader::parse_head() {
  auto& parser = parser_->parser.emplace();
  parser.header_limit(static_cast<uint32_t>(limits_.request_line_bytes_max
                                            + limits_.header_bytes_max + 64));
  parser.body_limit(limits_.body_bytes_max);
  boost::beast::error_code ec;
  const std::string_view head{buffer_.get() + parse_at_, guard_.head_bytes()};
  const auto used =
    parser.put(boost::asio::const_buffer{head.data(), head.size()}, ec);
  if (ec && ec != http::error::need_more)
    return refuse(framing_error::bad_framing, "a header field is malformed");
  if (ec || used != head.size() || !parser.is_header_done())
    return disagree();
  const auto& message = parser.get();
  const auto method = head.substr(0, guard_.method_size());
  const auto target = head.substr(guard_.target_at(), guard_.target_size());
  const auto length = parser.content_length();
  const bool same_length = guard_.mode() == body_mode::length
                             ? length && *length == guard_.content_length()
                             : !length;
  if (message.method_string() != method || message.target() != target
      || message.version()
           != 10u + static_cast<unsigned>(guard_.minor_version())
      || parser.chunked() != (guard_.mode() == body_mode::chunked)
      || !same_length)
    return disagree();
  parse_at_ += used;
  parser.eager(true);
  take_head();
  return step::head_ready;
}

void request_reader::take_head() {
  const auto& message = parser_->parser->get();
  request_.method = message.method_string();
  request_.target = message.target();
  request_.minor_version = guard_.minor_version();
  request_.keep_alive = message.keep_alive();
  request_.has_body = guard_.mode() != body_mode::none;
  for (const auto& x : message) {
    const auto h = header_from_name(x.name_string());
    if (!h)
      continue;
    auto& slot = request_.headers[static_cast<size_t>(*h)];
    if (slot)
      slot->append(", ").append(x.value());
    else
      slot.emplace(x.value());
  }
  split_target(request_);
}

request_reader::step request_reader::parse_body() {
  auto& parser = *parser_->parser;
  // Beast 1.83 fails an assertion when the last chunk comes in pieces (`0` CRLF,
  // then CRLF), so it gets chunk framing only whole.
  const auto whole = guard_at_ - guard_.unfinished_framing();
  while (parse_at_ < whole && !parser.is_done()) {
    boost::beast::error_code ec;
    const auto used =
      parser.put(boost::asio::const_buffer{buffer_.get() + parse_at_,
                                           guard_at_ - parse_at_},
                 ec);
    parse_at_ += used;
    if (ec == http::error::need_more)
      break;
    if (ec)
      return disagree();
    if (used == 0)
      break;
  }
  return step::need_more;
}

request_reader::step request_reader::finish() {
  if (parse_body() == step::refused)
    return step::refused;
  auto& parser = *parser_->parser;
  if (!parser.is_done() || parse_at_ != guard_at_
      || parser.get().body().size() != guard_.body_bytes())
    return disagree();
  request_.body = std::move(parser.get().body());
  return step::done;
}

request_reader::step request_reader::refuse(framing_error error,
                                            const char* why) noexcept {
  error_ = error;
  why_ = why;
  return step::refused;
}

request_reader::step request_reader::disagree() noexcept {
  disagreed_ = true;
  return refuse(framing_error::bad_framing,
                "two readings of this request differ");
}

void request_reader::next() {
  guard_.reset();
  parser_->parser.reset();
  request_ = http_request{};
  parse_at_ = guard_at_;
  compact();
}

void request_reader::release() noexcept {
  parser_->parser.reset();
  request_ = http_request{};
  buffer_.reset();
  capacity_ = parse_at_ = guard_at_ = fill_ = 0;
}

} // namespace troupe::gateway

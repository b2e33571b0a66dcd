#include "runtime/http_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace troupe::runtime {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);
constexpr size_t piece_bytes = 16 * 1024;

/// What the coroutines of one call share; lives on the caller's stack.
struct exchange {
  exchange(const http_call& to_send, const http_body_stream* to_stream)
    : call{to_send}, stream_to{to_stream}, stream{context}, watch{context} {}

  asio::io_context context{1};
  const http_call& call;
  const http_body_stream* stream_to;
  beast::tcp_stream stream;
  asio::posix::stream_descriptor watch;
  http_stage stage = http_stage::connect;
  bool stopped = false;
  std::optional<failure> error;
  http_response response;
  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
};

failure explain(error_code error) {
  if (error == beast::error::timeout)
    return fail(errc::timeout, "no answer within the time limit");
  if (error.category() == http::make_error_code(http::error{}).category())
    return fail(error == http::error::end_of_stream
                    || error == http::error::partial_message
                  ? errc::io_error
                  : errc::protocol_error,
                error == http::error::end_of_stream
                    || error == http::error::partial_message
                  ? "the connection was closed"
                  : error.message());
  return fail(errc::io_error, error.message());
}

/// True if there is an error; then it is noted.
bool failed(exchange& x, error_code error) {
  if (error && !x.error)
    x.error = explain(error);
  return static_cast<bool>(error);
}

asio::awaitable<bool> open(exchange& x, http_url url, duration limit) {
  // tcp_stream's limit does not cover resolving, so a timer ends that.
  asio::ip::tcp::resolver resolver{x.context};
  asio::steady_timer timer{x.context, limit};
  timer.async_wait([&resolver](error_code error) {
    if (!error)
      resolver.cancel();
  });
  auto [resolve_error, endpoints] =
    co_await resolver.async_resolve(url.host, url.port, as_values);
  timer.cancel();
  if (failed(x, resolve_error))
    co_return false;
  x.stream.expires_after(limit);
  auto [connect_error, endpoint] =
    co_await x.stream.async_connect(endpoints, as_values);
  if (failed(x, connect_error))
    co_return false;
  error_code ignored; // A slower first byte is all that it costs.
  x.stream.socket().set_option(asio::ip::tcp::no_delay{true}, ignored);
  co_return true;
}

http::request<http::string_body> message_of(const http_call& call,
                                            const http_url& url) {
  http::request<http::string_body> message;
  message.method_string(call.method);
  message.target(url.prefix + call.target);
  message.version(11);
  message.keep_alive(false);
  message.set(http::field::host, url.authority());
  message.set(http::field::user_agent, "troupe");
  for (const auto& [name, value] : call.headers)
    message.insert(name, value);
  if (!call.bearer.empty())
    message.set(http::field::authorization, "Bearer " + call.bearer.reveal());
  message.body() = call.body;
  if (!call.body.empty() || call.method != "GET")
    message.prepare_payload();
  return message;
}

/// A line feed in a header would begin another header.
bool sendable(const http_call& call, const http_url& url) {
  auto clean = [](std::string_view text, unsigned least) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
      auto byte = static_cast<unsigned char>(c);
      return byte >= least && byte != 0x7F;
    });
  };
  bool ok = clean(call.method, 0x21) && clean(call.target, 0x21)
            && clean(url.prefix, 0x21) && clean(call.bearer.reveal(), 0x21);
  for (const auto& [name, value] : call.headers)
    ok = ok && !name.empty() && clean(name, 0x21) && clean(value, 0x20);
  return ok;
}

asio::awaitable<bool> read_head(exchange& x) {
  auto [error, size] =
    co_await http::async_read_header(x.stream, x.buffer, x.parser, as_values);
  if (failed(x, error))
    co_return false;
  const auto& head = x.parser.get();
  x.response.status = head.result_int();
  for (const auto& field : head)
    x.response.headers.emplace_back(field.name_string(), field.value());
  co_return true;
}

/// False when the call is over: failed, or the reader has enough.
bool deliver(exchange& x, std::string_view bytes, bool streamed,
             uint64_t bytes_max) {
  if (bytes.empty())
    return true;
  if (streamed)
    return x.stream_to->take(bytes);
  if (x.response.body.size() + bytes.size() > bytes_max) {
    x.error = fail(errc::protocol_error, "the answer is too large");
    return false;
  }
  x.response.body += bytes;
  return true;
}

asio::awaitable<void> read_body(exchange& x, http_client_limits limits) {
  bool streamed = x.stream_to && x.stream_to->wanted(x.response);
  std::array<char, piece_bytes> piece;
  while (!x.parser.is_done()) {
    auto& body = x.parser.get().body();
    body.data = piece.data();
    body.size = piece.size();
    x.stream.expires_after(limits.idle);
    auto [error, size] =
      co_await http::async_read_some(x.stream, x.buffer, x.parser, as_values);
    auto got = piece.size() - x.parser.get().body().size;
    if (!deliver(x, {piece.data(), got}, streamed, limits.body_bytes_max))
      co_return;
    if (error != http::error::need_buffer && failed(x, error))
      co_return;
  }
}

asio::awaitable<void> converse(exchange& x, http_url url,
                               http_client_limits limits) {
  // Awaited alone: GCC 12 misplaces frames that are awaited in a condition.
  const bool opened = co_await open(x, url, limits.connect);
  if (!opened)
    co_return;
  x.stage = http_stage::send;
  auto message = message_of(x.call, url);
  x.stream.expires_after(limits.first_byte);
  auto [error, size] = co_await http::async_write(x.stream, message, as_values);
  if (failed(x, error))
    co_return;
  x.stage = http_stage::head;
  x.parser.header_limit(limits.head_bytes_max);
  x.parser.body_limit(boost::none);
  if (x.call.method == "HEAD")
    x.parser.skip(true);
  const bool head_read = co_await read_head(x);
  if (!head_read)
    co_return;
  x.stage = http_stage::body;
  co_await read_body(x, limits);
}

void close_quietly(beast::tcp_stream& stream) {
  error_code ignored;
  stream.socket().close(ignored);
}

/// The descriptor stays its owner's: it is released, never closed.
void watch_stop(exchange& x, int fd) {
  if (fd < 0)
    return;
  error_code error;
  x.watch.assign(fd, error);
  if (error)
    return;
  x.watch.async_wait(asio::posix::stream_descriptor::wait_read,
                     [&x](error_code failed_wait) {
                       if (failed_wait)
                         return;
                       x.stopped = true;
                       x.context.stop();
                     });
}

struct parts {
  std::string_view host;
  std::string_view port;
};

std::optional<parts> split_authority(std::string_view text) {
  auto bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == std::string_view::npos)
    return std::nullopt;
  auto colon = text.find(':', bracket);
  auto host = text.substr(0, colon);
  if (bracket > 0)
    host = host.size() == bracket + 1 ? host.substr(1, bracket - 1)
                                      : std::string_view{};
  auto port = colon == std::string_view::npos ? "80" : text.substr(colon + 1);
  bool digits =
    !port.empty() && port.size() <= 5
    && port.find_first_not_of("0123456789") == std::string_view::npos;
  if (host.empty() || !digits || std::stoul(std::string{port}) > 65535)
    return std::nullopt;
  return parts{host, port};
}

} // namespace

std::string http_url::authority() const {
  auto name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == "80" ? name : name + ":" + port;
}

result<http_url> http_url::parse(std::string_view text) {
  if (text.starts_with("https://"))
    return fail(errc::unsupported, "this version has no TLS: use http://");
  if (!text.starts_with("http://"))
    return fail(errc::invalid_argument, "a URL starts with http://");
  text.remove_prefix(7);
  auto bad = [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '?'
           || c == '#' || c == '@';
  };
  auto slash = text.find('/');
  auto found = split_authority(text.substr(0, slash));
  if (!found || std::any_of(text.begin(), text.end(), bad))
    return fail(errc::invalid_argument, "a URL is http://HOST[:PORT][/PREFIX]");
  http_url url;
  url.host = found->host;
  url.port = found->port;
  if (slash != std::string_view::npos)
    url.prefix = text.substr(slash);
  while (url.prefix.ends_with('/'))
    url.prefix.pop_back();
  return url;
}

std::string_view http_response::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers)
    if (beast::iequals(key, name))
      return value;
  return {};
}

void throw_exception_from_error(const http_failure& error,
                                const boost::source_location& loc) {
  throw_exception_from_error(error.why, loc);
}

http_client::http_client(http_url url, http_client_limits limits, int stop_fd)
  : url_{std::move(url)}, limits_{limits}, stop_fd_{stop_fd} {}

http_result http_client::send(const http_call& call) const {
  return stream(call, {});
}

http_result http_client::stream(const http_call& call,
                                const http_body_stream& to) const {
  if (!sendable(call, url_))
    return http_failure{http_stage::connect,
                        fail(errc::invalid_argument,
                             "a control character in the request's head")};
  exchange x{call, to.take ? &to : nullptr};
  watch_stop(x, stop_fd_);
  bool done = false;
  asio::co_spawn(x.context, converse(x, url_, limits_),
                 [&](std::exception_ptr escaped) {
                   if (escaped)
                     x.error = fail(errc::internal, "the HTTP client threw");
                   done = true;
                   x.context.stop();
                 });
  x.context.run();
  if (x.watch.is_open())
    x.watch.release();
  if (!done)
    close_quietly(x.stream);
  if (x.stopped)
    return http_failure{x.stage, fail(errc::cancelled, "interrupted")};
  if (x.error)
    return http_failure{x.stage, std::move(*x.error)};
  return std::move(x.response);
}

bool http_client::pause(duration span) const {
  asio::io_context context{1};
  asio::steady_timer timer{context, span};
  asio::posix::stream_descriptor watch{context};
  bool stopped = false;
  timer.async_wait([&](error_code) { context.stop(); });
  error_code error;
  if (stop_fd_ >= 0)
    watch.assign(stop_fd_, error);
  if (watch.is_open())
    watch.async_wait(asio::posix::stream_descriptor::wait_read,
                     [&](error_code failed_wait) {
                       stopped = !failed_wait;
                       context.stop();
                     });
  context.run();
  if (watch.is_open())
    watch.release();
  return !stopped;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (auto c : text) {
    auto byte = static_cast<unsigned char>(c);
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                 || (c >= '0' && c <= '9')
                 || std::string_view{"-._~"}.find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      ((out += '%') += digits[byte >> 4]) += digits[byte & 15];
  }
  return out;
}

} // namespace troupe::runtime

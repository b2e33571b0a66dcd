#include "gateway/connection.hpp"

#include "gateway/io_thread.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace troupe::gateway {

using boost::system::error_code;
using runtime::mono_time;

namespace {
constexpr auto never = mono_time::max();
// Input that a client sends into a running stream before it is cut off.
constexpr size_t stream_input_max = 64 * 1024;
constexpr size_t linger_bytes_max = 1024 * 1024;
constexpr std::chrono::milliseconds linger_time{2'000};
} // namespace

// Starts a suspension: stores the handler until somebody wakes it.
struct connection::suspension {
  connection* self;
  template <class Handler>
  void operator()(Handler&& handler) const {
    self->waiter_ = std::forward<Handler>(handler);
  }
};

connection::connection(tcp_socket socket, io_thread& home)
  : socket_{std::move(socket)}, home_{home}, deadline_{never} {
  error_code ec;
  socket_.non_blocking(true, ec);
  socket_.set_option(asio::ip::tcp::no_delay{true}, ec);
  home_.enrol(*this);
}

connection::~connection() {
  home_.remove(*this);
}

task<size_t> connection::read(std::span<char> room, mono_time deadline) {
  if (peer_gone_)
    co_return 0;
  timed_out_ = false;
  deadline_ = deadline;
  const auto [ec, n] = co_await socket_.async_read_some(
    asio::buffer(room.data(), room.size()), use_tuple);
  deadline_ = never;
  if (ec) {
    peer_gone_ = peer_gone_ || !timed_out_;
    co_return 0;
  }
  co_return n;
}

size_t connection::write_now(std::string_view bytes) {
  if (peer_gone_)
    return 0;
  error_code ec;
  size_t total = 0;
  while (total < bytes.size() && !ec)
    total += socket_.write_some(
      asio::buffer(bytes.data() + total, bytes.size() - total), ec);
  peer_gone_ =
    ec && ec != asio::error::would_block && ec != asio::error::try_again;
  return total;
}

task<bool> connection::write(std::string_view bytes) {
  bytes.remove_prefix(write_now(bytes));
  if (bytes.empty() || peer_gone_)
    co_return bytes.empty();
  // A stall ends it, and so does a reader below 1 KiB/s.
  timed_out_ = false;
  const auto last = home_.now() + home_.limits().write_timeout
                    + std::chrono::seconds{bytes.size() / 1024};
  while (!bytes.empty()) {
    deadline_ = std::min(last, home_.now() + home_.limits().write_timeout);
    const auto [failed, n] = co_await socket_.async_write_some(
      asio::buffer(bytes.data(), bytes.size()), use_tuple);
    deadline_ = never;
    if (failed) {
      peer_gone_ = peer_gone_ || !timed_out_;
      co_return false;
    }
    bytes.remove_prefix(n);
  }
  co_return true;
}

task<void> connection::suspend(mono_time until) {
  deadline_ = until;
  co_await asio::async_initiate<const asio::use_awaitable_t<io_executor>,
                                void()>(suspension{this}, use_task);
  deadline_ = never;
}

void connection::wake() {
  if (waiter_)
    asio::post(home_.io(), std::exchange(waiter_, nullptr));
}

void connection::check_deadline(mono_time now) {
  if (now < deadline_)
    return;
  deadline_ = never;
  if (waiter_)
    return wake();
  timed_out_ = true;
  error_code ec;
  socket_.cancel(ec);
}

void connection::abort() {
  peer_gone_ = true;
  error_code ec;
  socket_.cancel(ec);
  wake();
}

void connection::watch_peer(early_input mode) {
  early_ = mode;
  if (watch_ % 2 == 0)
    ++watch_;
  socket_.async_wait(tcp_socket::wait_read,
                     [self = shared_from_this(), number = watch_](auto ec) {
                       if (self->watch_ == number)
                         self->peer_readable(ec);
                     });
}

void connection::unwatch_peer() {
  if (watch_ % 2 == 0)
    return;
  ++watch_;
  error_code ec;
  socket_.cancel(ec);
}

void connection::peer_readable(error_code ec) {
  std::array<char, 512> scratch;
  size_t n = 0;
  if (!ec) {
    const auto flags = early_ == early_input::keep
                         ? tcp_socket::message_peek
                         : asio::socket_base::message_flags{0};
    n = socket_.receive(asio::buffer(scratch), flags, ec);
  }
  if (ec == asio::error::would_block || ec == asio::error::try_again)
    return watch_peer(early_);
  if (!ec && n > 0) {
    discarded_ += n;
    if (early_ == early_input::keep) {
      ++watch_;
      return;
    }
    if (discarded_ <= stream_input_max)
      return watch_peer(early_);
  }
  ++watch_;
  peer_gone_ = true;
  // A write that waits for room ends too.
  socket_.cancel(ec);
  wake();
}

task<void> connection::close_gently() {
  error_code ec;
  socket_.shutdown(tcp_socket::shutdown_send, ec);
  if (!ec && !peer_gone_) {
    const auto until = home_.now() + linger_time;
    std::array<char, 2048> scratch;
    size_t total = 0;
    while (total < linger_bytes_max) {
      const auto n = co_await read(scratch, until);
      if (n == 0)
        break;
      total += n;
    }
  }
  close_now();
}

void connection::close_now() {
  error_code ec;
  socket_.close(ec);
}

} // namespace troupe::gateway

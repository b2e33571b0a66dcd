#include "gateway/listener.hpp"

#include "gateway/connection.hpp"
#include "gateway/http_session.hpp"
#include "gateway/io_thread.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace troupe::gateway {

using boost::system::error_code;
using runtime::errc;
using runtime::fail;

namespace {

constexpr int backlog = 1024;
constexpr std::chrono::milliseconds pause_time{50};

// The accepted socket may be lost or the process may be at a limit; either way
// the next attempt can succeed.
bool is_shortage(const error_code& ec) {
  return ec == boost::system::errc::too_many_files_open
         || ec == boost::system::errc::too_many_files_open_in_system
         || ec == boost::system::errc::no_buffer_space
         || ec == boost::system::errc::not_enough_memory;
}

// Keeps the connection and its place in the quota while its session runs.
task<void> session_of(tcp_socket socket, address_quota::lease, io_thread& home,
                      site where) {
  auto conn = std::make_shared<connection>(std::move(socket), home);
  co_await run_session(conn, where);
}

} // namespace

listener::listener(std::span<const std::unique_ptr<io_thread>> threads,
                   site where)
  : threads_{threads}, site_{where}, acceptor_{threads.front()->io()} {}

runtime::result<void> listener::open(const listen_address& address) {
  error_code ec;
  const auto where = address.host + ":" + std::to_string(address.port);
  const auto ip = asio::ip::make_address(address.host, ec);
  if (ec)
    return fail(errc::config_invalid, where + ": not an IP address");
  const asio::ip::tcp::endpoint endpoint{ip, address.port};
  acceptor_.open(endpoint.protocol(), ec);
  if (!ec)
    acceptor_.set_option(asio::socket_base::reuse_address{true}, ec);
  if (!ec)
    acceptor_.bind(endpoint, ec);
  if (!ec)
    acceptor_.listen(backlog, ec);
  if (ec)
    return fail(errc::io_error,
                "cannot listen on " + where + ": " + ec.message());
  return {};
}

std::string listener::bound_address() const {
  error_code ec;
  const auto endpoint = acceptor_.local_endpoint(ec);
  const auto host = endpoint.address().to_string();
  const auto text = endpoint.address().is_v6() ? "[" + host + "]" : host;
  return text + ":" + std::to_string(endpoint.port());
}

void listener::start() {
  auto& home = *threads_.front();
  // The completion keeps the listener alive until the loop has ended.
  asio::co_spawn(home.io().get_executor(), accept_loop(),
                 [self = shared_from_this()](std::exception_ptr escaped) {
                   if (escaped)
                     self->threads_.front()->counters().sessions_escaped.add();
                 });
}

void listener::stop() {
  asio::post(threads_.front()->io(), [self = shared_from_this()] {
    error_code ec;
    self->acceptor_.close(ec);
  });
}

task<void> listener::accept_loop() {
  auto& counters = threads_.front()->counters();
  const auto& limits = threads_.front()->limits();
  while (acceptor_.is_open()) {
    if (counters.connections_open.get() >= limits.connections_max) {
      counters.accept_pauses.add();
      co_await pause(pause_time);
      continue;
    }
    auto& home = *threads_[next_++ % threads_.size()];
    tcp_socket socket{home.io()};
    const auto [ec] = co_await acceptor_.async_accept(socket, use_tuple);
    if (!ec) {
      admit(std::move(socket), home);
    } else if (is_shortage(ec)) {
      counters.accept_pauses.add();
      co_await pause(pause_time);
    }
  }
}

task<void> listener::pause(std::chrono::milliseconds time) {
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>,
                             io_executor>
    timer{threads_.front()->io()};
  timer.expires_after(time);
  co_await timer.async_wait(use_tuple);
}

void listener::admit(tcp_socket socket, io_thread& home) {
  auto& counters = home.counters();
  counters.connections_accepted.add();
  error_code ec;
  const auto peer = socket.remote_endpoint(ec).address();
  if (ec)
    return; // It has left already.
  const auto& limits = home.limits();
  auto lease = peer.is_loopback() && limits.loopback_exempt
                 ? address_quota::exempt()
                 : home.shared().addresses.admit(peer.to_string(),
                                                 limits.connections_per_ip_max);
  if (!lease) {
    counters.connections_refused_ip.add();
    return; // The socket closes unanswered.
  }
  spawn_session(home.io().get_executor(),
                session_of(std::move(socket), std::move(lease), home, site_),
                counters, "http_session");
}

} // namespace troupe::gateway

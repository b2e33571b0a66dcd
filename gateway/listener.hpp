// Accepts connections on one address and hands them to the gateway threads in
// turn. Out of descriptors, or at `connections_max`, it pauses: what waits in
// the kernel is served later. Over the cap of one address, sockets close
// unanswered.
#pragma once

#include "gateway/coroutine.hpp"
#include "gateway/exchange.hpp"
#include "gateway/gateway_config.hpp"
#include "runtime/result.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace troupe::gateway {

class io_thread;

/// Lives on the first of its threads.
class listener : public std::enable_shared_from_this<listener> {
public:
  /// `threads` (at least one) outlive it.
  listener(std::span<const std::unique_ptr<io_thread>> threads, site where);

  /// Binds; `io_error` says which address and why.
  runtime::result<void> open(const listen_address& address);
  /// "127.0.0.1:40123".
  std::string bound_address() const;
  /// Starts accepting.
  void start();
  /// Any thread. Closes the listening socket.
  void stop();

private:
  task<void> accept_loop();
  task<void> pause(std::chrono::milliseconds time);
  void admit(tcp_socket socket, io_thread& home);

  std::span<const std::unique_ptr<io_thread>> threads_;
  site site_;
  tcp_acceptor acceptor_;
  size_t next_ = 0;
};

} // namespace troupe::gateway

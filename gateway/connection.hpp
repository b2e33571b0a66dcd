// One client's socket on one gateway thread: bounded reads and writes, the one
// place where its session waits, and how it learns that the client has left.
//
// Deadlines are kept by the thread's sweep (io_thread), not by a timer per
// operation: a connection costs no timer, and a request arms none. They fire up
// to one sweep interval late, never early.
#pragma once

#include "gateway/coroutine.hpp"
#include "runtime/clock.hpp"

#include <boost/asio/any_completion_handler.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace troupe::gateway {

class io_thread;

/// What to do with bytes that arrive while the session waits for something else.
enum class early_input : uint8_t {
  keep,   ///< They belong to the next request; stop watching.
  discard ///< There is no next request: read and forget, within a bound.
};

/// All on its gateway thread. At most one coroutine reads, writes or waits.
class connection : public std::enable_shared_from_this<connection> {
public:
  connection(tcp_socket socket, io_thread& home);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  io_thread& home() noexcept { return home_; }
  tcp_socket& socket() noexcept { return socket_; }

  /// Bytes read; 0 at the end of input, on an error or at the deadline.
  task<size_t> read(std::span<char> room, runtime::mono_time deadline);

  /// False when the client is gone, took no byte for `write_timeout`, or takes
  /// less than 1 KiB/s beyond that. `bytes` outlives the call.
  task<bool> write(std::string_view bytes);

  /// Writes what the kernel takes without waiting; how many bytes. An error sets
  /// `peer_gone`.
  size_t write_now(std::string_view bytes);

  /// Waits for `wake` or for the time, whichever is first. Spurious returns are
  /// possible: check what was waited for.
  task<void> suspend(runtime::mono_time until);
  void wake();

  /// Notices a client that leaves while the session is suspended: sets
  /// `peer_gone` and wakes it.
  void watch_peer(early_input mode);
  void unwatch_peer();

  bool peer_gone() const noexcept { return peer_gone_; }
  /// The last read or write ended by its deadline.
  bool timed_out() const noexcept { return timed_out_; }

  /// An idle keep-alive connection may be closed at once on drain.
  void set_idle(bool idle) noexcept { idle_ = idle; }
  bool idle() const noexcept { return idle_; }

  /// Called by the sweep.
  void check_deadline(runtime::mono_time now);
  /// Ends every pending operation.
  void abort();
  /// Sends what is buffered in the kernel, reads what the client still sends for
  /// a moment, closes: so that an answer is not lost to a reset.
  task<void> close_gently();
  void close_now();

private:
  struct suspension;
  void peer_readable(boost::system::error_code ec);

  tcp_socket socket_;
  io_thread& home_;
  asio::any_completion_handler<void()> waiter_;
  runtime::mono_time deadline_;
  size_t slot_ = 0;    ///< Place in the thread's table.
  uint32_t watch_ = 0; ///< Number of the current watch; odd = active.
  size_t discarded_ = 0;
  early_input early_ = early_input::keep;
  bool peer_gone_ = false;
  bool timed_out_ = false;
  bool idle_ = false;

  friend class io_thread;
};

} // namespace troupe::gateway

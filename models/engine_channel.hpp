// The node's end of one engine process: a thread that starts the process, moves
// frames both ways, collects its diagnostics and reaps it. Seam: threads and
// descriptors. The owner never waits for the thread except in the destructor.
#pragma once

#include "models/child_process.hpp"
#include "models/engine_codec.hpp"
#include "models/line_log.hpp"

#include <mutex>
#include <thread>

namespace troupe::models {

struct channel_config {
  child_command command;
  backend_config backend;
  /// Unsent bytes above which orders are refused. > 0.
  size_t unsent_bytes_max = 32u << 20;
  /// Events not taken above which nothing more is read. > 0.
  size_t events_max = 4096;
  std::function<void(std::string_view)> log; ///< Called from the thread.
};

class engine_channel {
public:
  enum class sent : uint8_t {
    yes,      ///< Sent, or queued in order.
    full,     ///< The engine does not keep up; nothing was done.
    too_long, ///< Exceeds a frame; nothing was done.
    closed    ///< The engine is gone; `engine_died` says so.
  };

  /// Starts at once. `wake` is called from the thread when `take` has
  /// something, once until the next `take`.
  engine_channel(channel_config config, engine_wakeup wake);
  /// Kills what runs and waits until it is reaped: milliseconds, and nothing
  /// after `engine_died`.
  ~engine_channel();

  sent send(const engine_order& order);
  /// What came since, in order. The last event ever is `engine_died`, put there
  /// once the process is reaped.
  std::vector<engine_event> take();
  /// SIGKILLs the process group; `why` is what `engine_died` will say.
  void kill(runtime::failure why);

private:
  void run();
  void converse(child_process& child);
  bool wait_and_move(child_process& child);
  void await_exit(child_process& child);
  bool receive(child_process& child, bool to_the_end);
  bool accept(const frame& x);
  bool flush();
  void read_diagnostics(child_process& child);
  void finish(runtime::failure why);
  runtime::failure cause_of_death(const child_exit& how);
  bool killed();
  void wake_thread() noexcept;
  void deliver(engine_event event);
  /// Sends what the socket takes now. False when the peer is gone. Locked.
  bool send_unsent();
  size_t unsent_bytes() const noexcept {
    return unsent_.size() - unsent_begin_;
  }

  channel_config config_;
  engine_wakeup wake_;
  unique_fd signal_; ///< An eventfd: something changed for the thread.

  // Of the thread alone.
  frame_reader reader_;
  line_log log_;
  std::optional<runtime::failure> broken_;   ///< What the engine did wrong.
  std::optional<runtime::failure> reported_; ///< What it said of its end.
  bool overstayed_ = false; ///< It closed its socket and lived on.

  std::mutex mutex_; // Guards everything below.
  frame_writer writer_;
  std::string unsent_;
  size_t unsent_begin_ = 0; ///< Bytes of `unsent_` that are sent already.
  int socket_ = -1;         ///< Borrowed from the child while it lives.
  bool closed_ = false;
  bool woken_ = false;
  bool paused_ = false; ///< Not reading: too many events wait.
  std::vector<engine_event> events_;
  std::optional<runtime::failure> kill_reason_;

  std::thread thread_; // tidy: seams: one per engine; last, it uses the rest
};

} // namespace troupe::models

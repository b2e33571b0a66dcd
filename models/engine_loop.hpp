// The engine process's one loop: takes orders between steps, steps while there
// is work, sends what came out in paced batches and beats each second. The
// heartbeat is the loop's own, so that a step that hangs is heard as silence.
// Seam: the engine's end of the socket.
#pragma once

#include "models/engine_codec.hpp"
#include "models/output_pace.hpp"

#include <functional>
#include <map>

namespace troupe::models {

using backend_loader = std::function<runtime::result<std::unique_ptr<backend>>(
  const backend_config&)>;

/// What the process exits with.
enum class engine_exit : int {
  node_closed = 0,    ///< The socket ended: the normal way to stop.
  load_failed = 3,    ///< Said with `died`.
  protocol_error = 4, ///< The node broke the protocol; said with `died`.
  backend_failed = 5  ///< An exception left the backend; said with `died`.
};

class engine_loop {
public:
  static constexpr runtime::duration beat_interval = std::chrono::seconds{1};

  /// Borrows `socket`, a connected stream socket.
  engine_loop(int socket, backend_loader load);
  ~engine_loop();

  /// Runs until one of the ends above. Once.
  engine_exit run();

private:
  /// Output of one attempt that waits for its next batch.
  struct held_output {
    std::string text;
    uint32_t tokens = 0;
    output_pace pace;
  };

  engine_exit serve();
  bool load(const backend_config& config);
  /// Takes what has arrived, waiting for it until `until`. False when the loop
  /// has to end.
  bool receive(runtime::mono_time until);
  bool obey(const frame& x);
  void take(engine_event event);
  void flush(runtime::attempt_id id, held_output& held);
  void flush_last(runtime::attempt_id id);
  void flush_due();
  void beat_if_due();
  void say(const engine_event& event);
  bool send_unsent();
  engine_exit leave(engine_exit how, runtime::failure why);

  int socket_;
  backend_loader load_;
  std::unique_ptr<backend> backend_;
  frame_reader reader_;
  frame_writer writer_;
  std::string unsent_;
  std::map<runtime::attempt_id, held_output> held_;
  runtime::mono_time beat_at_{};
  runtime::mono_time now_{};
  bool admitted_ = false; ///< Or parked or resumed, since the last step.
  engine_exit end_ = engine_exit::node_closed;
};

} // namespace troupe::models

// The seam between a `model_worker` and whatever computes: an engine process
// with LibTorch, an upstream, or the simulated model. The worker owns one engine
// and drives it from its own thread: it admits attempts into free slots, polls
// for what happened and cancels. Implementations never block the caller.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/ids.hpp"
#include "runtime/job.hpp"
#include "runtime/result.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace troupe::models {

constexpr uint32_t engine_slots_max = 1024;

/// What an engine can do; sent once with `engine_ready`.
struct engine_description {
  std::string kind;              ///< "torch_decoder", "simulated", ...
  std::string device;            ///< "cpu", "cuda:0", "none".
  uint32_t slots = 1;            ///< Attempts that run at once, 1..1024.
  uint32_t context_length = 0;   ///< Tokens; 0 = unlimited.
  bool continues_prefix = false; ///< Can go on from text already produced.
  bool can_park = false;         ///< An attempt can leave its slot and return.
  int64_t switch_cost_us = 0;    ///< Of leaving and returning, its cache kept.
  std::vector<runtime::task_kind> tasks;
};

/// One execution of a job, as the engine sees it.
struct attempt_request {
  runtime::attempt_id id;
  runtime::task_kind task = runtime::task_kind::chat;
  std::string text;
  std::vector<runtime::chat_message> messages;
  runtime::generation_params params;
  std::optional<runtime::simulate_params> simulate;
  /// Text already produced and streamed by an earlier attempt. The engine's
  /// output starts right after it; it counts towards max_output_tokens as
  /// `prefix_tokens`.
  std::string prefix;
  uint32_t prefix_tokens = 0;
};

struct engine_ready {
  engine_description description;
};
/// The first step of this attempt was computed (prefill done).
struct attempt_began {
  runtime::attempt_id id;
  uint32_t input_tokens = 0;
};
/// New text, whole UTF-8 characters only; may be empty when tokens yield none.
struct attempt_output {
  runtime::attempt_id id;
  std::string text;
  uint32_t tokens = 0; ///< New output tokens that this covers.
};
struct attempt_finished {
  runtime::attempt_id id;
  runtime::finish_reason finish = runtime::finish_reason::stop;
  uint32_t input_tokens = 0;
  uint32_t output_tokens = 0; ///< Of this attempt alone, without the prefix.
};
/// `transient`: another attempt may succeed. Codes: model_error,
/// validation_failed, context_too_long, unsupported; queue_full when the engine
/// had no room for it (not the attempt's fault).
struct attempt_failed {
  runtime::attempt_id id;
  runtime::failure why;
  bool transient = true;
};
/// It left its slot, as asked by `park`.
struct attempt_parked {
  runtime::attempt_id id;
};
/// Sent at least every second while the engine lives; `steps` grows whenever a
/// busy engine computes.
struct engine_beat {
  uint64_t steps = 0;
};
/// The engine is gone with all its attempts. The last event ever.
struct engine_died {
  runtime::failure why;
};

using engine_event =
  std::variant<engine_ready, attempt_began, attempt_output, attempt_finished,
               attempt_failed, attempt_parked, engine_beat, engine_died>;

/// Called from any thread when `poll` has something; must not block.
using engine_wakeup = std::function<void()>;

class engine {
public:
  virtual ~engine() = default; ///< Kills what still runs.

  /// Starts loading; `engine_ready` or `engine_died` follows by `poll`.
  virtual void start(engine_wakeup wake) = 0;
  /// At most `slots` at a time; more is a defect of the caller and answered with
  /// `attempt_failed` (transient).
  virtual void admit(attempt_request request) = 0;
  /// Acted on at the next step boundary. No event follows for it, and an
  /// unknown attempt is ignored. The slot is free when `cancel` returns, for
  /// the purpose of `admit`.
  virtual void cancel(runtime::attempt_id id) = 0;
  /// Acted on at the next step boundary: `attempt_parked` follows, and the slot
  /// is free from then on, unless the attempt ends first. Without `keep_cache`
  /// what was computed is computed again on return. Ignored if it has no slot,
  /// and by an engine that cannot park.
  virtual void park(runtime::attempt_id id, bool keep_cache);
  /// A parked attempt goes on where it stopped, in a free slot; without one it
  /// ends with `attempt_failed` (transient, queue_full). Others: ignored.
  virtual void resume(runtime::attempt_id id);
  /// Takes what happened up to `now`, in order.
  virtual std::vector<engine_event> poll(runtime::mono_time now) = 0;
  /// When to poll next without a wake-up; nothing = only when woken. Ask again
  /// after every other call.
  virtual std::optional<runtime::mono_time> next_due() const = 0;
  /// Ends it at once; `engine_died` follows by `poll`.
  virtual void kill() = 0;
};

inline void engine::park(runtime::attempt_id, bool) {}
inline void engine::resume(runtime::attempt_id) {}

/// Makes a fresh engine for each (re)start of a worker.
using engine_factory = std::function<std::unique_ptr<engine>()>;

} // namespace troupe::models

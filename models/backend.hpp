// What runs inside `troupe-engine`: a model that computes step by step. The
// process's loop owns it on one thread; attempts join and leave between steps.
#pragma once

#include "models/engine.hpp"

#include <memory>
#include <vector>

namespace troupe::models {

struct backend_stats {
  uint64_t steps = 0;
  uint32_t busy_slots = 0;
  uint64_t kv_bytes = 0;
};

/// Single-threaded. `admit` validates and tokenises; errors are events of the
/// next `step`, so that one bad request never ends the process.
class backend {
public:
  virtual ~backend() = default;
  virtual engine_description describe() const = 0;
  virtual void admit(attempt_request request) = 0;
  virtual void cancel(runtime::attempt_id id) = 0;
  /// As in engine.hpp; told by the next `step`.
  virtual void park(runtime::attempt_id id, bool keep_cache);
  virtual void resume(runtime::attempt_id id);
  /// True while a step would compute something.
  virtual bool busy() const = 0;
  /// One step boundary: admits, prefills a bounded number of tokens, decodes one
  /// token for every running attempt. Returns attempt_* events in order.
  virtual std::vector<engine_event> step() = 0;
  virtual backend_stats stats() const = 0;
};

inline void backend::park(runtime::attempt_id, bool) {}
inline void backend::resume(runtime::attempt_id) {}

/// How a model of the configuration is loaded in the engine process.
struct backend_config {
  std::string kind; ///< "torch_decoder".
  std::string path; ///< The model folder.
  uint32_t slots = 8;
  uint32_t context_length_max = 0;   ///< 0 = the model's own.
  uint32_t prefill_tokens_max = 256; ///< Prefill budget per step.
  uint32_t threads = 1;              ///< Intra-op threads.
  std::string device = "cpu";
};

/// Loads; fails with what and where (`config_invalid`, `unsupported`).
runtime::result<std::unique_ptr<backend>>
load_backend(const backend_config& config);

} // namespace troupe::models

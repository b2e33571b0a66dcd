// What a model's dispatcher is told: by shards, workers and jobs. Part of
// messages.hpp.
#pragma once

#include "actors/node_local.hpp"
#include "actors/type_ids.hpp"
#include "models/engine.hpp"
#include "runtime/client_sink.hpp"
#include "runtime/overload/breaker.hpp"
#include "runtime/scheduling/announced_head.hpp"
#include "runtime/scheduling/queue_policy.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::actors {

struct announce_heads {
  runtime::shard_id shard;
  bool reset = false; ///< And forgets all others.
  std::vector<runtime::announced_queue> queues;
  std::shared_ptr<const runtime::model_policy> policy; ///< On reset: last told.
  runtime::mono_time at{};                             ///< When it was sent.
};
/// What waits in the shard, by the terms of the latest `publish_policy`.
struct backlog_report {
  runtime::shard_id shard;
  double due_work_s = 0;     ///< With a key up to now + B.
  double arrived_work_s = 0; ///< Predicted, since the report before.
  runtime::backlog_curve waiting;
  std::vector<float> wait_ratios; ///< Real over estimated, since the last one.
};
/// What an attempt that produced output really took.
struct attempt_measured {
  runtime::spec_ptr spec;
  uint32_t input_tokens = 0;
  uint32_t output_tokens = 0;
  runtime::duration ran{0};             ///< On the slot, > 0.
  bool whole = true;                    ///< It ended by itself.
  uint32_t predicted_output_tokens = 0; ///< The median; 0: unknown.
};
struct worker_ready {
  std::string worker;
  uint64_t generation = 0;
  models::engine_description description;
  std::vector<runtime::attempt_id> running;
  std::vector<runtime::parked_report> parked;
};
struct worker_gone {
  std::string worker;
  uint64_t generation = 0;
};
struct attempt_freed {
  std::string worker;
  runtime::attempt_id id;
  runtime::duration ran{0}; ///< On the slot.
  runtime::call_result result = runtime::call_result::uncounted;
  runtime::mono_time at{}; ///< When the slot was free; zero: it had none.
  /// From the order until it was at the worker; nothing: it never was.
  std::optional<runtime::duration> arrived{};
  std::optional<runtime::attempt_id> next{}; ///< Waited, and has the slot now.
};
struct lease_answer {
  runtime::shard_id shard;
  std::vector<runtime::granted_lease> granted;
  std::vector<runtime::refused_lease> refused;
  std::vector<runtime::announced_queue> queues; ///< Those that were asked.
};
/// Dispatcher to shard: these attempts died with their worker.
struct attempts_lost {
  std::vector<runtime::lost_attempt> attempts;
};

// clang-format off
template <> inline constexpr bool is_node_local<announce_heads> = true;
template <> inline constexpr bool is_node_local<backlog_report> = true;
template <> inline constexpr bool is_node_local<attempt_measured> = true;
template <> inline constexpr bool is_node_local<worker_ready> = true;
template <> inline constexpr bool is_node_local<worker_gone> = true;
template <> inline constexpr bool is_node_local<attempt_freed> = true;
template <> inline constexpr bool is_node_local<lease_answer> = true;
template <> inline constexpr bool is_node_local<attempts_lost> = true;
// clang-format on

} // namespace troupe::actors

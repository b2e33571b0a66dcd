// What the replay runner is told: by clients, the store's reader and the shards
// that answer it. Part of messages.hpp.
#pragma once

#include "actors/node_local.hpp"
#include "actors/type_ids.hpp"
#include "runtime/client_sink.hpp"
#include "runtime/replay_run.hpp"

#include <string>
#include <vector>

namespace troupe::actors {

struct start_run {
  runtime::replay_run run; ///< The runner sets its id.
  runtime::sink_ref reply;
};
enum class run_order : uint8_t { pause = 1, resume, cancel, rate };
struct steer_run {
  runtime::job_id id;
  std::string tenant;
  run_order what = run_order::pause;
  double rate_per_s = 0; ///< With `rate`.
  runtime::sink_ref reply;
};
struct list_runs {
  std::string tenant;
  runtime::sink_ref reply;
};
struct runs_loaded {
  runtime::result<std::vector<runtime::replay_run>> runs{
    std::vector<runtime::replay_run>{}};
};
/// What a shard or reader posted to the runner's sink.
struct runner_answer {
  uint64_t ticket = 0;
  runtime::delivery_body body;
};

// clang-format off
template <> inline constexpr bool is_node_local<start_run> = true;
template <> inline constexpr bool is_node_local<steer_run> = true;
template <> inline constexpr bool is_node_local<list_runs> = true;
template <> inline constexpr bool is_node_local<runs_loaded> = true;
template <> inline constexpr bool is_node_local<runner_answer> = true;
// clang-format on

} // namespace troupe::actors

// A run that replays many dead letters at a rate: what it was asked for, how far
// it is, and what it must know to go on after a crash. A value; `replay_plan`
// decides, the `replay_runner` actor performs.
#pragma once

#include "runtime/dead_letter.hpp"
#include "runtime/job.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

// Numbers are stored: append only.
enum class run_status : uint8_t { running = 1, paused, completed, cancelled };
constexpr bool has_ended(run_status x) noexcept {
  return x >= run_status::completed;
}

/// Letters; `matched` is what was found so far.
struct run_counts {
  uint64_t matched = 0;
  uint64_t submitted = 0;  ///< Replayed by this run.
  uint64_t skipped = 0;    ///< Poison, settled or retired meanwhile, bad edit.
  uint64_t deferred = 0;   ///< Times that the queue said 429 or 503.
  uint64_t completed = 0;  ///< Replays that ended well.
  uint64_t failed = 0;     ///< Replays that failed, expired, were cancelled.
  uint64_t dead_again = 0; ///< Replays that became dead letters.
  friend bool operator==(const run_counts&, const run_counts&) = default;
};

struct replay_run {
  job_id id; ///< "rpl_..." outside; its shard keeps the run.
  std::string tenant;
  run_status status = run_status::running;
  // Which letters: repeated values OR, different fields AND; with `by_ids`, the
  // first `waiting` instead.
  bool by_ids = false;
  std::vector<letter_reason> reasons;
  std::vector<std::string> models;
  std::vector<std::string> classes;
  std::vector<service_tier> tiers;
  wall_time died_after{};
  wall_time died_before{};
  std::string edit;       ///< JSON merge patch; empty = none.
  double rate_per_s = 10; ///< 0.1..500
  uint64_t max = 10'000;  ///< 1..1'000'000
  bool oldest_first = true;
  run_counts counts;
  std::optional<job_id> after; ///< Listed up to here.
  bool listed_all = false;
  std::vector<job_id> waiting; ///< Matched, not replayed yet; in order.
  std::vector<job_id> open;    ///< Replays that have not ended.
  friend bool operator==(const replay_run&, const replay_run&) = default;
};

/// running paused completed cancelled. Total.
std::string_view to_string(run_status x) noexcept;

std::string run_name(job_id id); ///< "rpl_..."
std::optional<job_id> parse_run_name(std::string_view text) noexcept;

} // namespace troupe::runtime

// Which running attempt gives up its slot at the next token boundary, so that a
// waiting job with a clearly smaller key can start (scheduling.md section 9;
// after TRAIL, arXiv 2410.01035). Asked only while no slot is free.
#pragma once

#include "runtime/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace troupe::runtime {

struct preemption_limits {
  bool enabled = true; ///< `mode: off` is false.
  duration slice{std::chrono::milliseconds{50}};
  double stop_ratio = 0.8; ///< Of the predicted work; (0, 1].
  uint32_t parked_max = 4; ///< Caches kept per worker.
};

/// Of the predicted work: an attempt beyond it is no longer "nearly done".
constexpr double overrun_ratio = 2;

struct park_candidate {
  int64_t key = 0;            ///< K, us.
  duration held{};            ///< Time in its slot since it last got one.
  double done_s = 0;          ///< Work on its slots so far.
  double predicted_s = 0;     ///< Mean; 0 or NaN: unknown, it is left alone.
  bool can_park = false;      ///< Its engine can, and it is not stopping.
  uint32_t parked_beside = 0; ///< Attempts parked on its worker already.
};

struct preemption {
  size_t victim = 0;       ///< Index into the running attempts.
  bool keep_cache = false; ///< Else it is rebuilt from the prefix.
  friend bool operator==(const preemption&, const preemption&) = default;
};

/// The attempt with the largest key among those with head + switch cost < key
/// that held their slot for `slice` and did less than `stop_ratio` of their
/// predicted work, which grows with the tokens and needs no report of them, or
/// more than `overrun_ratio` of it: then the prediction says nothing about the
/// rest. The first of equals. `head_key`: of the best eligible head.
/// `switch_cost` >= 0: of parking and later resuming. A parked attempt keeps its
/// key, so it never takes the slot back from the job that displaced it.
std::optional<preemption>
choose_victim(int64_t head_key, duration switch_cost,
              std::span<const park_candidate> running,
              const preemption_limits& limits) noexcept;

} // namespace troupe::runtime

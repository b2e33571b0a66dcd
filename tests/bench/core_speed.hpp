// How fast the scheduler's classes are by themselves, one thread (gate G11): the
// ready queue at a million jobs, the dispatcher's choice with thousands of tenants.
#pragma once

#include "tests/bench/histogram.hpp"

#include <cstdint>

namespace troupe::bench {

struct queue_speed {
  histogram push;
  histogram pop; ///< Head, then remove, as a lease does.
  double push_mean_us = 0;
  double pop_mean_us = 0;
  double rebuild_s = 0; ///< Of the whole queue, from its jobs in any order.
  double bytes_per_job = 0;
};

/// `jobs` queued, then as many pushes and pops at that size, for `tenants`.
queue_speed measure_ready_queue(uint64_t jobs, uint32_t tenants, uint64_t seed);

struct pick_speed {
  double picks_per_s = 0; ///< Each with its grant, its end and the next head.
  double mean_us = 0;
  double announce_s = 0; ///< Of all heads, once.
  uint64_t picks = 0;
};

/// Every tenant has a queue in every shard; one head of each is announced.
pick_speed measure_picks(uint32_t tenants, uint16_t shards, uint64_t picks,
                         uint64_t seed);

} // namespace troupe::bench

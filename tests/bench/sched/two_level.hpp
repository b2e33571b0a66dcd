// Troupe's two levels on virtual time: shards with their queues, one dispatcher,
// one worker with k slots, and a one-way delay on every message between them.
// The decisions are those of runtime/scheduling; the messages are what the actors
// send, without CAF.
//
//   submit -> shard --announce--> dispatcher --lease--> shard --start--> worker
//                   <---------------- terms                                 |
//                                     dispatcher <---------freed------------+
#pragma once

#include "tests/bench/sched/contest.hpp"

namespace troupe::bench {

struct two_level_options {
  runtime::boost_settings boost;
  double delay_s = 0.001; ///< One way.
  uint16_t shards = 8;
  size_t heads = 16; ///< Announced per shard.
  /// Lease ahead, by the measured loop; else a slot waits for its next job.
  bool ahead = true;
  double kill_every_s = 0; ///< > 0: the dispatcher dies so often ...
  double down_s = 0.5;     ///< ... and is replaced after this.
};

/// `w`: one tenant. Audited without kills: they are time blocked from outside.
run_outcome serve_two_level(const workload& w,
                            const two_level_options& options);

} // namespace troupe::bench

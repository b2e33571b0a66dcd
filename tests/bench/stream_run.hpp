// Jobs whose event streams are read to the end: each is submitted, and its
// stream opened as soon as its 202 is there. One thread, one poller.
#pragma once

#include "tests/bench/histogram.hpp"

#include <cstdint>
#include <string>

namespace troupe::bench {

struct stream_plan {
  uint16_t port = 0;
  uint64_t seed = 1;
  uint64_t jobs = 1;      ///< Submitted in all.
  double rate_per_s = 10; ///< Of submissions, evenly spaced.
  double service_s = 0.6; ///< Model time of each job.
  uint32_t tokens = 20;   ///< Output events of each job.
  /// Events and jobs count from so long after the last submission; < 0:
  /// from the first.
  double settle_s = -1;
  /// Ends so long after the last submission (or its settling), whether the
  /// streams have ended or not; < 0: when all have ended.
  double watch_s = -1;
};

struct stream_result {
  /// Submission to terminal event minus the model's time, per finished job.
  histogram overhead;
  /// Submission to the arrival of the first output.
  histogram first_output;
  /// `time_us` of each output event to its arrival.
  histogram delay;
  uint64_t finished = 0;
  uint64_t output_events = 0; ///< In the counted time.
  double seconds = 0;         ///< Counted time.
  uint64_t open_at_end = 0;
  uint64_t errors = 0;
  std::string first_error;
};

stream_result run_streams(const stream_plan& plan);

} // namespace troupe::bench

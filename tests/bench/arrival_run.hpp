// The same jobs at the same moments to several nodes at once, one thread for all:
// what differs between the nodes is what is measured. What became of each job is
// asked of its node afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::bench {

struct arrival {
  double at_s = 0;      ///< From the start of the run, ascending.
  double service_s = 0; ///< On a slot of `sim`.
  double predicted_s = 0;
  std::string tier = "default";
  double total_timeout_s = 0; ///< 0: none.
};

struct arrival_outcome {
  int http_status = 0;    ///< Of the submission; 0: no answer.
  double answer_ms = 0;   ///< From the intended moment to it.
  std::string id;         ///< Of a job that was accepted.
  std::string job_status; ///< Terminal, or empty.
  double queue_s = 0;
  double compute_s = 0;
  double total_s = 0; ///< Acceptance to the end.
  bool whole() const { return job_status == "completed"; }
};

struct node_lane {
  uint16_t port = 0;
  std::vector<arrival>
    arrivals; ///< As many for each lane, at the same moments.
};

/// One vector for each lane, in the order of its arrivals. Throws
/// std::runtime_error when a job has not ended `drain_s` after the last arrival.
std::vector<std::vector<arrival_outcome>>
run_arrivals(const std::vector<node_lane>& lanes, double drain_s);

} // namespace troupe::bench

// What queueing theory says of the mean response time, for the simulator to be
// held against. Loads are below 1; times in seconds.
#pragma once

#include <cstdint>

namespace troupe::bench {

/// Log-normal sizes of that mean and squared coefficient of variation, > 0.
struct size_law {
  double mean;
  double squared_cv;
  double second_moment() const { return mean * mean * (1 + squared_cv); }
};

/// Poisson arrivals at `slots` servers.
struct queue_law {
  size_law size;
  double load; ///< Per slot.
  double rate(uint32_t slots = 1) const { return load * slots / size.mean; }
};

/// Exponential sizes at k slots, first come first served (Erlang C).
double erlang_response(double mean_s, double load, uint32_t slots);
/// M/G/1, first come first served (Pollaczek and Khinchine).
double fcfs_response(const queue_law& q);
/// M/G/1, shortest first without preemption (Phipps 1956).
double sjf_response(const queue_law& q);
/// M/G/1, shortest remaining first (Schrage and Miller 1966).
double srpt_response(const queue_law& q);
/// M/G/1, processor sharing: the sizes' law does not matter.
double shared_response(const queue_law& q);

/// Waits of two strict classes, M/G/1 without preemption (Cobham 1954).
struct two_class_wait {
  double high_s;
  double low_s;
};
two_class_wait tier_wait(double mean_s, double squared_cv, double load,
                         double high_share);

} // namespace troupe::bench

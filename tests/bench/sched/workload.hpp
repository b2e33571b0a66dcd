// What arrives in a simulation: jobs in the order of their arrival, with their
// true work and what the scheduler believes about it. Everything follows from a
// seed. Times are seconds of virtual time, work is seconds of one slot.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace troupe::bench {

constexpr double never = std::numeric_limits<double>::infinity();

enum class job_kind : uint8_t { plain, code, conversation };

struct sim_job {
  double arrival = 0;
  double work = 0;          ///< True; > 0.
  double predicted = 0;     ///< Mean, as the scheduler sees it; > 0.
  double predicted_p50 = 0; ///< Half of all jobs take longer than this; > 0.
  double limit = never; ///< Of virtual time; later the result is worth nothing.
  float input_tokens = 0;
  float output_tokens = 0;
  uint32_t tenant = 0;
  uint8_t tier = 1; ///< 0 flex, 1 default, 2 priority.
  job_kind kind = job_kind::plain;
};

struct workload {
  std::vector<sim_job> jobs;
  uint32_t slots = 1; ///< k; all of speed 1.
  uint32_t tenants = 1;

  double total_work() const;
  /// Work per second and slot up to the last arrival.
  double load() const;
};

/// Poisson arrivals of log-normal (or constant) sizes at one slot, so loaded
/// that first come, first served waits 8 s in the mean (8.2 s with service).
struct seed_plan {
  uint64_t jobs = 1'000'000;
  double mean_s = 0.2;
  double squared_cv = 4; ///< C^2 of the sizes; 0: constant.
  double fcfs_mean_s = 8.2;
  uint32_t slots = 1;
  double fixed_load = 0; ///< > 0: this instead.
  double load() const;
};
workload seed_workload(const seed_plan& plan, uint64_t seed);

/// Code completion and conversation as published for Azure (Patel et al.,
/// "Splitwise", ISCA 2024), with the parameters of the design, section 13.
struct azure_plan {
  double load = 0.9;
  double hours = 2;
  uint32_t slots = 8;
  double conversation_cv = 1.2; ///< Of the gaps.
  double code_cv = 10;
  double code_limit_s = never; ///< From arrival.
  double conversation_limit_s = never;
};
workload azure_workload(const azure_plan& plan, uint64_t seed);

/// Tenants that send azure's conversations, each with its own rate.
struct tenant_plan {
  std::vector<double> rates; ///< Relative, one per tenant.
  double cv = 1.2;           ///< Of the gaps.
  double load = 1.15;
  double hours = 1;
  uint32_t slots = 8;
};
tenant_plan abuser_plan(); ///< 10 tenants, the first sends 12 times another.
tenant_plan zipf_plan();   ///< 40 tenants, exponent 1, bursty.
workload tenant_workload(const tenant_plan& plan, uint64_t seed);
/// The jobs of all tenants but one, at the same times.
workload without_tenant(const workload& all, uint32_t tenant);

/// Believed work = true work times log-normal noise of mean 1. Half of the jobs
/// then take longer than e^(sigma^2 / 2) times that: the calibrated median.
void predict_with_noise(workload& w, double sigma, uint64_t seed);

/// Tiers at random: `priority` and `flex` are shares in 0..1, the rest default.
void assign_tiers(workload& w, double priority, double flex, uint64_t seed);

} // namespace troupe::bench

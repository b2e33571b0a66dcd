// The `scheduling` section of the configuration.
#pragma once

#include "runtime/clock.hpp"

#include <cstdint>

namespace troupe::runtime {

// The order of these is the order of their words in config_schema_scheduling.cpp.
enum class queue_order : uint8_t { mean, tail, brief, fcfs };

/// How eagerly short jobs are preferred, for each order but fcfs.
struct boost_m_settings {
  double mean = 0.3;
  double tail = 1.5;
  double brief = 0.05;
  friend bool operator==(const boost_m_settings&,
                         const boost_m_settings&) = default;
};

struct tier_settings {
  double weight = 1;
  double factor = 1;
  friend bool operator==(const tier_settings&, const tier_settings&) = default;
};

struct tiers_settings {
  tier_settings priority{16, 2};
  tier_settings standard{1, 1};
  tier_settings flex{0.0625, 0.5};
  friend bool operator==(const tiers_settings&,
                         const tiers_settings&) = default;
};

struct class_settings {
  duration slo{std::chrono::seconds{600}};
  duration deadline_default{0};
  duration deferral_max{0};
  duration backlog_limit{std::chrono::seconds{600}};
  duration wait{0};
  bool durable = true;
  friend bool operator==(const class_settings&,
                         const class_settings&) = default;
};

struct classes_settings {
  class_settings interactive{.slo = std::chrono::seconds{60},
                             .backlog_limit = std::chrono::seconds{60}};
  class_settings standard;
  class_settings batch{.slo = std::chrono::seconds{3'600},
                       .deadline_default = std::chrono::seconds{86'400},
                       .deferral_max = std::chrono::seconds{86'400},
                       .backlog_limit = std::chrono::seconds{86'400}};
  friend bool operator==(const classes_settings&,
                         const classes_settings&) = default;
};

struct allocator_settings {
  duration gain_min{std::chrono::seconds{2}};
  double gain_ratio = 0.25;
  duration drain_max{std::chrono::seconds{60}};
  double experimental_share_max = 0.1;
  double target_utilization = 0.75;
  duration drain_target{std::chrono::seconds{60}};
  friend bool operator==(const allocator_settings&,
                         const allocator_settings&) = default;
};

struct breaker_options {
  uint32_t window_calls = 50;
  uint32_t calls_min = 10;
  double failed_share = 0.5;
  double slow_share = 0.5;
  double slow_factor = 3;
  duration open_min{std::chrono::seconds{10}};
  duration open_max{std::chrono::seconds{300}};
  uint32_t probes = 3;
  duration half_open_max{std::chrono::seconds{30}};
  duration pause_max{std::chrono::seconds{300}};
  friend bool operator==(const breaker_options&,
                         const breaker_options&) = default;
};

struct retry_options {
  duration base{std::chrono::milliseconds{500}};
  duration cap{std::chrono::seconds{30}};
  double budget_share = 0.1;
  uint32_t budget_min = 3;
  friend bool operator==(const retry_options&, const retry_options&) = default;
};

enum class preemption_mode : uint8_t { automatic, off };

/// Attempts that leave their slots for others; see preemption_policy.
struct preemption_settings {
  preemption_mode mode = preemption_mode::automatic;
  duration slice{std::chrono::milliseconds{50}};
  double stop_ratio = 0.8;
  uint32_t parked_max = 4;
  friend bool operator==(const preemption_settings&,
                         const preemption_settings&) = default;
};

struct admission_settings {
  uint64_t tenant_queued_max = 100'000;
  friend bool operator==(const admission_settings&,
                         const admission_settings&) = default;
};

struct scheduling_settings {
  queue_order order = queue_order::mean;
  boost_m_settings boost_m;
  double boost_clamp_nats = 4;
  duration boost_max{std::chrono::seconds{600}};
  duration backlog_ewma{std::chrono::seconds{600}};
  double gate_slack_jobs = 5;
  uint32_t tenant_in_flight_max = 0;
  duration deadline_margin{std::chrono::milliseconds{100}};
  duration lease_timeout{std::chrono::seconds{2}};
  duration accurate_high{std::chrono::seconds{10}};
  uint32_t soft_max_tokens = 512;
  allocator_settings allocator;
  admission_settings admission;
  preemption_settings preemption;
  tiers_settings tiers;
  classes_settings classes;
  breaker_options breaker;
  retry_options retry;

  /// Of the chosen order; 0 for fcfs.
  double chosen_boost_m() const noexcept;
  friend bool operator==(const scheduling_settings&,
                         const scheduling_settings&) = default;
};

} // namespace troupe::runtime

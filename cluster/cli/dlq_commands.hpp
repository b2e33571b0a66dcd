// `troupe dlq list`, `show`, `replay` and `drop`: what is dead, and what becomes
// of it.
#pragma once

#include "cluster/cli/api.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::cluster {

enum class dlq_action : uint8_t { list, show, replay, drop };

/// Which letters, by their properties.
struct letter_filter {
  std::vector<std::string> states;
  std::vector<std::string> reasons;
  std::vector<std::string> models;
  std::vector<std::string> classes;
  std::vector<std::string> tiers;
  std::vector<std::string> metadata; ///< KEY=VALUE
  std::string died_after;
  std::string died_before;
  bool empty() const noexcept {
    return states.empty() && reasons.empty() && models.empty()
           && classes.empty() && tiers.empty() && metadata.empty()
           && died_after.empty() && died_before.empty();
  }
};

struct dlq_options {
  dlq_action action = dlq_action::list;
  api_options api;
  std::vector<std::string> ids;
  letter_filter filter;
  std::string order = "desc"; ///< list
  std::string after;          ///< list
  uint32_t limit = 20;        ///< list
  std::string edit_file;      ///< replay
  double rate_per_s = 10;     ///< replay; 0.1..500
  uint32_t max = 1'000;       ///< replay and drop, by filter
  bool dry_run = false;       ///< replay and drop
  bool yes = false;           ///< replay and drop, by filter
};

/// By filter without --yes it says what would happen and asks. Interrupted, it
/// stops between two letters; nothing is replayed twice when it runs again.
exit_code run_dlq(const dlq_options& options, const cli_context& context);

} // namespace troupe::cluster

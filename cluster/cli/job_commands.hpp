// `troupe job`, `jobs` and `cancel`.
#pragma once

#include "cluster/cli/api.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::cluster {

struct job_options {
  api_options api;
  std::string id;
  bool events = false;
  bool result = false;
  bool why = false;
  bool watch = false;
  uint32_t reconnect_s = 60;
};
exit_code run_job(const job_options& options, const cli_context& context);

struct jobs_options {
  api_options api;
  std::vector<std::string> statuses;
  std::vector<std::string> models;
  std::vector<std::string> tasks;
  std::vector<std::string> classes;
  std::vector<std::string> tiers;
  std::vector<std::string> metadata; ///< KEY=VALUE
  std::string created_after;
  std::string created_before;
  bool dead_letter = false;
  uint32_t limit = 20;
  std::string after;
  std::string order = "desc";
  bool follow = false;
  uint32_t reconnect_s = 60;
};
exit_code run_jobs(const jobs_options& options, const cli_context& context);

struct cancel_options {
  api_options api;
  std::vector<std::string> ids;
  std::string reason;
};
/// Tries every id; the first failure decides the exit code.
exit_code run_cancel(const cancel_options& options, const cli_context& context);

} // namespace troupe::cluster

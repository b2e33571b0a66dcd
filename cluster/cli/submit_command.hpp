// `troupe submit`: makes a job from a text or a body file, and waits or watches
// if asked to.
#pragma once

#include "cluster/cli/api.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace troupe::cluster {

struct submit_options {
  api_options api;
  std::string text; ///< Empty or `-`: standard input.
  std::string body_file;
  std::string model;
  std::optional<uint64_t> output_tokens_max;
  std::optional<double> temperature;
  std::optional<int64_t> seed;
  std::string idempotency_key;
  bool watch = false;
  uint32_t wait_s = 0; ///< 0: does not wait.
  bool cancel_on_interrupt = false;
  uint32_t reconnect_s = 60;
};

exit_code run_submit(const submit_options& options, const cli_context& context);

} // namespace troupe::cluster

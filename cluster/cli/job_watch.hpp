// Follows one job's events to its end: prints output as it comes, and after a
// break goes on behind the last event that it saw.
#pragma once

#include "cluster/cli/api.hpp"
#include "runtime/rng.hpp"
#include "runtime/sse_parser.hpp"

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace troupe::cluster {

struct watch_options {
  bool json = false; ///< Events as they are, one per line, instead of text.
  /// After so long without a server the watch gives up.
  runtime::duration patience{std::chrono::seconds{60}};
};

class job_watch {
public:
  job_watch(const api& server, const cli_context& context, std::string id,
            watch_options options);

  /// Blocks until the job has ended: the exit code that fits, or `interrupted`,
  /// or why it could not be watched.
  exit_code run();

private:
  enum class step : uint8_t { again, ended };

  step connect_once();
  void take(const runtime::sse_event& event);
  void take_delta(const boost::json::value& event);
  step refused(const runtime::http_response& answer);
  step broken(const runtime::http_failure& failure);
  step finish_from_job();
  step give_up(const cli_failure& failure);
  bool wait_before_retry(const std::string& why, runtime::duration at_least);
  void end_line();
  void tell(const std::string& text);

  const api& server_;
  const cli_context& context_;
  std::string id_;
  watch_options options_;
  runtime::seeded_rng random_;
  std::string last_event_id_;
  uint64_t shown_bytes_ = 0; ///< Output offset behind the last text printed.
  bool line_open_ = false;   ///< Standard output does not stand at its start.
  bool connected_ = false;   ///< The server answered at least once.
  unsigned failures_ = 0;    ///< Breaks without an event in between.
  std::optional<runtime::mono_time> quiet_since_; ///< First of these breaks.
  std::optional<exit_code> result_;
};

} // namespace troupe::cluster

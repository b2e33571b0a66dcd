#include "runtime/replay_run.hpp"

namespace troupe::runtime {
namespace {

constexpr std::string_view prefix = "rpl_";

} // namespace

std::string_view to_string(run_status x) noexcept {
  switch (x) {
    case run_status::running:
      return "running";
    case run_status::paused:
      return "paused";
    case run_status::completed:
      return "completed";
    case run_status::cancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string run_name(job_id id) {
  return std::string{prefix} + id.bare();
}

std::optional<job_id> parse_run_name(std::string_view text) noexcept {
  if (!text.starts_with(prefix))
    return std::nullopt;
  return job_id::parse("job_" + std::string{text.substr(prefix.size())});
}

} // namespace troupe::runtime

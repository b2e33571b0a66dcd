#include "cluster/cli/metadata_filter.hpp"

#include "runtime/http_client.hpp"

#include <CLI/CLI.hpp>

namespace troupe::cluster {

void add_metadata_filter(CLI::App& command, std::vector<std::string>& to) {
  command.add_option("--metadata", to, "KEY=VALUE of the job's metadata")
    ->take_all()
    ->check([](const std::string& pair) {
      const auto at = pair.find('=');
      return at == std::string::npos || at == 0 ? "must be KEY=VALUE"
                                                : std::string{};
    });
}

std::string metadata_query(const std::vector<std::string>& pairs) {
  std::string query;
  for (const auto& pair : pairs) {
    const auto at = pair.find('=');
    query += '&'
             + runtime::percent_encode("metadata[" + pair.substr(0, at) + "]")
             + '=' + runtime::percent_encode(pair.substr(at + 1));
  }
  return query;
}

} // namespace troupe::cluster

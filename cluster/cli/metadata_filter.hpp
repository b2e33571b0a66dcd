// `--metadata KEY=VALUE`: the same filter for jobs and dead letters.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace troupe::cluster {

/// Repeated; without a key or "=" it is an error of usage.
void add_metadata_filter(CLI::App& command, std::vector<std::string>& to);
/// `&metadata[KEY]=VALUE...`, percent-encoded; empty without any.
std::string metadata_query(const std::vector<std::string>& pairs);

} // namespace troupe::cluster

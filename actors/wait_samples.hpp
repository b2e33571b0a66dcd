// How long jobs of one shard really waited, against what was estimated when they
// came: samples between two reports to a model's dispatcher. The shard's own; no
// actor.
#pragma once

#include "runtime/shard_ledger.hpp"

#include <map>
#include <string>
#include <vector>

namespace troupe::actors {

class wait_samples {
public:
  /// Between two reports; more say nothing new.
  static constexpr size_t samples_max = 64;

  /// A first lease is a sample; those of retries say nothing.
  void note(const std::string& model, const runtime::leased& lease,
            runtime::wall_time now);
  /// Real over estimated, since the last call.
  std::vector<float> take(const std::string& model);

private:
  std::map<std::string, std::vector<float>> ratios_;
};

} // namespace troupe::actors

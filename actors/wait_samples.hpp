// How a shard's estimates of waiting compare with what came of them, kept for
// its dispatchers between two reports. The shard's own; no actor.
#pragma once

#include "runtime/scheduling/wait_calibration.hpp"
#include "runtime/shard_ledger.hpp"

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace troupe::actors {

class wait_samples {
public:
  /// A lease of the queue of `model`, now; those of retries say nothing.
  void note(const std::string& model, const runtime::leased& lease,
            runtime::wall_time now) {
    auto& ratios = ratios_[model];
    if (lease.id.attempt != 1 || ratios.size() >= samples_max
        || lease.expected_wait_s < runtime::wait_calibration::estimate_s_min)
      return;
    const std::chrono::duration<double> real = now - lease.record.created_at;
    ratios.push_back(static_cast<float>(real.count()) / lease.expected_wait_s);
  }

  /// Real over estimated waits since the last call.
  std::vector<float> take(const std::string& model) {
    return std::exchange(ratios_[model], {});
  }

private:
  static constexpr size_t samples_max = 64;
  std::map<std::string, std::vector<float>> ratios_;
};

} // namespace troupe::actors

// Random but valid job values, the same for the same seed: for round trips, the
// store suites and the benchmarks.
#pragma once

#include "runtime/job.hpp"
#include "runtime/rng.hpp"

#include <string>
#include <vector>

namespace troupe::tests {

class job_samples {
public:
  explicit job_samples(uint64_t seed) noexcept : random_{seed} {}

  /// Ids of one sampler grow from call to call.
  runtime::job_id id(runtime::shard_id shard);
  runtime::job_spec spec(runtime::job_id id);
  /// Live unless `status` says otherwise.
  runtime::job_record
  record(runtime::job_id id,
         runtime::job_status status = runtime::job_status::queued);
  runtime::event event(uint64_t seq, runtime::job_id id);
  /// Consecutive.
  std::vector<runtime::event> events(uint64_t first_seq, size_t count,
                                     runtime::job_id id);
  runtime::job_output output();
  runtime::idempotency_entry idempotency(runtime::job_id job);
  /// Printable, sometimes with control characters and other scripts.
  std::string text(size_t size_max);
  std::string bytes(size_t size);
  uint64_t below(uint64_t bound) { return random_.below(bound); }
  bool chance(uint64_t one_in) { return random_.below(one_in) == 0; }

private:
  template <class E>
  E any(E first, E last);
  runtime::wall_time time();
  uint32_t u32();
  uint64_t u64();

  runtime::seeded_rng random_;
  int64_t now_us_ = 1'767'225'600'000'000; // 2026-01-01
};

} // namespace troupe::tests

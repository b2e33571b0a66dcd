// What every store must do: one list of cases, run against each implementation.
#pragma once

#include "runtime/storage/store.hpp"
#include "tests/support/job_samples.hpp"

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace troupe::tests {

/// Gives a case its store and restarts it.
class store_host {
public:
  virtual ~store_host() = default;
  virtual runtime::store& get() = 0;
  /// Closes the store and opens it again on what was durable.
  virtual void restart() = 0;
};

struct store_case {
  const char* name;
  void (*run)(store_host&);
};
std::span<const store_case> store_suite();

/// Everything that a reader or new owner can see of some jobs and a shard.
struct shard_image {
  uint64_t last_seq = 0;
  std::vector<std::string> live; ///< encode(job_record), in order.
  std::vector<std::pair<std::string, std::string>> idempotency; ///< Sorted.
  friend bool operator==(const shard_image&, const shard_image&) = default;
};
/// Requires that the shard loads.
shard_image load_image(runtime::store& store, runtime::shard_id shard);

/// Every answer about one job, rendered comparable.
std::vector<std::string> read_everything(const runtime::store_reader& store,
                                         runtime::job_id id);

/// A batch as the shard makes it at admission: spec, record, two events.
runtime::shard_batch admission(job_samples& samples, runtime::shard_id shard,
                               uint64_t epoch, runtime::job_id id);

} // namespace troupe::tests

#include "tests/support/simulated_store.hpp"

namespace troupe::tests {

using namespace troupe::runtime;

std::vector<result<commit_stamp>>
simulated_store::commit(std::span<const shard_batch> batches) {
  using answers = std::vector<result<commit_stamp>>;
  if (broken_)
    return answers(batches.size(), *broken_);
  const auto fault = on_commit ? on_commit(commits_) : commit_fault::none;
  ++commits_;
  if (fault == commit_fault::none)
    return memory_store::commit(batches);
  if (fault == commit_fault::error_applied) {
    auto before = contents();
    memory_store::commit(batches);
    on_disk_ = contents();
    reset(std::move(before));
  }
  broken_ = fault == commit_fault::full
              ? fail(errc::disk_full, "simulated: no space left")
              : fail(errc::io_error, "simulated: sync failed");
  return answers(batches.size(), *broken_);
}

result<uint64_t> simulated_store::acquire(shard_id shard,
                                          const std::string& node) {
  if (broken_)
    return *broken_;
  return memory_store::acquire(shard, node);
}

store_health simulated_store::health() const {
  return {free_bytes, "memory", "simulated"};
}

std::unique_ptr<simulated_store> simulated_store::restarted() const {
  return std::make_unique<simulated_store>(on_disk_ ? *on_disk_ : contents());
}

} // namespace troupe::tests

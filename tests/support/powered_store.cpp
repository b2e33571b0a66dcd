#include "tests/support/powered_store.hpp"

namespace troupe::tests {

using runtime::errc;

runtime::result<uint64_t> powered_store::acquire(runtime::shard_id shard,
                                                 const std::string& node) {
  if (off_)
    return runtime::fail(errc::io_error, "no power");
  return memory_store::acquire(shard, node);
}

std::vector<runtime::result<runtime::commit_stamp>>
powered_store::commit(std::span<const runtime::shard_batch> batches) {
  bool cut = !off_ && cut_in_ && (*cut_in_)-- == 0;
  if (!off_ && (!cut || applied_)) {
    ++commits_;
    auto results = memory_store::commit(batches);
    if (!cut)
      return results;
  }
  off_ = true;
  return std::vector<runtime::result<runtime::commit_stamp>>(
    batches.size(), runtime::fail(errc::io_error, "no power"));
}

} // namespace troupe::tests

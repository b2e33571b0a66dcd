#include "runtime/storage/ephemeral_store.hpp"

namespace troupe::runtime {

std::vector<result<commit_stamp>>
ephemeral_store::commit(std::span<const shard_batch> batches) {
  auto now = clock_.mono();
  for (const auto& batch : batches)
    for (const auto& op : batch.ops)
      if (const auto* put = std::get_if<put_record>(&op); put && !put->live)
        ended_.emplace_back(now + kept, put->id);
  auto answers = memory_store::commit(batches);
  while (!ended_.empty() && ended_.front().first <= now) {
    forget(ended_.front().second);
    ended_.pop_front();
  }
  return answers;
}

} // namespace troupe::runtime

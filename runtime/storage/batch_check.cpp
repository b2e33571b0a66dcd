#include "runtime/storage/batch_check.hpp"

namespace troupe::runtime {
namespace {

constexpr size_t value_name_bytes_max = 200;

template <class Op>
bool belongs(const Op& op, shard_id shard) {
  if constexpr (requires { op.key; })
    return !op.key.empty();
  else if constexpr (requires { op.name; })
    return !op.name.empty() && op.name.size() <= value_name_bytes_max;
  else
    return op.id.shard() == shard;
}

bool acceptable(const store_op& op, shard_id shard) {
  if (const auto* chunk = std::get_if<append_events>(&op))
    if (chunk->count == 0)
      return false;
  return std::visit([shard](const auto& x) { return belongs(x, shard); }, op);
}

} // namespace

result<void> check(const shard_batch& batch) {
  for (const auto& op : batch.ops)
    if (!acceptable(op, batch.shard))
      return fail(errc::invalid_argument,
                  "commit: shard " + std::to_string(batch.shard.value)
                    + " got an operation that is empty or of another shard");
  return {};
}

} // namespace troupe::runtime

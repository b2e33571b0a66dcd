// What every store asks of a batch before it writes anything of it.
#pragma once

#include "runtime/storage/store.hpp"

namespace troupe::runtime {

/// `invalid_argument` when an operation names a job of another shard, an empty
/// chunk of events or an empty key.
result<void> check(const shard_batch& batch);

} // namespace troupe::runtime

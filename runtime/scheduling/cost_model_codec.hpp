// The bytes in which a cost model outlives its dispatcher: what was learnt,
// without the prior, which is configuration.
//
//     version 1 | msgpack array of
//       0 samples        unsigned
//       1 version        unsigned
//       2 squares        array of 6: upper triangle, row by row
//       3 products       array of 3
//       4 tokens / byte  float
//       5 all            histogram
//       6 tasks          array of [task, histogram]
//       7 labels         array of [task, output log2, input log2, histogram]
//       8 tenants        array of [name, task, factor, samples]
//
//     histogram          array of bucket, count, bucket, count ...; ascending
//
// A newer writer may append elements; another layout raises the version.
#pragma once

#include "runtime/result.hpp"
#include "runtime/scheduling/cost_model.hpp"

#include <string>
#include <string_view>

namespace troupe::runtime {

/// At most this many bytes; the tenants with the fewest samples are left out.
constexpr size_t cost_model_bytes_max = 256 * 1024;

std::string encode(const cost_model& x);

/// With the default prior: see cost_model::rebase. `corruption` for a version
/// that this build does not know, for anything out of range and for more than
/// `cost_model_bytes_max`.
result<cost_model> decode_cost_model(std::string_view bytes);

} // namespace troupe::runtime

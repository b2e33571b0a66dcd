// Strict JSON in, a tree out: one document, UTF-8, no duplicate keys, bounded
// depth. NaN and Infinity are read (as numbers), so that validation can name the
// field instead of refusing the whole text.
#pragma once

#include "runtime/result.hpp"

#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace troupe::gateway {

/// `invalid_json` with what and where (byte offset). The tree lives in `storage`.
runtime::result<boost::json::value>
read_json(std::string_view text, size_t depth_max,
          boost::json::storage_ptr storage = {});

/// The same document in one spelling: no blanks, sorted keys. What an
/// Idempotency-Key's fingerprint is made from.
std::string canonical_json(const boost::json::value& value);

} // namespace troupe::gateway

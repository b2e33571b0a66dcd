// The part of the store suite about reading: pages of events, lists.
#pragma once

#include "tests/runtime/storage/store_suite.hpp"

namespace troupe::tests {

std::span<const store_case> store_reading_suite();

} // namespace troupe::tests

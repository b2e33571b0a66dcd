// Messages that stay on their node. CAF wants every message inspectable; these
// carry shared pointers and would be expensive or meaningless on a wire. Nodes
// exchange envelopes (docs/architecture.md), so an attempt to serialise one of
// these is a defect and fails with an error instead of sending rubbish.
#pragma once

#include <caf/sec.hpp>

namespace troupe::actors {

/// Specialise to true for a message that never crosses nodes.
template <class T>
inline constexpr bool is_node_local = false;

template <class Inspector, class T>
requires is_node_local<T>
bool inspect(Inspector& f, T&) {
  f.emplace_error(caf::sec::unsupported_operation);
  return false;
}

} // namespace troupe::actors

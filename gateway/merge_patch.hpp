// JSON merge patch (RFC 7396): how an edit changes a stored request.
#pragma once

#include <boost/json/value.hpp>

namespace troupe::gateway {

/// `target` with `patch` applied: members that are null disappear, objects
/// merge, everything else replaces. As deep as `patch`, which `read_json` bounds.
boost::json::value merge_patch(boost::json::value target,
                               const boost::json::value& patch);

} // namespace troupe::gateway

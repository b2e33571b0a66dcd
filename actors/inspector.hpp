// Lists the actors of this node for the admin listener. Reads the catalog, never
// a mailbox. Supervised by the telemetry supervisor; stateless.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/inspectable.hpp"
#include "actors/messages.hpp"

namespace troupe::actors {

struct list_actors {
  std::string kind; ///< Empty = all.
  uint64_t limit = 1'000;
};
template <class Inspector>
bool inspect(Inspector& f, list_actors& x) {
  return f.object(x).fields(f.field("kind", x.kind), f.field("limit", x.limit));
}
struct actor_list {
  std::vector<actor_snapshot> actors;
};
template <class Inspector>
bool inspect(Inspector& f, actor_list& x) {
  return f.object(x).fields(f.field("actors", x.actors));
}

using inspector_actor = caf::typed_actor<caf::result<actor_list>(
  list_actors)>::extend_with<inspectable_actor>;

inspector_actor spawn_inspector(actor_env& env, uint64_t generation);

} // namespace troupe::actors

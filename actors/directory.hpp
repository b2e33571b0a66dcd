// Names of long-lived actors and who bears them now. An address is a name: a
// restarted actor is a new handle under the old name with a higher generation.
//
//   journal  reader/<n>  shard/<k>  breaker/<model>  dispatcher/<model>
//   worker/<model>/<i>  allocator/<pool>  replay_runner  inspector  supervisor/<name>
#pragma once

#include "runtime/guarded.hpp"
#include "runtime/ids.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::actors {

/// Thread-safe.
class directory {
public:
  void put(const std::string& name, caf::strong_actor_ptr actor,
           uint64_t generation);
  /// Removes the name unless a newer generation bears it already.
  void drop(const std::string& name, uint64_t generation);

  /// Forgets every handle: the last step before the actor system ends.
  void clear();

  /// A null handle when nobody bears the name.
  template <class Handle>
  Handle find(std::string_view name) const {
    return caf::actor_cast<Handle>(lookup(name));
  }
  template <class Handle>
  Handle shard(runtime::shard_id id) const {
    return caf::actor_cast<Handle>(lookup_shard(id));
  }
  /// Highest generation that ever bore the name.
  uint64_t generation(std::string_view name) const;

  static std::string shard_name(runtime::shard_id id);
  static std::string dispatcher_name(std::string_view model);
  static std::string breaker_name(std::string_view model);
  static std::string worker_name(std::string_view model, size_t index);
  static std::string allocator_name(std::string_view pool);
  static std::string reader_name(size_t index);

private:
  caf::strong_actor_ptr lookup(std::string_view name) const;
  caf::strong_actor_ptr lookup_shard(runtime::shard_id id) const;

  struct entry {
    caf::strong_actor_ptr actor;
    uint64_t generation = 0;
  };
  struct tables {
    std::map<std::string, entry, std::less<>> names;
    std::vector<caf::strong_actor_ptr> shards; ///< Fast path of `names`.
  };
  runtime::guarded<tables> tables_;
};

} // namespace troupe::actors

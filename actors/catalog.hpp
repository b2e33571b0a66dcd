// Every actor of this node, as the inspector and the console see it. An actor
// writes its own line through atomics; readers never wait for a mailbox.
#pragma once

#include "runtime/guarded.hpp"

#include <caf/actor_control_block.hpp>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::actors {

/// A copy of one line.
struct actor_snapshot {
  uint64_t id = 0;  ///< CAF's actor id, unique on the node.
  std::string kind; ///< "troupe.queue_shard"
  std::string name; ///< "shard/12"; jobs: the job id.
  uint64_t generation = 0;
  std::string state;    ///< A word of the actor's own.
  uint64_t handled = 0; ///< Messages handled so far.
};
template <class Inspector>
bool inspect(Inspector& f, actor_snapshot& x) {
  return f.object(x).fields(
    f.field("id", x.id), f.field("kind", x.kind), f.field("name", x.name),
    f.field("generation", x.generation), f.field("state", x.state),
    f.field("handled", x.handled));
}

namespace detail {
struct catalog_line {
  uint64_t id = 0;
  caf::weak_actor_ptr actor;
  const char* kind = "";
  std::string name;
  uint64_t generation = 0;
  std::atomic<const char*> state{"starting"};
  std::atomic<uint64_t> handled{0};
  actor_snapshot copy() const;
};
using catalog_table =
  runtime::guarded<std::map<uint64_t, std::shared_ptr<catalog_line>>>;
} // namespace detail

/// An actor's own line; leaves the catalog with the actor.
class catalog_entry {
public:
  catalog_entry() = default;
  catalog_entry(std::shared_ptr<detail::catalog_table> table,
                std::shared_ptr<detail::catalog_line> line);
  ~catalog_entry();
  catalog_entry(catalog_entry&&) noexcept = default;
  catalog_entry& operator=(catalog_entry&&) noexcept = delete;

  /// `word` must be a literal.
  void set_state(const char* word) noexcept {
    line_->state.store(word, std::memory_order_relaxed);
  }
  /// Call once per message.
  void count() noexcept {
    line_->handled.fetch_add(1, std::memory_order_relaxed);
  }
  uint64_t generation() const noexcept { return line_->generation; }
  actor_snapshot snapshot() const { return line_->copy(); }

private:
  std::shared_ptr<detail::catalog_table> table_;
  std::shared_ptr<detail::catalog_line> line_;
};

/// Thread-safe.
class catalog {
public:
  catalog_entry enrol(caf::weak_actor_ptr actor, const char* kind,
                      std::string name, uint64_t generation);
  std::vector<actor_snapshot> snapshot() const;
  /// Handles of all actors that still live: for the last stop of a node.
  std::vector<caf::strong_actor_ptr> actors() const;
  size_t size() const;
  /// Actors of one kind, e.g. "troupe.job".
  size_t count(std::string_view kind) const;

private:
  std::shared_ptr<detail::catalog_table> table_ =
    std::make_shared<detail::catalog_table>();
};

} // namespace troupe::actors

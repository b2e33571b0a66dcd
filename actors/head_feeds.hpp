// What one shard tells the outside about its queues: to each model's dispatcher
// the first jobs in order, to the node's board the depths. Both only on change.
// The shard's own; no actor.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/dispatcher.hpp"
#include "runtime/shard_ledger.hpp"

#include <map>
#include <string>
#include <vector>

namespace troupe::actors {

class head_feeds {
public:
  /// `heads_max`: announced per model, >= 1.
  head_feeds(actor_env& env, runtime::shard_id shard, size_t heads_max)
    : env_{env}, shard_{shard}, heads_max_{heads_max} {}

  /// A (re)started dispatcher of the model.
  void open(const std::string& model, dispatcher_actor dispatcher);
  /// False when the announced heads are full and all before this job: most
  /// submissions to a long queue change nothing that a dispatcher sees.
  bool may_change(const runtime::job_record& record) const;
  /// Announces the heads if they changed, or `always`.
  void announce(const runtime::shard_ledger& ledger, const std::string& model,
                bool always = false);
  /// The heads as they are now, taken as announced: for an answer to a lease.
  std::vector<runtime::announced_head> take(const runtime::shard_ledger& ledger,
                                            const std::string& model);
  /// Brings the board's depth of the model's queue up to date.
  void publish(const runtime::shard_ledger& ledger, const std::string& model);
  /// Takes this shard's depths off the board.
  void withdraw();

private:
  struct feed {
    dispatcher_actor dispatcher;
    std::vector<runtime::announced_head> announced;
    runtime::shard_ledger::tier_depths published{};
  };
  void publish(const std::string& model, feed& f,
               const runtime::shard_ledger::tier_depths& now);

  actor_env& env_;
  runtime::shard_id shard_;
  size_t heads_max_;
  std::map<std::string, feed> feeds_;
};

} // namespace troupe::actors

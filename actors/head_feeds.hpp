// What one shard tells the outside about its queues: to each model's dispatcher
// the first jobs of each tenant, in order; to the node's board the depths. Both
// only on change. The shard's own; no actor.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/dispatcher.hpp"
#include "runtime/shard_ledger.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace troupe::actors {

/// Of one shard.
struct queue_name {
  std::string model;
  std::string tenant;
  friend auto operator<=>(const queue_name&, const queue_name&) = default;
};

class head_feeds {
public:
  /// `heads_max`: announced per queue, >= 1.
  head_feeds(actor_env& env, runtime::shard_id shard, size_t heads_max)
    : env_{env}, shard_{shard}, heads_max_{heads_max} {}

  /// A (re)started dispatcher of the model.
  void open(const std::string& model, dispatcher_actor dispatcher);
  /// False when the announced heads of its queue are full and all before this
  /// job: most submissions to a long queue change nothing that a dispatcher sees.
  bool may_change(const runtime::job_record& record) const;
  /// Announces all queues of the model, and that there are no others.
  void announce_all(const runtime::shard_ledger& ledger,
                    const std::string& model);
  /// Announces the heads of the queue if they changed.
  void announce(const runtime::shard_ledger& ledger, const queue_name& queue);
  /// The heads as they are now, taken as announced: for an answer to a lease.
  runtime::announced_queue take(const runtime::shard_ledger& ledger,
                                const queue_name& queue);
  /// Brings the board's depth of the model's queue up to date.
  void publish(const runtime::shard_ledger& ledger, const std::string& model);
  /// Takes this shard's depths off the board.
  void withdraw();

private:
  struct feed {
    dispatcher_actor dispatcher;
    std::map<std::string, std::vector<runtime::announced_head>> announced;
    runtime::shard_ledger::tier_depths published{};
    int64_t published_us = 0;
  };
  runtime::announced_queue look(const runtime::shard_ledger& ledger,
                                const queue_name& queue) const;
  static void note(feed& f, const runtime::announced_queue& queue);
  void publish(const std::string& model, feed& f,
               const runtime::shard_ledger::tier_depths& now, int64_t work_us);

  actor_env& env_;
  runtime::shard_id shard_;
  size_t heads_max_;
  std::map<std::string, feed> feeds_;
};

} // namespace troupe::actors

#include "tests/bench/skeleton_server.hpp"

#include "tests/bench/group_commit.hpp"
#include "tests/bench/http_front.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/type_id.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace troupe::bench {

/// Gateway -> shard.
struct skeleton_submit {
  uint64_t ticket = 0;
  std::string body;
};
template <class Inspector>
bool inspect(Inspector& f, skeleton_submit& x) {
  return f.object(x).fields(f.field("ticket", x.ticket),
                            f.field("body", x.body));
}

/// Shard -> journal: what the store would write, and whom to answer.
struct skeleton_commit {
  uint64_t ticket = 0;
  std::string record;
};
template <class Inspector>
bool inspect(Inspector& f, skeleton_commit& x) {
  return f.object(x).fields(f.field("ticket", x.ticket),
                            f.field("record", x.record));
}

/// Journal -> shard, one per commit.
struct skeleton_committed {
  std::vector<uint64_t> tickets;
};
template <class Inspector>
bool inspect(Inspector& f, skeleton_committed& x) {
  return f.object(x).fields(f.field("tickets", x.tickets));
}

} // namespace troupe::bench

CAF_BEGIN_TYPE_ID_BLOCK(troupe_skeleton, first_custom_type_id)
CAF_ADD_TYPE_ID(troupe_skeleton, (troupe::bench::skeleton_submit))
CAF_ADD_TYPE_ID(troupe_skeleton, (troupe::bench::skeleton_commit))
CAF_ADD_TYPE_ID(troupe_skeleton, (troupe::bench::skeleton_committed))
CAF_ADD_ATOM(troupe_skeleton, troupe::bench, skeleton_flush)
CAF_END_TYPE_ID_BLOCK(troupe_skeleton)

namespace troupe::bench {

namespace {

using answer_road = std::function<void(std::vector<uint64_t>)>;
using commit_road = std::function<void(uint64_t, std::string)>;

// Appends until its own flush message comes round: by then everything that
// arrived during the last sync is in the batch.
struct journal_state {
  journal_state(caf::event_based_actor* self, const std::string* dir,
                const answer_road* answer, const caf::actor* shard)
    : self_(self), log_(*dir), answer_(answer), shard_(shard) {}

  caf::behavior make_behavior() {
    return {
      [this](skeleton_commit& x) {
        tickets_.push_back(x.ticket);
        records_.push_back(std::move(x.record));
        if (tickets_.size() == 1)
          self_->send(self_, skeleton_flush_v);
      },
      [this](skeleton_flush) {
        log_.commit(records_);
        records_.clear();
        (*answer_)(tickets_);
        self_->send(*shard_, skeleton_committed{std::move(tickets_)});
        tickets_.clear();
      },
    };
  }

  caf::event_based_actor* self_;
  job_log log_;
  const answer_road* answer_;
  const caf::actor* shard_;
  std::vector<uint64_t> tickets_;
  std::vector<std::string> records_;
};

// Remembers the job as pending, then as ready.
struct shard_state {
  shard_state(caf::event_based_actor*, const commit_road* journal)
    : journal_(journal) {}

  caf::behavior make_behavior() {
    return {
      [this](skeleton_submit& x) {
        pending_[x.ticket] = x.body.size();
        (*journal_)(x.ticket, std::move(x.body));
      },
      [this](const skeleton_committed& x) {
        for (const auto ticket : x.tickets)
          if (pending_.erase(ticket) > 0)
            ready_.push_back(ticket);
      },
    };
  }

  const commit_road* journal_;
  std::unordered_map<uint64_t, size_t> pending_;
  std::vector<uint64_t> ready_;
};

using journal_actor = caf::stateful_actor<journal_state>;
using shard_actor = caf::stateful_actor<shard_state>;

caf::actor spawn_shard(caf::actor_system& system, const std::string& mode,
                       const commit_road* journal) {
  if (mode == "detached")
    return system.spawn<shard_actor, caf::detached>(journal);
  return system.spawn<shard_actor>(journal);
}

} // namespace

int run_skeleton_server(const skeleton_options& options) {
  caf::init_global_meta_objects<caf::id_block::troupe_skeleton>();
  caf::core::init_global_meta_objects();
  caf::actor_system_config config;
  config.set("caf.scheduler.policy", options.policy);
  config.set("caf.scheduler.max-threads", options.threads);
  config.set("caf.scheduler.max-throughput", options.throughput);
  caf::actor_system system{config};

  caf::actor shard;
  caf::actor journal;
  std::unique_ptr<group_commit> thread;
  http_front front{
    options.port, [&](uint64_t ticket, std::string body) {
      caf::anon_send(shard, skeleton_submit{ticket, std::move(body)});
    }};
  const answer_road answer = [&](std::vector<uint64_t> tickets) {
    front.answer(std::move(tickets));
  };
  const commit_road to_journal = [&](uint64_t ticket, std::string record) {
    if (thread)
      thread->add(ticket, std::move(record));
    else
      caf::anon_send(journal, skeleton_commit{ticket, std::move(record)});
  };
  shard = spawn_shard(system, options.shard, &to_journal);
  if (options.journal == "thread")
    thread = std::make_unique<group_commit>(
      options.dir, [&](std::vector<uint64_t> tickets) {
        front.answer(tickets);
        caf::anon_send(shard, skeleton_committed{std::move(tickets)});
      });
  else
    journal =
      system.spawn<journal_actor, caf::detached>(&options.dir, &answer, &shard);
  print_listening(front.port());
  front.run();
  thread.reset();
  caf::anon_send_exit(shard, caf::exit_reason::kill);
  if (journal)
    caf::anon_send_exit(journal, caf::exit_reason::kill);
  system.await_all_actors_done();
  return 0;
}

} // namespace troupe::bench

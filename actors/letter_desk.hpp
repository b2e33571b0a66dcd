// Where one shard settles its dead letters, one request per letter at a time: it
// has the record read, judges it, and commits the letter's new state together
// with the job that replays it. So a letter is replayed once, whoever asks how
// often and whatever dies in between. The shard's own; no actor.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/messages.hpp"
#include "runtime/rng.hpp"

#include <optional>
#include <unordered_map>

namespace troupe::actors {

class letter_desk {
public:
  explicit letter_desk(actor_env& env);

  /// A request comes twice: from a client, then back from the reader with the
  /// record. Returns what to commit; otherwise the client was or will be
  /// answered.
  std::optional<commit_request> settle(settle_letter& x,
                                       runtime::shard_ledger& ledger,
                                       const runtime::admission_gate& gate);
  /// The letter's new state is durable.
  void settled(runtime::job_id id) { busy_.erase(id); }

private:
  struct visit {
    uint64_t ticket = 0;
    runtime::mono_time since;
    bool committing = false;
  };
  void look_up(settle_letter& x, const runtime::shard_ledger& ledger);
  void repeat(const settle_letter& x, const runtime::idempotency_entry& entry);
  void show(const settle_letter& x, runtime::job_id job, view_kind as);
  std::optional<commit_request> decide(settle_letter& x,
                                       runtime::shard_ledger& ledger,
                                       const runtime::admission_gate& gate);
  std::optional<commit_request> replay(settle_letter& x,
                                       runtime::shard_ledger& ledger,
                                       const runtime::admission_gate& gate);
  std::optional<commit_request> drop(settle_letter& x, uint64_t epoch);
  void refuse(const settle_letter& x, runtime::errc code, std::string context,
              double retry_s = 0);

  actor_env& env_;
  runtime::seeded_rng rng_;
  uint64_t next_ticket_;
  std::unordered_map<runtime::job_id, visit> busy_;
};

/// Keeps or forgets a replay run.
commit_request make_run_commit(uint64_t epoch, const keep_run& x);

} // namespace troupe::actors

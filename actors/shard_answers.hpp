// What one shard tells clients without a job actor's help: that it does not
// serve, that a job is not theirs, what a waiting job looks like; and whom it
// sends them to for jobs that are over. The shard's own; no actor.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/messages.hpp"
#include "runtime/shard_ledger.hpp"

#include <optional>
#include <string>

namespace troupe::actors {

class shard_answers {
public:
  explicit shard_answers(actor_env& env) : env_{env} {}

  void open() { open_ = true; }
  bool is_open() const noexcept { return open_; }
  /// The shard's history does not check out: it serves nothing.
  void quarantine(runtime::failure why) { trouble_ = std::move(why); }
  bool quarantined() const noexcept { return trouble_.has_value(); }
  /// Why it does not serve.
  runtime::refused closed_reason() const;

  void refuse(runtime::sink_ref to, runtime::refused why);
  /// The same, counted as a submission.
  void refuse_submit(runtime::sink_ref to, runtime::refused why);
  /// A repeat whose first request is not durable yet.
  void still_commits(runtime::sink_ref to);
  /// Has the reader answer.
  void read(runtime::job_id id, const std::string& tenant, view_kind as,
            std::optional<runtime::queue_standing> standing,
            runtime::sink_ref to);
  /// To a request that came before, behind the first one's commit, so that the
  /// repeat is durable, too: that is returned. Nothing: it was answered.
  /// `in_memory`: the ledger's copy of the record is the newest.
  std::optional<commit_request> repeat(const runtime::shard_ledger& ledger,
                                       const runtime::repeated& again,
                                       const submit_job& x, bool in_memory);
  /// Steps down the ladder that the admission itself took.
  void count_steps(const runtime::job_record& record);
  /// A job that waits and has no actor; its request must be in memory.
  void show(const runtime::shard_ledger& ledger, const get_job& x,
            runtime::spec_ptr spec);

  /// The live record, if the shard serves and the tenant owns it. Otherwise
  /// answers: jobs that are not live are the reader's.
  template <class Command>
  const runtime::job_record* authorise(const runtime::shard_ledger& ledger,
                                       const Command& x, view_kind as) {
    return authorise(ledger, x.id, x.tenant, as, x.reply);
  }

private:
  const runtime::job_record* authorise(const runtime::shard_ledger& ledger,
                                       runtime::job_id id,
                                       const std::string& tenant, view_kind as,
                                       runtime::sink_ref to);

  actor_env& env_;
  bool open_ = false;
  std::optional<runtime::failure> trouble_;
};

} // namespace troupe::actors

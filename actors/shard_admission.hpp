// Where requests for jobs meet one shard: what a new job, an estimate or a dead
// letter is judged by, and what is to be committed then. The shard's own; no actor.
#pragma once

#include "actors/letter_desk.hpp"
#include "actors/resident_jobs.hpp"
#include "actors/shard_answers.hpp"
#include "actors/tenant_desk.hpp"

#include <memory>
#include <optional>

namespace troupe::actors {

class shard_admission {
public:
  /// For `durable` or ephemeral jobs: which journal takes it.
  struct commit {
    commit_request request;
    bool durable = true;
  };

  /// `commit_stall`: a commit that takes longer makes the shard refuse new work.
  shard_admission(actor_env& env, shard_answers& answers, tenant_desk& tenants,
                  std::shared_ptr<const runtime::queue_rules> rules,
                  runtime::duration commit_stall);

  /// Nothing to commit: the client was or will be answered.
  std::optional<commit> submit(submit_job& x, runtime::shard_ledger& ledger,
                               const resident_jobs& residents);
  void estimate(estimate_job& x, const runtime::shard_ledger& ledger);
  std::optional<commit_request> settle(settle_letter& x,
                                       runtime::shard_ledger& ledger);
  /// The letter's new state is durable.
  void settled(runtime::job_id id) { letters_.settled(id); }

private:
  actor_env& env_;
  shard_answers& answers_;
  tenant_desk& tenants_;
  std::shared_ptr<const runtime::queue_rules> rules_;
  runtime::duration commit_stall_;
  runtime::seeded_rng rng_;
  letter_desk letters_;
};

} // namespace troupe::actors

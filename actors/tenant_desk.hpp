// One shard's dealings with tenants: may they have the job, what their jobs hold
// and cost, and, for tenants whose home the shard is, what the store must keep.
// The shard's own; no actor. What it counted goes with it.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/messages.hpp"

#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace troupe::actors {

class tenant_desk {
public:
  using rules_ptr = std::shared_ptr<const runtime::queue_rules>;

  tenant_desk(actor_env& env, runtime::shard_id shard, rules_ptr rules);
  ~tenant_desk();
  tenant_desk(const tenant_desk&) = delete;
  tenant_desk& operator=(const tenant_desk&) = delete;

  /// The gate of this one admission: it must not outlive the call.
  void guard(runtime::admission_gate& gate, const runtime::job_spec& spec,
             const runtime::shard_ledger& ledger);

  /// Before the shard takes over what was loaded.
  void opened(const shard_opened& x);
  /// The admission is durable.
  void admitted(const runtime::job_record& record);
  /// The end is durable. `live`: the shard had the job.
  void closed(const runtime::job_record& record, bool live);

  /// When the budgets at home are to be written next; nothing without any.
  std::optional<runtime::mono_time> next_due() const;
  /// What is due and has changed.
  std::optional<commit_request> take_due(uint64_t epoch);

private:
  runtime::moment now() const { return {env_.mono(), env_.wall()}; }
  void count(runtime::tenant_account& account, int64_t by);

  actor_env& env_;
  runtime::shard_id shard_;
  rules_ptr rules_;
  std::map<runtime::tenant_account*, int64_t> jobs_;
  std::vector<runtime::tenant_account*> home_;
  runtime::mono_time keep_at_{};
};

} // namespace troupe::actors

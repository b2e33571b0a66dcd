#include "actors/tenant_desk.hpp"

#include "runtime/job_codec.hpp"

#include <algorithm>
#include <utility>

namespace troupe::actors {

using runtime::job_record;
using runtime::tenant_account;

namespace {

runtime::refused unknown_tenant(const std::string& name) {
  return {.why = runtime::fail(runtime::errc::not_found,
                               "no tenant '" + name + "' is configured")};
}

} // namespace

tenant_desk::tenant_desk(actor_env& env, runtime::shard_id shard,
                         rules_ptr rules)
  : env_{env}, shard_{shard}, rules_{std::move(rules)} {}

tenant_desk::~tenant_desk() {
  for (const auto& [account, jobs] : jobs_)
    account->add_jobs(-jobs);
}

void tenant_desk::guard(runtime::admission_gate& gate,
                        const runtime::job_spec& spec,
                        const runtime::shard_ledger& ledger) {
  if (env_.tenants.empty())
    return;
  auto* account = env_.tenants.find(spec.tenant);
  if (account == nullptr) {
    gate.tenant = unknown_tenant(spec.tenant);
    return;
  }
  double cost = 0;
  if (account->limited()) {
    auto policy = ledger.policy(spec.model);
    cost = policy->costs
             ->predict(runtime::features_of(spec),
                       policy->terms.gamma / policy->terms.capacity)
             .mean_s
           * rules_->price(spec.model);
  }
  gate.tenant = account->check(cost, now());
  gate.reserve = [this, account](job_record& record, const std::string& queue) {
    auto no = account->reserve(
      record, record.estimated_s * rules_->price(queue), now());
    if (!no)
      ++jobs_[account];
    return no;
  };
}

void tenant_desk::opened(const shard_opened& x) {
  home_ = env_.tenants.at_home(shard_);
  for (auto* account : home_) {
    auto at =
      std::find_if(x.budgets.begin(), x.budgets.end(), [&](const auto& kept) {
        return kept.first == account->limits().name;
      });
    account->open(
      at == x.budgets.end() ? std::nullopt : std::optional{at->second}, now());
  }
  std::map<tenant_account*, std::vector<runtime::job_id>> live;
  for (const auto& record : x.live)
    if (auto* account = env_.tenants.find(record.tenant)) {
      account->adopt(record, env_.mono());
      live[account].push_back(record.id);
    }
  for (const auto& [account, ids] : live)
    count(*account, static_cast<int64_t>(ids.size()));
  if (!env_.tenants.first_load(shard_))
    for (auto* account : env_.tenants.all())
      account->reconcile(shard_, live[account], env_.mono());
  keep_at_ = env_.mono() + tenant_account::keep_interval;
}

void tenant_desk::count(tenant_account& account, int64_t by) {
  jobs_[&account] += by;
  account.add_jobs(by);
}

void tenant_desk::admitted(const job_record& record) {
  if (record.budget_serial == 0)
    return;
  if (auto* account = env_.tenants.find(record.tenant))
    account->confirm(record);
}

void tenant_desk::closed(const job_record& record, bool live) {
  auto* account = env_.tenants.find(record.tenant);
  if (account == nullptr)
    return;
  if (live)
    count(*account, -1);
  account->settle(record, env_.mono());
}

std::optional<runtime::mono_time> tenant_desk::next_due() const {
  if (home_.empty())
    return std::nullopt;
  return keep_at_;
}

std::optional<commit_request> tenant_desk::take_due(uint64_t epoch) {
  if (home_.empty() || env_.mono() < keep_at_)
    return std::nullopt;
  keep_at_ = env_.mono() + tenant_account::keep_interval;
  commit_request request{.shard = shard_, .epoch = epoch};
  for (auto* account : home_)
    if (auto kept = account->take_changes(now())) {
      request.ops.push_back(runtime::put_budget{account->limits().name,
                                                runtime::encode(kept->record)});
      for (auto to : kept->waiting)
        request.deliveries.emplace_back(to, runtime::budget_kept{});
    }
  if (request.ops.empty())
    return std::nullopt;
  return request;
}

} // namespace troupe::actors

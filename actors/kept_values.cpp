#include "actors/kept_values.hpp"

#include "actors/input_quarantine.hpp"
#include "runtime/log.hpp"
#include "runtime/scheduling/cost_keeper.hpp"
#include "runtime/scheduling/cost_model_codec.hpp"

namespace troupe::actors {
namespace {

void restore_costs(
  runtime::shard_ledger& ledger,
  const std::vector<std::pair<std::string, std::string>>& values) {
  for (const auto& [name, bytes] : values) {
    auto model = runtime::model_of_costs(name);
    if (!model)
      continue;
    auto costs = runtime::decode_cost_model(bytes);
    if (!costs) {
      runtime::log_warn(
        "cost", "starts from the prior",
        {{"model", std::string{*model}}, {"reason", costs.error().context}});
      continue;
    }
    auto policy = std::make_shared<runtime::model_policy>();
    policy->costs =
      std::make_shared<const runtime::cost_model>(std::move(*costs));
    ledger.set_policy(std::string{*model}, std::move(policy));
  }
}

} // namespace

std::optional<commit_request>
restore_values(actor_env& env, runtime::shard_ledger& ledger,
               runtime::shard_id shard,
               const std::vector<std::pair<std::string, std::string>>& values) {
  restore_costs(ledger, values);
  commit_request drops{.shard = shard, .epoch = ledger.epoch()};
  drops.ops = restore_quarantine(env, values);
  if (drops.ops.empty())
    return std::nullopt;
  return drops;
}

commit_request make_value_commit(runtime::shard_id shard, uint64_t epoch,
                                 keep_value x) {
  commit_request request{.shard = shard, .epoch = epoch};
  request.ops.push_back(
    runtime::put_value{std::move(x.name), std::move(x.bytes)});
  return request;
}

} // namespace troupe::actors

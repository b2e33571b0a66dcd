#include "actors/input_quarantine.hpp"

#include "runtime/log.hpp"

namespace troupe::actors {

using runtime::errc;

void quarantine_input(actor_env& env, const runtime::job_spec& spec,
                      const runtime::job_record& record, runtime::duration ttl,
                      commit_request& into) {
  if (!record.error || record.error->code != errc::poison
      || ttl <= runtime::duration{0})
    return;
  auto digest = runtime::poison_digest(record.queue(), spec);
  runtime::poison_entry entry{.until = env.wall() + ttl, .job = record.id};
  env.board.quarantine_input(digest, entry, env.wall());
  into.ops.push_back(
    runtime::put_value{runtime::poison_name(digest), runtime::encode(entry)});
  runtime::log_warn("poison", "its input is refused from now on",
                    {{"job", record.id.str()}, {"model", record.queue()}});
}

std::optional<runtime::refused>
refusal_of_input(const actor_env& env, const runtime::job_spec& spec) {
  if (!env.board.any_quarantined())
    return std::nullopt;
  auto found =
    env.board.quarantined(runtime::poison_digest(spec.model, spec), env.wall());
  if (!found)
    return std::nullopt;
  return runtime::refused{
    .why = runtime::fail(errc::quarantined_input,
                         "the same input crashed the model's engine twice ("
                           + found->job.str() + ")")};
}

std::vector<runtime::store_op> restore_quarantine(
  actor_env& env,
  const std::vector<std::pair<std::string, std::string>>& values) {
  std::vector<runtime::store_op> drops;
  auto now = env.wall();
  for (const auto& [name, bytes] : values) {
    auto digest = runtime::digest_of_poison(name);
    if (!digest)
      continue;
    auto entry = runtime::decode_poison(bytes);
    if (!entry)
      runtime::log_warn("poison", "a quarantined input cannot be read",
                        {{"bytes", bytes.size()}});
    if (entry && entry->until > now)
      env.board.quarantine_input(*digest, *entry, now);
    else
      drops.emplace_back(runtime::put_value{name, {}});
  }
  return drops;
}

} // namespace troupe::actors

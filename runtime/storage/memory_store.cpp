#include "runtime/storage/memory_store.hpp"

#include "runtime/job_codec.hpp"
#include "runtime/storage/batch_check.hpp"
#include "runtime/storage/event_chunks.hpp"
#include "runtime/storage/job_scan.hpp"

#include <algorithm>
#include <limits>

namespace troupe::runtime {
namespace {

using shard_state = memory_contents::shard_state;

class applier {
public:
  applier(memory_contents& all, shard_state& shard) noexcept
    : all_{all}, shard_{shard} {}

  void operator()(const put_spec& op) { all_.specs[op.id] = op.bytes; }
  void operator()(const put_record& op) {
    all_.records[op.id] = op.bytes;
    if (op.live)
      shard_.live.insert(op.id);
    else
      shard_.live.erase(op.id);
  }
  void operator()(const append_events& op) {
    all_.events[op.id][op.first_seq] = op.bytes;
  }
  void operator()(const put_output& op) { all_.outputs[op.id] = op.bytes; }
  void operator()(const put_idempotency& op) {
    shard_.idempotency[op.key] = op.bytes;
  }
  void operator()(const put_budget& op) { shard_.budgets[op.key] = op.bytes; }
  void operator()(const drop_idempotency& op) {
    shard_.idempotency.erase(op.key);
  }
  void operator()(const retire_job& op) {
    all_.specs.erase(op.id);
    all_.events.erase(op.id);
    all_.outputs.erase(op.id);
    if (!op.keep_record) {
      all_.records.erase(op.id);
      shard_.live.erase(op.id);
    }
  }
  void operator()(const put_run& op) {
    if (op.bytes.empty())
      all_.runs.erase(op.id);
    else
      all_.runs[op.id] = op.bytes;
  }
  void operator()(const put_value& op) {
    if (op.bytes.empty())
      shard_.values.erase(op.name);
    else
      shard_.values[op.name] = op.bytes;
  }

private:
  memory_contents& all_;
  shard_state& shard_;
};

failure stale(shard_id shard, uint64_t epoch, uint64_t current) {
  return fail(errc::stale_epoch, "shard " + std::to_string(shard.value)
                                   + ": epoch " + std::to_string(epoch)
                                   + ", now " + std::to_string(current));
}

/// Epochs start at 1, so 0 never holds.
bool holds(const shard_state& state, uint64_t epoch) {
  return epoch != 0 && state.epoch == epoch && !state.owner.empty();
}

template <class Map>
const std::string* find(const Map& map, job_id id) {
  const auto it = map.find(id);
  return it == map.end() ? nullptr : &it->second;
}

failure missing(std::string_view what, job_id id) {
  return fail(errc::not_found, std::string{what} + " of " + id.str());
}

} // namespace

memory_store::memory_store(memory_contents contents)
  : contents_{std::move(contents)} {
  // Leases end with the process that had them.
  for (auto& [shard, state] : contents_.shards)
    state.owner.clear();
}

result<uint64_t> memory_store::acquire(shard_id shard,
                                       const std::string& node) {
  if (node.empty())
    return fail(errc::invalid_argument, "acquire: no node");
  std::lock_guard lock{mutex_};
  auto& state = contents_.shards[shard];
  state.owner = node;
  return ++state.epoch;
}

result<void> memory_store::renew(shard_id shard, uint64_t epoch) {
  std::lock_guard lock{mutex_};
  const auto& state = contents_.shards[shard];
  if (!holds(state, epoch))
    return stale(shard, epoch, state.epoch);
  return {};
}

result<void> memory_store::release(shard_id shard, uint64_t epoch) {
  std::lock_guard lock{mutex_};
  auto& state = contents_.shards[shard];
  if (!holds(state, epoch))
    return stale(shard, epoch, state.epoch);
  state.owner.clear();
  return {};
}

result<shard_summary> memory_store::load(shard_id shard,
                                         const load_visitor& visitor) {
  // A copy, so that the visitor runs without the lock.
  shard_state state;
  std::vector<std::string> records;
  {
    std::lock_guard lock{mutex_};
    state = contents_.shards[shard];
    for (const auto id : state.live) {
      const auto* bytes = find(contents_.records, id);
      if (bytes == nullptr)
        return fail(errc::corruption, "live job without record: " + id.str());
      records.push_back(*bytes);
    }
  }
  for (const auto& bytes : records) {
    auto record = decode_record(bytes);
    if (!record)
      return record.error();
    if (visitor.on_live_job)
      visitor.on_live_job(std::move(*record));
  }
  for (const auto& [key, bytes] : state.idempotency) {
    auto entry = decode_idempotency(bytes);
    if (!entry)
      return entry.error();
    if (visitor.on_idempotency)
      visitor.on_idempotency(key, std::move(*entry));
  }
  if (visitor.on_value)
    for (const auto& [name, bytes] : state.values)
      visitor.on_value(name, bytes);
  for (const auto& [tenant, bytes] : state.budgets) {
    auto kept = decode_tenant_record(bytes);
    if (!kept)
      return kept.error();
    if (visitor.on_budget)
      visitor.on_budget(tenant, std::move(*kept));
  }
  return shard_summary{state.epoch, state.last_seq, state.live.size()};
}

std::vector<result<commit_stamp>>
memory_store::commit(std::span<const shard_batch> batches) {
  std::lock_guard lock{mutex_};
  std::vector<result<commit_stamp>> answers;
  answers.reserve(batches.size());
  for (const auto& batch : batches) {
    auto& state = contents_.shards[batch.shard];
    if (const auto ok = check(batch); !ok) {
      answers.emplace_back(ok.error());
      continue;
    }
    if (!holds(state, batch.epoch)) {
      answers.emplace_back(stale(batch.shard, batch.epoch, state.epoch));
      continue;
    }
    applier apply{contents_, state};
    for (const auto& op : batch.ops)
      std::visit(apply, op);
    answers.emplace_back(commit_stamp{++state.last_seq});
  }
  return answers;
}

store_health memory_store::health() const {
  return {std::numeric_limits<uint64_t>::max(), "memory", "none"};
}

result<job_record> memory_store::record(job_id id) const {
  std::lock_guard lock{mutex_};
  const auto* bytes = find(contents_.records, id);
  if (bytes == nullptr)
    return missing("record", id);
  return decode_record(*bytes);
}

result<job_spec> memory_store::spec(job_id id) const {
  std::lock_guard lock{mutex_};
  return stored_spec(id);
}

result<job_spec> memory_store::stored_spec(job_id id) const {
  const auto* bytes = find(contents_.specs, id);
  if (bytes == nullptr)
    return missing("spec", id);
  return decode_spec(*bytes);
}

result<job_output> memory_store::output(job_id id) const {
  std::lock_guard lock{mutex_};
  const auto* bytes = find(contents_.outputs, id);
  if (bytes == nullptr)
    return missing("output", id);
  return decode_output(*bytes);
}

result<std::vector<event>> memory_store::events(job_id id, uint64_t from_seq,
                                                size_t limit) const {
  std::lock_guard lock{mutex_};
  event_page page{from_seq, limit};
  const auto job = contents_.events.find(id);
  if (job == contents_.events.end())
    return std::move(page).take();
  auto chunk = job->second.upper_bound(from_seq);
  if (chunk != job->second.begin())
    --chunk;
  for (; chunk != job->second.end() && !page.full(); ++chunk)
    if (const auto ok = page.add(chunk->first, chunk->second); !ok)
      return ok.error();
  return std::move(page).take();
}

result<job_page> memory_store::list(const job_query& query) const {
  if (const auto ok = check(query); !ok)
    return ok.error();
  const auto range = range_of(query);
  job_scan scan{query, [this](job_id id) { return stored_spec(id); }};
  if (range.empty())
    return std::move(scan).finish(false);
  std::lock_guard lock{mutex_};
  const auto& records = contents_.records;
  auto walk = [&](auto row, auto end) -> result<job_page> {
    for (; row != end && scan.wants_row(); ++row) {
      auto record = decode_record(row->second);
      if (!record)
        return record.error();
      if (const auto ok = scan.offer(std::move(*record)); !ok)
        return ok.error();
    }
    return std::move(scan).finish(row != end);
  };
  const auto first = records.lower_bound(range.lowest);
  const auto last = records.upper_bound(range.highest);
  if (query.descending)
    return walk(std::make_reverse_iterator(last),
                std::make_reverse_iterator(first));
  return walk(first, last);
}

result<std::vector<replay_run>> memory_store::runs() const {
  std::lock_guard lock{mutex_};
  std::vector<replay_run> all;
  for (const auto& [id, bytes] : contents_.runs) {
    auto run = decode_run(bytes);
    if (!run)
      return run.error();
    all.push_back(std::move(*run));
  }
  return all;
}

bool memory_store::contains(job_id id) const {
  std::lock_guard lock{mutex_};
  return contents_.records.contains(id);
}

void memory_store::adopt(shard_id shard, const std::string& node,
                         uint64_t epoch) {
  std::lock_guard lock{mutex_};
  auto& state = contents_.shards[shard];
  state.owner = node;
  state.epoch = std::max(state.epoch, epoch);
}

void memory_store::forget(job_id id) {
  std::lock_guard lock{mutex_};
  contents_.records.erase(id);
  contents_.specs.erase(id);
  contents_.events.erase(id);
  contents_.outputs.erase(id);
}

memory_contents memory_store::contents() const {
  std::lock_guard lock{mutex_};
  return contents_;
}

} // namespace troupe::runtime

#include "actors/journal.hpp"

#include "actors/queue_shard.hpp"
#include "runtime/metrics.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <map>
#include <vector>

namespace troupe::actors {
namespace {

using runtime::errc;

const char* name_of(bool durable) noexcept {
  return durable ? "journal" : "journal/ephemeral";
}

class journal_state {
public:
  static constexpr const char* name = "troupe.journal";

  journal_state(journal_actor::pointer self, actor_env* env,
                runtime::store* store, journal_config config,
                uint64_t generation)
    : self_{self}, env_{*env}, store_{*store}, config_{config},
      entry_{env_.enrol(self->ctrl(), name, name_of(!config.ephemeral),
                        generation)} {
    install_handlers(self, env_);
  }

  journal_actor::behavior_type make_behavior() {
    if (!config_.ephemeral)
      on_tick();
    entry_.set_state("idle");
    return {
      [this](open_shard& x) { on_open_shard(x); },
      [this](commit_request& x) { on_commit_request(x); },
      [this](flush_atom) { on_flush(); },
      [this](journal_tick_atom) { on_tick(); },
      [this](inspect_actor) { return entry_.snapshot(); },
    };
  }

private:
  void on_open_shard(const open_shard& x) {
    entry_.count();
    on_flush();
    shard_opened answer;
    auto acquired = store_.acquire(x.shard, env_.node);
    if (acquired) {
      answer.summary = store_.load(
        x.shard,
        {.on_live_job =
           [&](runtime::job_record&& r) {
             answer.live.push_back(std::move(r));
           },
         .on_idempotency =
           [&](std::string key, runtime::idempotency_entry&& e) {
             answer.keys.emplace_back(std::move(key), std::move(e));
           },
         .on_value =
           [&](std::string key, std::string bytes) {
             answer.values.emplace_back(std::move(key), std::move(bytes));
           },
         .on_budget =
           [&](std::string tenant, runtime::tenant_record&& r) {
             answer.budgets.emplace_back(std::move(tenant), std::move(r));
           }});
    } else {
      fail_stop(acquired.error());
      answer.summary = acquired.error();
    }
    auto shard = caf::actor_cast<queue_shard_actor>(self_->current_sender());
    if (shard)
      caf::anon_send(shard, std::move(answer));
  }

  void on_commit_request(commit_request& x) {
    entry_.count();
    pending_.push_back(std::move(x));
    if (flush_sent_)
      return;
    flush_sent_ = true;
    // Behind everything that arrived meanwhile: that joins this commit.
    caf::anon_send(journal_actor{self_}, flush_atom_v);
  }

  void on_flush() {
    flush_sent_ = false;
    if (pending_.empty())
      return;
    auto requests = std::move(pending_);
    pending_.clear();
    auto verdicts = commit(requests);
    answer(requests, verdicts);
  }

  using verdict_map = std::map<runtime::shard_id, runtime::failure>;

  /// One batch per shard, in order of arrival. Returns the shards that failed.
  verdict_map commit(std::vector<commit_request>& requests) {
    std::vector<runtime::shard_batch> batches;
    std::map<std::pair<runtime::shard_id, uint64_t>, size_t> index;
    for (auto& r : requests) {
      if (r.ops.empty())
        continue;
      auto [it, fresh] = index.try_emplace({r.shard, r.epoch}, batches.size());
      if (fresh) {
        batches.push_back(
          {.shard = r.shard, .epoch = r.epoch, .ops = std::move(r.ops)});
        continue;
      }
      auto& ops = batches[it->second].ops;
      ops.insert(ops.end(), std::make_move_iterator(r.ops.begin()),
                 std::make_move_iterator(r.ops.end()));
    }
    verdict_map failed;
    if (batches.empty())
      return failed;
    auto results =
      config_.ephemeral ? store_.commit(batches) : commit_timed(batches);
    for (size_t i = 0; i < results.size(); ++i)
      if (!results[i])
        failed.emplace(batches[i].shard, results[i].error());
    return failed;
  }

  std::vector<runtime::result<runtime::commit_stamp>>
  commit_timed(const std::vector<runtime::shard_batch>& batches) {
    entry_.set_state("commit");
    auto began = env_.mono();
    env_.board.commit_since_us = began.time_since_epoch().count();
    auto results = store_.commit(batches);
    env_.board.commit_since_us = 0;
    entry_.set_state("idle");
    bool whole = std::all_of(results.begin(), results.end(),
                             [](const auto& r) { return r.has_value(); });
    if (env_.metrics != nullptr)
      env_.metrics->committed(env_.mono() - began, batches.size(), whole);
    return results;
  }

  void answer(std::vector<commit_request>& requests,
              const verdict_map& failed) {
    std::vector<std::pair<runtime::sink_ref, runtime::delivery_body>> out;
    std::map<std::pair<runtime::shard_id, uint64_t>, shard_committed> notes;
    for (auto& r : requests) {
      auto bad = failed.find(r.shard);
      bool ok = bad == failed.end();
      for (auto& [to, body] : r.deliveries)
        out.emplace_back(to, ok ? std::move(body) : unavailable(bad->second));
      if (ok && r.notes.empty())
        continue;
      auto& note = notes[{r.shard, r.epoch}];
      note.epoch = r.epoch;
      if (ok)
        note.notes.insert(note.notes.end(),
                          std::make_move_iterator(r.notes.begin()),
                          std::make_move_iterator(r.notes.end()));
      else
        note.why = bad->second;
    }
    for (const auto& [shard, why] : failed)
      fail_stop(why);
    env_.sinks.post_all(std::move(out));
    for (auto& [key, note] : notes)
      if (auto shard = env_.directory.shard<queue_shard_actor>(key.first))
        caf::anon_send(shard, std::move(note));
      else
        ++env_.letters.undeliverable;
  }

  /// The outcome of a failed write or sync is unknown: nobody may be told
  /// anything, and the sync must not be repeated (Rebello et al., ATC '20).
  void fail_stop(const runtime::failure& why) {
    if (why.code != errc::io_error && why.code != errc::disk_full)
      return;
    entry_.set_state("failed");
    if (env_.on_fatal)
      env_.on_fatal(11, "the store failed: " + why.context);
  }

  static runtime::delivery_body unavailable(const runtime::failure& why) {
    return runtime::refused{
      .why = runtime::fail(errc::shard_unavailable, why.context),
      .retry_after_s = 1};
  }

  void on_tick() {
    auto health = store_.health();
    env_.board.free_bytes = health.free_bytes;
    env_.board.storage_ok = health.free_bytes >= config_.free_bytes_min;
    caf::delayed_anon_send(journal_actor{self_}, std::chrono::seconds{1},
                           journal_tick_atom_v);
  }

  journal_actor::pointer self_;
  actor_env& env_;
  runtime::store& store_;
  journal_config config_;
  catalog_entry entry_;
  std::vector<commit_request> pending_;
  bool flush_sent_ = false;
};

} // namespace

journal_actor journal_of(const actor_env& env, bool durable) {
  return env.directory.find<journal_actor>(name_of(durable));
}

journal_actor spawn_journal(actor_env& env, runtime::store& store,
                            journal_config config, uint64_t generation) {
  auto mode = config.ephemeral ? spawn_mode::pooled : env.blocking;
  return env.spawn<journal_actor::stateful_impl<journal_state>>(
    mode, &env, &store, config, generation);
}

} // namespace troupe::actors

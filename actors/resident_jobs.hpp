// The job actors of one shard: who they are, how many commands each was sent,
// and how one leaves without losing a command. The shard's own; no actor.
#pragma once

#include "actors/job.hpp"

#include <caf/send.hpp>

#include <optional>
#include <unordered_map>

namespace troupe::actors {

class resident_jobs {
public:
  resident_jobs() = default;
  /// The shard is gone: its jobs may commit nothing more.
  ~resident_jobs() {
    for (const auto& [id, r] : jobs_)
      caf::anon_send(r.actor, leave_atom_v);
  }
  resident_jobs(const resident_jobs&) = delete;
  resident_jobs& operator=(const resident_jobs&) = delete;

  bool contains(runtime::job_id id) const { return jobs_.contains(id); }

  void add(runtime::job_id id, job_actor actor) {
    by_actor_[actor->id()] = id;
    jobs_[id] = resident{.actor = std::move(actor)};
  }

  /// A command of the shard, which the actor counts. `id` must be resident.
  template <class Command>
  void command(runtime::job_id id, Command x) {
    auto& r = jobs_.at(id);
    ++r.commands;
    caf::anon_send(r.actor, std::move(x));
  }

  /// A message that is no command; false when the job has no actor.
  template <class Message>
  bool tell(runtime::job_id id, Message x) {
    auto it = jobs_.find(id);
    if (it == jobs_.end())
      return false;
    caf::anon_send(it->second.actor, std::move(x));
    return true;
  }

  /// The actor has seen every command that it was sent.
  bool caught_up(runtime::job_id id, uint64_t commands) const {
    auto it = jobs_.find(id);
    return it != jobs_.end() && it->second.commands == commands;
  }

  /// Lets the actor go: nothing more will be sent to it.
  void dismiss(runtime::job_id id) {
    auto it = jobs_.find(id);
    if (it == jobs_.end())
      return;
    caf::anon_send(it->second.actor, leave_atom_v);
    by_actor_.erase(it->second.actor->id());
    jobs_.erase(it);
  }

  /// The job whose actor went down; nothing when it had been dismissed.
  std::optional<runtime::job_id> take_down(caf::actor_id actor) {
    auto it = by_actor_.find(actor);
    if (it == by_actor_.end())
      return std::nullopt;
    auto id = it->second;
    jobs_.erase(id);
    by_actor_.erase(it);
    return id;
  }

private:
  struct resident {
    job_actor actor;
    uint64_t commands = 0;
  };
  std::unordered_map<runtime::job_id, resident> jobs_;
  std::unordered_map<caf::actor_id, runtime::job_id> by_actor_;
};

} // namespace troupe::actors

// What a node knows about itself at any moment, readable from every thread
// without asking an actor: is the store writable, are we draining, which models
// and shards serve. Actors write their own line; admission, /readyz and the
// gateway's validation read.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/guarded.hpp"
#include "runtime/job.hpp"
#include "runtime/overload/breaker_line.hpp"
#include "runtime/overload/memory_guard.hpp"
#include "runtime/overload/retry_budget.hpp"
#include "runtime/poison_list.hpp"
#include "runtime/scheduling/demand_meter.hpp"
#include "runtime/scheduling/queue_standing.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::runtime {

/// One configured model's line.
struct model_line {
  std::string name;
  std::string kind;
  std::vector<task_kind> tasks;
  uint32_t context_length = 0; ///< Tokens; 0 = unknown or unlimited.
  uint32_t slots = 0;          ///< Of serving workers.
  bool ready = false;          ///< At least one worker serves.
  std::string trouble;         ///< Why not, for people.
  breaker_state breaker = breaker_state::closed;
  model_kind purpose = model_kind::accurate; ///< For aliases.
  bool loaded = false; ///< Its due work is beyond `accurate_high_s`.
};

/// A name that stands for one of several models.
struct alias_line {
  std::string name;
  std::vector<std::string> models;                  ///< Best first.
  request_intent intent = request_intent::accurate; ///< When none is given.
};

class node_board {
public:
  // --- admission and drain -------------------------------------------------
  std::atomic<bool> unready{false};  ///< /readyz says no; work is taken.
  std::atomic<bool> draining{false}; ///< New work is refused.
  std::atomic<bool> storage_ok{true};
  /// Monotonic microseconds at which the commit under way began; 0 = none.
  std::atomic<int64_t> commit_since_us{0};
  std::atomic<uint64_t> free_bytes{0};

  // --- memory ----------------------------------------------------------------
  std::atomic<memory_level> memory{memory_level::normal};
  std::atomic<uint64_t> memory_bytes{0};     ///< What the process holds.
  std::atomic<uint64_t> memory_bytes_max{0}; ///< 0: no limit.

  // --- liveness --------------------------------------------------------------
  /// Monotonic microseconds of the root supervisor's latest tick.
  std::atomic<int64_t> root_seen_us{0};
  std::atomic<uint64_t> restarts{0};           ///< Of supervised actors.
  std::atomic<uint64_t> quarantined_actors{0}; ///< Restart budget spent.

  // --- shards ----------------------------------------------------------------
  std::atomic<uint32_t> shards_total{0};
  std::atomic<uint32_t> shards_ready{0};
  std::atomic<uint32_t> shards_quarantined{0}; ///< Their history is damaged.
  std::atomic<uint64_t> live_jobs{0};
  std::atomic<int64_t> attempts_running{0};

  // --- models ----------------------------------------------------------------
  /// Lines exist for every configured model before traffic starts.
  void set_model(model_line line);
  std::vector<model_line> models() const;
  void set_aliases(std::vector<alias_line> aliases);
  std::vector<alias_line> aliases() const;
  /// A worker of the model begins (> 0) or ends (< 0) to serve with so many
  /// slots. `trouble`: why it ended, for people.
  void change_slots(const std::string& model, int64_t by,
                    uint32_t context_length, std::string trouble);

  /// Waiting jobs of the model: [0] flex, [1] default, [2] priority; shards add
  /// what changed.
  using tier_depths = std::array<int64_t, 3>;
  /// `work_us`: their predicted work.
  void change_depths(const std::string& model, const tier_depths& by,
                     int64_t work_us);
  tier_depths depths(const std::string& model) const;
  /// All of them together.
  queue_load load(const std::string& model) const;

  // --- demand ----------------------------------------------------------------
  /// What the model's dispatcher measured last.
  void set_demand(const std::string& model, const model_demand& demand);
  model_demand demand(const std::string& model) const;
  /// A worker of the model took so long to be ready.
  void note_load(const std::string& model, duration took);
  /// The longest of late: 0 while unknown.
  duration load_time(const std::string& model) const;

  // --- overload --------------------------------------------------------------
  /// What the model's breaker said last; while it is being restarted that stays.
  void set_breaker(const std::string& model, breaker_line line);
  /// A closed one for a model without a breaker.
  breaker_line breaker(const std::string& model) const;

  /// For the models whose lines are set from now on.
  void set_retry_budget(const retry_budget_settings& x);
  /// The model's retry budget is here, and not with an actor, because all shards
  /// of the node share it and none may die with it.
  void first_attempt(const std::string& model, mono_time now);
  /// See retry_budget::ask; `now` for a model that is not configured.
  mono_time ask_retry(const std::string& model, mono_time now);
  uint64_t retries_left(const std::string& model, mono_time now) const;

  /// Inputs that no shard takes. Those that have ended go.
  void quarantine_input(const std::string& digest, const poison_entry& x,
                        wall_time now);
  /// False: `quarantined` has nothing.
  bool any_quarantined() const noexcept { return poisons_known_ > 0; }
  std::optional<poison_entry> quarantined(const std::string& digest,
                                          wall_time now) const;

private:
  struct line_state {
    model_line line;
    tier_depths depths{};
    int64_t waiting_us = 0;
    breaker_line breaker;
    retry_budget retries;
    model_demand demand;
    duration load_time{0};
  };
  guarded<std::map<std::string, line_state>> models_;
  guarded<std::vector<alias_line>> aliases_;
  guarded<retry_budget_settings> retry_budget_;
  guarded<poison_list> poisons_;
  std::atomic<size_t> poisons_known_{0};
};

} // namespace troupe::runtime

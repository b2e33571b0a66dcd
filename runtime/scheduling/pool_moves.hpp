// How a pool's workers get from one model to another, step by step: the allocator
// actor performs what is decided here. allocator_core says which worker goes
// where; this says what must have happened before the next step.
//
//   drain:  the donor's dispatcher leases nothing more to the worker, and says
//           when nothing runs there
//   yield:  after `drain_max` the worker gives what still runs back to the queue
//   rest:   the donor's supervisor stops the worker and does not start it again
//   wake:   the receiver's supervisor starts one in its place
//
// Every step is asked for again at each tick until it is answered, and all of it
// stands in the roster, so a message may be lost with a dying actor.
#pragma once

#include "runtime/scheduling/allocator_core.hpp"
#include "runtime/scheduling/pool_roster.hpp"

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace troupe::runtime {

struct pool_step {
  enum class kind : uint8_t { drain = 1, yield, rest, wake };
  kind what;
  size_t slot = 0;
  std::string model; ///< Whose worker it is about.
  friend bool operator==(const pool_step&, const pool_step&) = default;
};

/// A move that was decided in this tick.
struct pool_move {
  size_t slot = 0;
  allocator_decision why;
};
/// A load that ended.
struct pool_load {
  std::string model;
  duration took{0};
};

class pool_moves {
public:
  pool_moves(std::shared_ptr<pool_roster> roster, allocator_limits limits,
             duration drain_max)
    : roster_{std::move(roster)}, core_{limits}, limits_{limits},
      drain_max_{drain_max} {}

  /// Once a second, or more often while `moving`. `speeds`: slots times speed of
  /// a worker, by model. `hold`: decide nothing new (the node drains).
  std::vector<pool_step> tick(mono_time now, std::span<const pool_model> models,
                              const std::map<std::string, double>& speeds,
                              bool hold = false);
  /// The move that the last tick began, if it did; once.
  std::optional<pool_move> take_move();
  bool moving() const;

  // --- what the others answer; what does not fit the roster is ignored ---------

  /// The dispatcher: `running` attempts are, or may yet be, on the worker.
  void drained(size_t slot, const std::string& model, size_t running);
  /// The supervisor: it is stopped. The step that follows at once, if any.
  std::optional<pool_step> rested(size_t slot, const std::string& model,
                                  mono_time now);
  /// The worker: it serves. How long that took, if it was a load.
  std::optional<pool_load> ready(size_t slot, const std::string& model,
                                 mono_time now);
  /// The worker: its engine died.
  void died(size_t slot, const std::string& model, mono_time now);

  struct head_count {
    uint32_t loading = 0, ready = 0, draining = 0;
  };
  head_count count(const std::string& model) const;
  double load_s(const std::string& model) const { return core_.load_s(model); }

private:
  void begin(mono_time now, const allocator_decision& decision);

  std::shared_ptr<pool_roster> roster_;
  allocator_core core_;
  allocator_limits limits_;
  duration drain_max_;
  std::optional<pool_move> move_;
};

} // namespace troupe::runtime

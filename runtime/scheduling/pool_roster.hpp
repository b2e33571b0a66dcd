// Which model each worker slot of a pool serves, or is on its way to. Outlives
// the allocator that writes it and the supervisors that start workers by it, so
// that a successor of either goes on where the other stopped. In memory only: a
// node that starts deals its workers anew.
//
//        +--------------------- idle -------------------+
//        | given up                                     | decided
//        |                                              v
//     resting --rested--> (next model) ------------> loading --ready--> serving
//        ^                                              ^                 |  |
//        | empty                                        +---- died -------+  |
//     draining --too long--> yielding --empty--> resting                     |
//        ^                                                                   |
//        +------------------------- decided ---------------------------------+
#pragma once

#include "runtime/clock.hpp"
#include "runtime/guarded.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

enum class slot_phase : uint8_t {
  idle = 1, ///< Serves nothing.
  loading,  ///< Its worker is being started, or restarted.
  serving,
  draining, ///< Takes nothing new; what runs may end.
  yielding, ///< It took too long: what runs goes back to the queue.
  resting   ///< Its worker is being stopped.
};
std::string_view to_string(slot_phase phase) noexcept;

struct pool_slot {
  slot_phase phase = slot_phase::idle;
  std::string model;     ///< Whose worker it is; empty: nobody's.
  std::string next;      ///< Where it goes once it rests; empty: nowhere.
  mono_time since{};     ///< When the way to `model`, or away from it, began.
  bool timed = false;    ///< `since` began a load that is worth measuring.
  uint32_t failures = 0; ///< Loads that failed in a row.
};

/// How a pool's workers are dealt at first: to each model its floor, then one by
/// one to the model with the fewest, in the order given.
struct pool_share {
  std::string model;
  uint32_t workers_min = 0;
  uint32_t workers_max = 0; ///< 0: any number.
  bool waits = false;       ///< Gets nothing but its floor.
};
/// One model per worker; empty where nobody may have it.
std::vector<std::string> deal_workers(size_t workers,
                                      const std::vector<pool_share>& models);

/// Thread-safe.
class pool_roster {
public:
  explicit pool_roster(const std::vector<std::string>& models);

  size_t size() const noexcept { return size_; }
  pool_slot at(size_t slot) const;
  void set(size_t slot, const pool_slot& value);
  /// A worker of the model may be started in the slot.
  bool awake(std::string_view model, size_t slot) const;

private:
  size_t size_;
  guarded<std::vector<pool_slot>> slots_;
};

} // namespace troupe::runtime

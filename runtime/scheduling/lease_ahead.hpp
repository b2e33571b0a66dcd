// How many jobs of a model are leased before a slot is free for them. Between a
// slot's end and the next attempt on it lie some hops, a commit, perhaps a load:
// the loop. Where that is long beside the jobs themselves, a few of them wait at
// the workers. Pure; a dispatcher owns it.
//
//   loop  = way of "freed" to the dispatcher + order until it is at the worker
//   x     = slots of the worker * loop / mean service
//   ahead = 0 if x < 0.1, else min(ceil(1.5 x), slots)
#pragma once

#include "runtime/clock.hpp"

#include <cstddef>
#include <cstdint>

namespace troupe::runtime {

/// A mean that forgets: of all samples at first, of about the last 64 later.
class moving_mean {
public:
  /// `x` >= 0 and finite, else ignored.
  void add(double x) noexcept;
  double value() const noexcept { return mean_; }
  bool known() const noexcept { return samples_ > 0; }

private:
  double mean_ = 0;
  double samples_ = 0;
};

class lease_ahead {
public:
  /// A worker's word that a slot is free came after so long.
  void heard(duration delay) noexcept;
  /// An order was with its worker after so long.
  void arrived(duration delay) noexcept;
  /// An attempt was on its slot for so long; 0: it never was, ignored.
  void served(duration ran) noexcept;

  /// From a slot's end to the next attempt on it; 0 until both ways were seen.
  double loop_s() const noexcept;
  double mean_service_s() const noexcept { return service_s_.value(); }
  /// loop / mean service, >= 0; 0 until everything was seen.
  double ratio() const noexcept;

  /// Leased and not started at a worker of `slots`, 0..slots.
  static uint32_t ahead(uint32_t slots, double ratio) noexcept;
  /// Heads that each queue announces, 1..32: one more than the `ahead` of all
  /// workers; and as many as it takes to fill `slots` at once, up to 16, since a
  /// burst of one client lies in one shard.
  static size_t depth(uint32_t slots, uint32_t ahead) noexcept;
  static constexpr size_t depth_max = 32;
  static constexpr size_t depth_of_slots_max = 16;

private:
  moving_mean heard_s_;
  moving_mean arrived_s_;
  moving_mean service_s_;
};

} // namespace troupe::runtime

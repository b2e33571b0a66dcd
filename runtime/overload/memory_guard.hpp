// What a node still takes on as its memory fills. What it has accepted proceeds
// at every level.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe::runtime {

enum class memory_level : uint8_t {
  normal = 1,
  tight, ///< Drop caches, passivate, refuse bodies above `tight_body_bytes_max`.
  full   ///< Also refuse new work.
};

/// normal tight full.
std::string_view to_string(memory_level level) noexcept;

constexpr size_t tight_body_bytes_max = 64 * 1024;

/// Of the node's maximum. A level is entered at its share and left below its
/// share less `slack`, lest a node near a threshold flaps.
struct memory_shares {
  double tight = 0.95; ///< (slack, full]
  double full = 0.98;  ///< [tight, 1]
  double slack = 0.02; ///< [0, tight)
};

class memory_guard {
public:
  /// `bytes_max`: `node.memory_mib_max` in bytes; 0: no limit, always normal.
  explicit memory_guard(uint64_t bytes_max, memory_shares shares = {}) noexcept
    : bytes_max_{bytes_max}, shares_{shares} {}

  /// A measurement of what the process holds. Takes effect at once, upwards and
  /// downwards: the caller measures once a second.
  memory_level update(uint64_t bytes) noexcept;
  memory_level level() const noexcept { return level_; }

  bool takes_work() const noexcept { return level_ != memory_level::full; }
  /// Of a request that brings new work.
  bool takes_body(size_t bytes) const noexcept;
  /// Times that `level` was entered from below.
  uint64_t rises(memory_level level) const noexcept;

private:
  bool holds(double share, memory_level level, uint64_t bytes) const noexcept;

  uint64_t bytes_max_;
  memory_shares shares_;
  memory_level level_ = memory_level::normal;
  uint64_t rises_to_tight_ = 0;
  uint64_t rises_to_full_ = 0;
};

} // namespace troupe::runtime

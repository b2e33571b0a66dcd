#include "runtime/overload/memory_guard.hpp"

namespace troupe::runtime {

std::string_view to_string(memory_level level) noexcept {
  switch (level) {
    case memory_level::normal:
      return "normal";
    case memory_level::tight:
      return "tight";
    case memory_level::full:
      return "full";
  }
  return "unknown";
}

bool memory_guard::holds(double share, memory_level level,
                         uint64_t bytes) const noexcept {
  if (level_ >= level)
    share -= shares_.slack;
  return bytes_max_ > 0
         && static_cast<double>(bytes)
              >= share * static_cast<double>(bytes_max_);
}

memory_level memory_guard::update(uint64_t bytes) noexcept {
  auto before = level_;
  if (holds(shares_.full, memory_level::full, bytes))
    level_ = memory_level::full;
  else if (holds(shares_.tight, memory_level::tight, bytes))
    level_ = memory_level::tight;
  else
    level_ = memory_level::normal;
  if (before < memory_level::tight && level_ >= memory_level::tight)
    ++rises_to_tight_;
  if (before < memory_level::full && level_ == memory_level::full)
    ++rises_to_full_;
  return level_;
}

bool memory_guard::takes_body(size_t bytes) const noexcept {
  return level_ == memory_level::normal
         || (level_ == memory_level::tight && bytes <= tight_body_bytes_max);
}

uint64_t memory_guard::rises(memory_level level) const noexcept {
  switch (level) {
    case memory_level::normal:
      return 0;
    case memory_level::tight:
      return rises_to_tight_;
    case memory_level::full:
      return rises_to_full_;
  }
  return 0;
}

} // namespace troupe::runtime

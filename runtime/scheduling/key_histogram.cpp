#include "runtime/scheduling/key_histogram.hpp"

#include "runtime/result.hpp"

namespace troupe::runtime {

// Signed order as unsigned order.
uint64_t key_histogram::ordered(int64_t key) noexcept {
  return static_cast<uint64_t>(key) ^ (uint64_t{1} << 63);
}

int64_t key_histogram::unordered(uint64_t bits) noexcept {
  return static_cast<int64_t>(bits ^ (uint64_t{1} << 63));
}

size_t key_histogram::digit(uint64_t bits, unsigned level) noexcept {
  auto shift = 64 - level_bits * (level + 1);
  return (bits >> shift) & (fan_out - 1);
}

uint32_t key_histogram::make_node() {
  if (free_.empty()) {
    nodes_.emplace_back();
    return static_cast<uint32_t>(nodes_.size() - 1);
  }
  auto index = free_.back();
  free_.pop_back();
  return index;
}

void key_histogram::add(int64_t key, int64_t work_us) {
  auto bits = ordered(key);
  uint32_t at = 0;
  for (unsigned level = 0; level < levels; ++level) {
    auto d = digit(bits, level);
    ++nodes_[at].cells[d].jobs;
    nodes_[at].cells[d].work_us += work_us;
    if (level + 1 == levels)
      break;
    if (nodes_[at].cells[d].child == 0) {
      auto child = make_node(); // May move the nodes.
      nodes_[at].cells[d].child = child;
    }
    at = nodes_[at].cells[d].child;
  }
  ++all_.jobs;
  all_.work_us += work_us;
}

void key_histogram::remove(int64_t key, int64_t work_us) {
  auto bits = ordered(key);
  uint32_t at = 0;
  for (unsigned level = 0; level < levels; ++level) {
    auto& c = nodes_[at].cells[digit(bits, level)];
    TROUPE_ASSERT(c.jobs > 0);
    --c.jobs;
    c.work_us -= work_us;
    at = c.child;
    if (c.jobs == 0 && at != 0) {
      // Nothing is left below: the rest of the path is unlinked on the way.
      c.child = 0;
      free_.push_back(at);
    }
  }
  --all_.jobs;
  all_.work_us -= work_us;
}

key_histogram::totals key_histogram::below(int64_t key) const noexcept {
  totals sum;
  auto bits = ordered(key);
  uint32_t at = 0;
  for (unsigned level = 0; level < levels; ++level) {
    const auto& cells = nodes_[at].cells;
    auto d = digit(bits, level);
    for (size_t i = 0; i < d; ++i) {
      sum.jobs += cells[i].jobs;
      sum.work_us += cells[i].work_us;
    }
    if (cells[d].jobs == 0)
      return sum;
    if (level + 1 == levels) {
      constexpr auto width = uint64_t{1} << bucket_bits;
      auto offset = bits & (width - 1);
      auto share = static_cast<double>(offset) / static_cast<double>(width);
      sum.jobs += (cells[d].jobs * offset) >> bucket_bits;
      sum.work_us +=
        static_cast<int64_t>(static_cast<double>(cells[d].work_us) * share);
    }
    at = cells[d].child;
  }
  return sum;
}

size_t key_histogram::memory_bytes() const noexcept {
  return nodes_.capacity() * sizeof(node) + free_.capacity() * sizeof(uint32_t);
}

} // namespace troupe::runtime

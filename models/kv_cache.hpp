// Keys and values of every slot, allocated once. Positions of one head lie one
// after another, so that attention reads memory in order.
//
//   [layer][slot][kv head][position][head size], keys and values apart
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::models {

struct kv_shape {
  size_t layers = 0;
  size_t slots = 0;
  size_t heads = 0;
  size_t positions = 0;
  size_t head_size = 0;
};

class kv_cache {
public:
  explicit kv_cache(const kv_shape& shape)
    : shape_(shape), keys_(shape.layers * shape.slots * shape.heads
                           * shape.positions * shape.head_size),
      values_(keys_.size()) {}

  /// The first position of a head; all following are behind it.
  float* keys(size_t layer, size_t slot, size_t head) noexcept {
    return keys_.data() + offset(layer, slot, head);
  }
  float* values(size_t layer, size_t slot, size_t head) noexcept {
    return values_.data() + offset(layer, slot, head);
  }
  uint64_t bytes() const noexcept { return 2 * keys_.size() * sizeof(float); }

private:
  size_t offset(size_t layer, size_t slot, size_t head) const noexcept {
    return ((layer * shape_.slots + slot) * shape_.heads + head)
           * shape_.positions * shape_.head_size;
  }

  kv_shape shape_;
  std::vector<float> keys_;
  std::vector<float> values_;
};

} // namespace troupe::models

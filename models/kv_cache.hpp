// Keys and values of every slot, allocated once. Positions of one head lie one
// after another, so that attention reads memory in order.
//
//   [layer][slot][kv head][position][head size], keys and values apart
#pragma once

#include <algorithm>
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

  /// The first `positions` of a slot, to put back into any slot.
  std::vector<float> save(size_t slot, size_t positions) {
    std::vector<float> image;
    image.reserve(2 * shape_.layers * shape_.heads * positions
                  * shape_.head_size);
    each_head(slot, [&](float* from) {
      image.insert(image.end(), from, from + positions * shape_.head_size);
    });
    return image;
  }
  void restore(size_t slot, const std::vector<float>& image) noexcept {
    auto part = image.size() / (2 * shape_.layers * shape_.heads);
    const auto* from = image.data();
    each_head(slot, [&](float* to) {
      std::copy(from, from + part, to);
      from += part;
    });
  }

private:
  template <class Visit>
  void each_head(size_t slot, Visit visit) {
    for (size_t layer = 0; layer < shape_.layers; ++layer)
      for (size_t head = 0; head < shape_.heads; ++head) {
        visit(keys(layer, slot, head));
        visit(values(layer, slot, head));
      }
  }
  size_t offset(size_t layer, size_t slot, size_t head) const noexcept {
    return ((layer * shape_.slots + slot) * shape_.heads + head)
           * shape_.positions * shape_.head_size;
  }

  kv_shape shape_;
  std::vector<float> keys_;
  std::vector<float> values_;
};

} // namespace troupe::models

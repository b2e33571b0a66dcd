// Finds a queued job's slot by id: open addressing over slot numbers, 4 bytes a
// cell at a load of at most 1/2. Ids are kept by the caller, not twice.
#pragma once

#include "runtime/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::runtime {

/// `IdOf` is `const job_id& (uint32_t slot)`, passed to each call.
class slot_index {
public:
  static constexpr uint32_t none = UINT32_MAX;

  template <class IdOf>
  uint32_t find(const job_id& id, const IdOf& id_of) const {
    if (cells_.empty())
      return none;
    for (auto i = home(id);; i = (i + 1) & mask())
      if (cells_[i] == none || id_of(cells_[i]) == id)
        return cells_[i];
  }

  /// `id` must not be in the index.
  template <class IdOf>
  void insert(const job_id& id, uint32_t slot, const IdOf& id_of) {
    if ((size_ + 1) * 2 > cells_.size())
      grow(id_of);
    place(id, slot);
    ++size_;
  }

  /// Removes by shifting the run behind it back: no tombstones.
  template <class IdOf>
  void erase(const job_id& id, const IdOf& id_of) {
    if (cells_.empty())
      return;
    auto hole = home(id);
    while (cells_[hole] != none && !(id_of(cells_[hole]) == id))
      hole = (hole + 1) & mask();
    if (cells_[hole] == none)
      return;
    for (auto i = (hole + 1) & mask(); cells_[i] != none;
         i = (i + 1) & mask()) {
      auto wanted = home(id_of(cells_[i]));
      if (((i - wanted) & mask()) >= ((i - hole) & mask())) {
        cells_[hole] = cells_[i];
        hole = i;
      }
    }
    cells_[hole] = none;
    --size_;
  }

  size_t size() const noexcept { return size_; }
  size_t memory_bytes() const noexcept {
    return cells_.capacity() * sizeof(uint32_t);
  }

private:
  size_t mask() const noexcept { return cells_.size() - 1; }
  size_t home(const job_id& id) const noexcept {
    // Ids are random in the low half; the product guards against those that
    // are not (tests, imports).
    return ((id.low() ^ id.high()) * 0x9E3779B97F4A7C15u >> 20) & mask();
  }
  void place(const job_id& id, uint32_t slot) {
    auto i = home(id);
    while (cells_[i] != none)
      i = (i + 1) & mask();
    cells_[i] = slot;
  }
  template <class IdOf>
  void grow(const IdOf& id_of) {
    std::vector<uint32_t> old(cells_.empty() ? 16 : cells_.size() * 2, none);
    old.swap(cells_);
    for (auto slot : old)
      if (slot != none)
        place(id_of(slot), slot);
  }

  std::vector<uint32_t> cells_;
  size_t size_ = 0;
};

} // namespace troupe::runtime

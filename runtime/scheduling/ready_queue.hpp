// The jobs of one shard that wait for a slot: one heap per (model, tenant),
// smallest key first, ties by job id. Knows nothing of what a key means, of
// leases or of time.
//
//   queue (model, tenant)   4-ary heap of {key, slot}, 16 bytes each
//          |
//   slab                    one entry per node, reused
//          ^
//   index                   job id -> slot, waiting jobs only
//
// Removing leaves a tombstone: node and entry stay, so that ties keep comparing
// alike, until the node surfaces or the heap, half tombstones, is rebuilt.
#pragma once

#include "runtime/ids.hpp"
#include "runtime/scheduling/key_histogram.hpp"
#include "runtime/scheduling/slot_index.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

/// One waiting job as the dispatcher sees it. `tenant` lives as long as the
/// queue.
struct queue_head {
  job_id id;
  int64_t key = 0;
  std::string_view tenant;
  int64_t work_us = 0; ///< As pushed.
};

/// Not thread-safe: owned by a shard. Bounded by its owner's admission; up to
/// 2^32 - 1 jobs.
class ready_queue {
public:
  /// O(log n). False if the job waits already (nothing changes). `work_us`:
  /// predicted work, >= 0.
  bool push(std::string_view model, std::string_view tenant, int64_t key,
            const job_id& id, int64_t work_us = 0);

  /// Takes a job out, because it was leased, cancelled or expired. O(1) for a
  /// job in the middle, O(log n) for a head, amortised. False if it does not wait here.
  bool remove(const job_id& id);

  bool contains(const job_id& id) const;

  /// The first job of a model over all tenants, O(tenants of the model).
  std::optional<queue_head> head(std::string_view model) const;
  /// The first `n` jobs of a model in order, O(tenants + n log n).
  std::vector<queue_head> heads(std::string_view model, size_t n) const;
  /// The first `n` jobs of one tenant, O(n log n).
  std::vector<queue_head> heads(std::string_view model, std::string_view tenant,
                                size_t n) const;
  /// head, then remove.
  std::optional<queue_head> pop(std::string_view model);

  /// What waits before a job in its model's order.
  struct place {
    uint64_t jobs_ahead = 0;
    int64_t work_ahead_us = 0;
    bool exact = false; ///< Else interpolated within 4.2 s of key.
  };
  /// Exact while the model has at most `exact_places_max` nodes (one scan), else
  /// estimated in O(1). Nothing if the job does not wait here.
  std::optional<place> position(const job_id& id) const;
  static constexpr size_t exact_places_max = 1024;

  size_t size() const noexcept { return index_.size(); }
  size_t size(std::string_view model) const;
  size_t size(std::string_view model, std::string_view tenant) const;
  int64_t work_us(std::string_view model) const;
  int64_t work_us(std::string_view model, std::string_view tenant) const;
  /// What waits for the model with a key before this one, to 4.2 s. O(1).
  key_histogram::totals below(std::string_view model, int64_t key) const;
  /// An empty one for a model that never had a job.
  const key_histogram& histogram(std::string_view model) const;

  /// Models that have ever had a job, in the order of their names.
  std::vector<std::string_view> models() const;
  /// Tenants of the model that have ever had a job, likewise.
  std::vector<std::string_view> tenants(std::string_view model) const;

  /// Bytes held, slack included.
  size_t memory_bytes() const noexcept;

private:
  struct heap_node {
    int64_t key;
    uint32_t slot;
  };
  static_assert(sizeof(heap_node) == 16);

  struct entry {
    job_id id;
    int64_t key = 0;
    int64_t work_us = 0;
    uint32_t queue = 0;
    bool waits = false; ///< Else a tombstone, or free.
  };

  struct tenant_queue {
    std::string tenant;
    uint32_t model = 0;
    size_t live = 0;
    int64_t work_us = 0;
    std::vector<heap_node> heap; ///< The root is never a tombstone.
  };

  struct model_queues {
    std::map<std::string, uint32_t, std::less<>> by_tenant;
    std::vector<uint32_t> queues; ///< Indices into queues_.
    key_histogram histogram;
    size_t nodes = 0; ///< In all heaps, tombstones included.
  };

  const job_id& id_of(uint32_t slot) const { return slab_[slot].id; }
  bool waits(const heap_node& n) const { return slab_[n.slot].waits; }
  bool before(const heap_node& a, const heap_node& b) const;
  uint32_t find(const job_id& id) const;
  const model_queues* find_model(std::string_view model) const;
  uint32_t queue_for(std::string_view model, std::string_view tenant);
  uint32_t take_slot();
  void free_node(tenant_queue& q, const heap_node& n);
  void sift_up(std::vector<heap_node>& heap, size_t i) const;
  void sift_down(std::vector<heap_node>& heap, size_t i) const;
  void drop_root(tenant_queue& q);
  void trim(tenant_queue& q);
  queue_head head_of(const heap_node& n) const;
  std::vector<queue_head> first_of(const std::vector<uint32_t>& queues,
                                   size_t n) const;
  place count_before(const model_queues& m, const heap_node& mine) const;

  std::deque<entry> slab_;
  std::vector<uint32_t> free_;
  slot_index index_;
  std::map<std::string, uint32_t, std::less<>> model_names_;
  std::deque<model_queues> models_;
  std::deque<tenant_queue> queues_;
};

} // namespace troupe::runtime

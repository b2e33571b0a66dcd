#include "runtime/scheduling/ready_queue.hpp"

#include "runtime/result.hpp"

#include <algorithm>
#include <queue>
#include <utility>

namespace troupe::runtime {
namespace {

constexpr size_t arity = 4;
constexpr size_t trim_nodes_min = 64;
constexpr size_t idle_heap_capacity_max = 1024;

} // namespace

// --- changes ----------------------------------------------------------------

bool ready_queue::push(std::string_view model, std::string_view tenant,
                       int64_t key, const job_id& id, int64_t work_us) {
  if (find(id) != slot_index::none)
    return false;
  auto queue = queue_for(model, tenant);
  auto slot = take_slot();
  slab_[slot] = {
    .id = id, .key = key, .work_us = work_us, .queue = queue, .waits = true};
  index_.insert(
    id, slot, [this](uint32_t s) -> auto& { return id_of(s); });
  auto& q = queues_[queue];
  q.heap.push_back({.key = key, .slot = slot});
  sift_up(q.heap, q.heap.size() - 1);
  ++q.live;
  q.work_us += work_us;
  auto& m = models_[q.model];
  ++m.nodes;
  m.histogram.add(key, work_us);
  return true;
}

bool ready_queue::remove(const job_id& id) {
  auto slot = find(id);
  if (slot == slot_index::none)
    return false;
  index_.erase(
    id, [this](uint32_t s) -> auto& { return id_of(s); });
  auto& e = slab_[slot];
  auto& q = queues_[e.queue];
  e.waits = false;
  --q.live;
  q.work_us -= e.work_us;
  models_[q.model].histogram.remove(e.key, e.work_us);
  while (!q.heap.empty() && !waits(q.heap.front()))
    drop_root(q);
  trim(q);
  return true;
}

std::optional<queue_head> ready_queue::pop(std::string_view model) {
  auto first = head(model);
  if (first)
    remove(first->id);
  return first;
}

// --- queries ----------------------------------------------------------------

bool ready_queue::contains(const job_id& id) const {
  return find(id) != slot_index::none;
}

std::optional<queue_head> ready_queue::head(std::string_view model) const {
  const auto* m = find_model(model);
  if (m == nullptr)
    return std::nullopt;
  const heap_node* best = nullptr;
  for (auto queue : m->queues) {
    const auto& heap = queues_[queue].heap;
    if (!heap.empty() && (best == nullptr || before(heap.front(), *best)))
      best = &heap.front();
  }
  if (best == nullptr)
    return std::nullopt;
  return head_of(*best);
}

std::vector<queue_head> ready_queue::heads(std::string_view model,
                                           size_t n) const {
  const auto* m = find_model(model);
  return m == nullptr ? std::vector<queue_head>{} : first_of(m->queues, n);
}

std::vector<queue_head> ready_queue::heads(std::string_view model,
                                           std::string_view tenant,
                                           size_t n) const {
  const auto* m = find_model(model);
  if (m == nullptr)
    return {};
  auto it = m->by_tenant.find(tenant);
  if (it == m->by_tenant.end())
    return {};
  return first_of({it->second}, n);
}

std::optional<ready_queue::place>
ready_queue::position(const job_id& id) const {
  auto slot = find(id);
  if (slot == slot_index::none)
    return std::nullopt;
  const auto& e = slab_[slot];
  const auto& m = models_[queues_[e.queue].model];
  if (m.nodes <= exact_places_max)
    return count_before(m, {.key = e.key, .slot = slot});
  auto before_it = m.histogram.below(e.key);
  return place{.jobs_ahead = before_it.jobs,
               .work_ahead_us = before_it.work_us,
               .exact = false};
}

size_t ready_queue::size(std::string_view model) const {
  const auto* m = find_model(model);
  return m == nullptr ? 0 : m->histogram.all().jobs;
}

size_t ready_queue::size(std::string_view model,
                         std::string_view tenant) const {
  const auto* m = find_model(model);
  if (m == nullptr)
    return 0;
  auto it = m->by_tenant.find(tenant);
  return it == m->by_tenant.end() ? 0 : queues_[it->second].live;
}

int64_t ready_queue::work_us(std::string_view model) const {
  const auto* m = find_model(model);
  return m == nullptr ? 0 : m->histogram.all().work_us;
}

int64_t ready_queue::work_us(std::string_view model,
                             std::string_view tenant) const {
  const auto* m = find_model(model);
  if (m == nullptr)
    return 0;
  auto it = m->by_tenant.find(tenant);
  return it == m->by_tenant.end() ? 0 : queues_[it->second].work_us;
}

const key_histogram& ready_queue::histogram(std::string_view model) const {
  static const key_histogram none;
  const auto* m = find_model(model);
  return m == nullptr ? none : m->histogram;
}

key_histogram::totals ready_queue::below(std::string_view model,
                                         int64_t key) const {
  const auto* m = find_model(model);
  return m == nullptr ? key_histogram::totals{} : m->histogram.below(key);
}

std::vector<std::string_view> ready_queue::models() const {
  std::vector<std::string_view> names;
  for (const auto& [name, index] : model_names_)
    names.push_back(name);
  return names;
}

std::vector<std::string_view>
ready_queue::tenants(std::string_view model) const {
  std::vector<std::string_view> names;
  if (const auto* m = find_model(model); m != nullptr)
    for (const auto& [name, index] : m->by_tenant)
      names.push_back(name);
  return names;
}

size_t ready_queue::memory_bytes() const noexcept {
  auto bytes = slab_.size() * sizeof(entry)
               + free_.capacity() * sizeof(uint32_t) + index_.memory_bytes();
  for (const auto& q : queues_)
    bytes += sizeof(q) + q.heap.capacity() * sizeof(heap_node);
  for (const auto& m : models_)
    bytes += sizeof(m) + m.histogram.memory_bytes();
  return bytes;
}

// --- heaps ------------------------------------------------------------------

bool ready_queue::before(const heap_node& a, const heap_node& b) const {
  return a.key != b.key ? a.key < b.key : id_of(a.slot) < id_of(b.slot);
}

void ready_queue::sift_up(std::vector<heap_node>& heap, size_t i) const {
  auto moving = heap[i];
  while (i > 0) {
    auto parent = (i - 1) / arity;
    if (!before(moving, heap[parent]))
      break;
    heap[i] = heap[parent];
    i = parent;
  }
  heap[i] = moving;
}

void ready_queue::sift_down(std::vector<heap_node>& heap, size_t i) const {
  auto moving = heap[i];
  for (;;) {
    auto first = i * arity + 1;
    if (first >= heap.size())
      break;
    auto least = first;
    auto end = std::min(first + arity, heap.size());
    for (auto child = first + 1; child < end; ++child)
      if (before(heap[child], heap[least]))
        least = child;
    if (!before(heap[least], moving))
      break;
    heap[i] = heap[least];
    i = least;
  }
  heap[i] = moving;
}

void ready_queue::drop_root(tenant_queue& q) {
  free_node(q, q.heap.front());
  q.heap.front() = q.heap.back();
  q.heap.pop_back();
  if (!q.heap.empty())
    sift_down(q.heap, 0);
}

void ready_queue::trim(tenant_queue& q) {
  auto& heap = q.heap;
  if (heap.empty() && heap.capacity() > idle_heap_capacity_max)
    std::vector<heap_node>{}.swap(heap);
  if (heap.size() < trim_nodes_min || q.live * 2 > heap.size())
    return;
  auto kept = std::partition(heap.begin(), heap.end(),
                             [this](const heap_node& n) { return waits(n); });
  for (auto it = kept; it != heap.end(); ++it)
    free_node(q, *it);
  heap.erase(kept, heap.end());
  for (auto i = heap.size() / arity + 1; i-- > 0;)
    if (i < heap.size())
      sift_down(heap, i);
}

void ready_queue::free_node(tenant_queue& q, const heap_node& n) {
  free_.push_back(n.slot);
  --models_[q.model].nodes;
}

uint32_t ready_queue::take_slot() {
  if (free_.empty()) {
    TROUPE_ASSERT(slab_.size() < slot_index::none);
    slab_.emplace_back();
    return static_cast<uint32_t>(slab_.size() - 1);
  }
  auto slot = free_.back();
  free_.pop_back();
  return slot;
}

// --- names ------------------------------------------------------------------

uint32_t ready_queue::find(const job_id& id) const {
  return index_.find(
    id, [this](uint32_t s) -> auto& { return id_of(s); });
}

const ready_queue::model_queues*
ready_queue::find_model(std::string_view model) const {
  auto it = model_names_.find(model);
  return it == model_names_.end() ? nullptr : &models_[it->second];
}

uint32_t ready_queue::queue_for(std::string_view model,
                                std::string_view tenant) {
  auto named = model_names_.find(model);
  if (named == model_names_.end()) {
    auto index = static_cast<uint32_t>(models_.size());
    named = model_names_.emplace(model, index).first;
    models_.emplace_back();
  }
  auto& m = models_[named->second];
  if (auto it = m.by_tenant.find(tenant); it != m.by_tenant.end())
    return it->second;
  auto index = static_cast<uint32_t>(queues_.size());
  auto& q = queues_.emplace_back();
  q.tenant = tenant;
  q.model = named->second;
  m.by_tenant.emplace(tenant, index);
  m.queues.push_back(index);
  return index;
}

// --- reading in order -------------------------------------------------------

queue_head ready_queue::head_of(const heap_node& n) const {
  const auto& e = slab_[n.slot];
  return {.id = e.id,
          .key = e.key,
          .tenant = queues_[e.queue].tenant,
          .work_us = e.work_us};
}

// Best first over the heaps' trees: a node is looked at only after its parent.
std::vector<queue_head>
ready_queue::first_of(const std::vector<uint32_t>& queues, size_t n) const {
  struct candidate {
    heap_node node;
    uint32_t queue;
    size_t at;
  };
  auto later = [this](const candidate& a, const candidate& b) {
    return before(b.node, a.node);
  };
  std::priority_queue<candidate, std::vector<candidate>, decltype(later)> open{
    later};
  for (auto queue : queues)
    if (const auto& heap = queues_[queue].heap; !heap.empty())
      open.push({heap.front(), queue, 0});
  std::vector<queue_head> found;
  while (found.size() < n && !open.empty()) {
    auto [node, queue, at] = open.top();
    open.pop();
    if (waits(node))
      found.push_back(head_of(node));
    const auto& heap = queues_[queue].heap;
    auto end = std::min((at + 1) * arity + 1, heap.size());
    for (auto child = at * arity + 1; child < end; ++child)
      open.push({heap[child], queue, child});
  }
  return found;
}

ready_queue::place ready_queue::count_before(const model_queues& m,
                                             const heap_node& mine) const {
  place p{.exact = true};
  for (auto queue : m.queues)
    for (const auto& n : queues_[queue].heap)
      if (waits(n) && before(n, mine)) {
        ++p.jobs_ahead;
        p.work_ahead_us += slab_[n.slot].work_us;
      }
  return p;
}

} // namespace troupe::runtime

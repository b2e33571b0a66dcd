#include "runtime/storage/tiered_store.hpp"

#include <algorithm>

namespace troupe::runtime {

result<uint64_t> tiered_store::acquire(shard_id shard,
                                       const std::string& node) {
  auto epoch = disk_.acquire(shard, node);
  if (epoch)
    quick_.adopt(shard, node, *epoch);
  return epoch;
}

result<shard_summary> tiered_store::load(shard_id shard,
                                         const load_visitor& visitor) {
  auto summary = disk_.load(shard, visitor);
  if (!summary)
    return summary;
  auto more = quick_.load(shard, visitor);
  if (!more)
    return more;
  summary->live_jobs += more->live_jobs;
  return summary;
}

result<job_record> tiered_store::record(job_id id) const {
  return quick_.contains(id) ? quick_.record(id) : disk_.record(id);
}

result<job_spec> tiered_store::spec(job_id id) const {
  return quick_.contains(id) ? quick_.spec(id) : disk_.spec(id);
}

result<job_output> tiered_store::output(job_id id) const {
  return quick_.contains(id) ? quick_.output(id) : disk_.output(id);
}

result<std::vector<event>> tiered_store::events(job_id id, uint64_t from_seq,
                                                size_t limit) const {
  return quick_.contains(id) ? quick_.events(id, from_seq, limit)
                             : disk_.events(id, from_seq, limit);
}

result<job_page> tiered_store::list(const job_query& query) const {
  auto page = disk_.list(query);
  if (!page)
    return page;
  auto quick = quick_.list(query);
  if (!quick)
    return quick;
  // Beyond where either scan stopped nothing may be shown: the other may still
  // have rows before it.
  std::erase_if(quick->records,
                [](const job_record& r) { return is_terminal(r.status); });
  auto before = [&](const job_record& a, const job_record& b) {
    return query.descending ? b.id < a.id : a.id < b.id;
  };
  auto beyond = [&](const std::optional<job_id>& end) {
    return [&, end](const job_record& r) {
      return end && (query.descending ? r.id < *end : *end < r.id);
    };
  };
  auto end_of = [](const job_page& p) -> std::optional<job_id> {
    if (p.scanned_to)
      return p.scanned_to;
    if (p.has_more && !p.records.empty())
      return p.records.back().id;
    return std::nullopt;
  };
  auto disk_end = end_of(*page);
  auto quick_end = end_of(*quick);
  job_page both{.has_more = page->has_more || quick->has_more};
  std::erase_if(page->records, beyond(quick_end));
  std::erase_if(quick->records, beyond(disk_end));
  std::merge(page->records.begin(), page->records.end(), quick->records.begin(),
             quick->records.end(), std::back_inserter(both.records), before);
  if (both.records.size() > query.limit) {
    both.records.resize(query.limit);
    both.has_more = true;
  } else if (page->scanned_to || quick->scanned_to) {
    both.scanned_to = disk_end && quick_end
                        ? (query.descending ? std::max(*disk_end, *quick_end)
                                            : std::min(*disk_end, *quick_end))
                      : disk_end ? disk_end
                                 : quick_end;
  }
  return both;
}

} // namespace troupe::runtime

#include "runtime/storage/job_scan.hpp"

#include <algorithm>
#include <limits>

namespace troupe::runtime {
namespace {

constexpr uint64_t all_bits = std::numeric_limits<uint64_t>::max();

template <class T>
bool any_of(const std::vector<T>& wanted, const T& value) {
  return wanted.empty()
         || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

/// The id's time field (54 bits) for `at`, which is after 1970.
uint64_t time_bits(wall_time at) noexcept {
  constexpr uint64_t latest = (uint64_t{1} << 54) - 1;
  return std::min(static_cast<uint64_t>(to_us(at)), latest) << 10;
}

/// The next id in one direction; the outermost id is its own neighbour.
job_id successor(job_id id) noexcept {
  if (id.low() != all_bits)
    return {id.high(), id.low() + 1};
  return id.high() == all_bits ? id : job_id{id.high() + 1, 0};
}
job_id predecessor(job_id id) noexcept {
  if (id.low() != 0)
    return {id.high(), id.low() - 1};
  return id.high() == 0 ? id : job_id{id.high() - 1, all_bits};
}

/// Bytes of input that had to be read for it.
size_t bytes_of(const job_spec& spec) {
  auto bytes = spec.text.size();
  for (const auto& x : spec.messages)
    bytes += x.content.size();
  return bytes;
}

} // namespace

bool matches(const job_filter& filter, const job_record& record) {
  const auto created = record.id.created_at();
  return (filter.all_tenants || filter.tenant == record.tenant)
         && any_of(filter.statuses, record.status)
         && any_of(filter.models, record.model)
         && any_of(filter.classes, record.job_class)
         && any_of(filter.tasks, record.task)
         && any_of(filter.tiers, record.tier)
         && (!filter.dead_letter || *filter.dead_letter == record.dead_letter)
         && (filter.created_after == wall_time{}
             || created > filter.created_after)
         && (filter.created_before == wall_time{}
             || created < filter.created_before)
         && any_of(filter.letter_states, record.letter)
         && any_of(filter.letter_reasons, letter_reason_of(record))
         && (filter.died_after == wall_time{}
             || record.finished_at > filter.died_after)
         && (filter.died_before == wall_time{}
             || record.finished_at < filter.died_before);
}

bool metadata_matches(const job_filter& filter, const job_spec& spec) {
  return std::all_of(filter.metadata.begin(), filter.metadata.end(),
                     [&](const auto& wanted) {
                       const auto found = spec.metadata.find(wanted.first);
                       return found != spec.metadata.end()
                              && any_of(wanted.second, found->second);
                     });
}

result<void> check(const job_query& query) {
  if (query.limit < 1 || query.limit > 100)
    return fail(errc::invalid_argument, "list: limit is not within 1..100");
  if (query.filter.tenant.empty() && !query.filter.all_tenants)
    return fail(errc::invalid_argument, "list: no tenant");
  return {};
}

id_range range_of(const job_query& query) noexcept {
  id_range range{{0, 0}, {all_bits, all_bits}};
  const auto& filter = query.filter;
  if (filter.created_after > wall_time{})
    range.lowest = {time_bits(filter.created_after + duration{1}), 0};
  if (filter.created_before > wall_time{})
    range.highest = predecessor({time_bits(filter.created_before), 0});
  if (query.after) {
    // At the outermost id nothing is left: an empty range.
    if (query.descending) {
      if (*query.after == job_id{0, 0})
        return {{0, 1}, {0, 0}};
      range.highest = std::min(range.highest, predecessor(*query.after));
    } else {
      if (*query.after == job_id{all_bits, all_bits})
        return {{0, 1}, {0, 0}};
      range.lowest = std::max(range.lowest, successor(*query.after));
    }
  }
  return range;
}

result<bool> job_scan::passes(const job_record& record) {
  if (!matches(query_.filter, record))
    return false;
  if (query_.filter.metadata.empty())
    return true;
  ++specs_;
  const auto spec = spec_of_(record.id);
  if (!spec) {
    if (spec.error().code == errc::not_found)
      return false;
    return spec.error();
  }
  spec_bytes_ += bytes_of(*spec);
  return metadata_matches(query_.filter, *spec);
}

result<void> job_scan::offer(job_record&& record) {
  ++rows_;
  last_ = record.id;
  const auto fits = passes(record);
  if (!fits)
    return fits.error();
  if (!*fits)
    return {};
  if (page_.records.size() == query_.limit) {
    full_ = true; // The one that proves that there are more.
    page_.has_more = true;
    return {};
  }
  page_.records.push_back(std::move(record));
  return {};
}

job_page job_scan::finish(bool rows_left) && {
  if (!full_ && rows_left) {
    page_.has_more = true; // Not known; the next call finds out.
    if (page_.records.size() < query_.limit)
      page_.scanned_to = last_;
  }
  return std::move(page_);
}

} // namespace troupe::runtime

// How a list of jobs is put together from rows that come in order of id: the
// same for every store.
#pragma once

#include "runtime/storage/store.hpp"

#include <functional>

namespace troupe::runtime {

/// Does `record` pass all but `metadata`? Creation time is the one in the id.
bool matches(const job_filter& filter, const job_record& record);
/// Does `spec` pass `metadata`?
bool metadata_matches(const job_filter& filter, const job_spec& spec);

/// `invalid_argument` for a limit outside of 1..100 or a missing tenant.
result<void> check(const job_query& query);

/// Ids outside of [lowest, highest] cannot match; both inclusive. Tells a store
/// where to start and stop.
struct id_range {
  job_id lowest;
  job_id highest;
  bool empty() const noexcept { return lowest > highest; }
};
id_range range_of(const job_query& query) noexcept;

/// Feed it rows in the query's order until it has enough.
class job_scan {
public:
  static constexpr size_t rows_max = 10'000;
  static constexpr size_t specs_max = 1'000;
  static constexpr size_t spec_bytes_max = 16u << 20; ///< Of their input.

  /// `not_found`: retired.
  using spec_lookup = std::function<result<job_spec>(job_id)>;

  /// `spec_of` is asked only for rows that pass everything but `metadata`.
  job_scan(const job_query& query, spec_lookup spec_of)
    : query_{query}, spec_of_{std::move(spec_of)} {}

  /// May another row be read? False: the page is complete, or a bound reached.
  bool wants_row() const noexcept {
    return !full_ && rows_ < rows_max && specs_ < specs_max
           && spec_bytes_ < spec_bytes_max;
  }
  /// Fails when a specification cannot be read.
  result<void> offer(job_record&& record);
  /// `rows_left`: the source has rows beyond those offered.
  job_page finish(bool rows_left) &&;

private:
  result<bool> passes(const job_record& record);

  const job_query& query_;
  spec_lookup spec_of_;
  job_page page_;
  job_id last_;
  size_t rows_ = 0;
  size_t specs_ = 0;
  size_t spec_bytes_ = 0;
  bool full_ = false;
};

} // namespace troupe::runtime

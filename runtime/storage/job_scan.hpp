// How a list of jobs is put together from rows that come in order of id: the
// same for every store.
#pragma once

#include "runtime/storage/store.hpp"

namespace troupe::runtime {

/// Does `record` pass? Creation time is the one in the id.
bool matches(const job_filter& filter, const job_record& record);

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

  explicit job_scan(const job_query& query) : query_{query} {}

  /// May another row be read? False: the page is complete.
  bool wants_row() const noexcept { return !full_ && rows_ < rows_max; }
  void offer(job_record&& record);
  /// `rows_left`: the source has rows beyond those offered.
  job_page finish(bool rows_left) &&;

private:
  const job_query& query_;
  job_page page_;
  job_id last_;
  size_t rows_ = 0;
  bool full_ = false;
};

} // namespace troupe::runtime

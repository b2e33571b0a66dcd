// Fairness between the tenants of one model: each has a virtual clock that runs
// with the work done for it per share, and none may be served while its clock is
// more than a slack ahead of the slowest that waits. Among the others the order
// of the queue decides. After Sheng et al., "Fairness in Serving Large Language
// Models" (VTC), arXiv 2401.00588.
//
//   offer ---> active (by clock) ---> eligible (by head) ---> pick
//                                 \-> throttled (by clock)
#pragma once

#include "runtime/ids.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

/// Where a waiting job stands against all others; the least goes first.
struct head_rank {
  bool on_time = true; ///< False: overdue, before all that are not.
  uint8_t tier = 0;    ///< Of overdue ones only; 0 = the highest.
  int64_t key = 0;
  job_id id;
  friend auto operator<=>(const head_rank&, const head_rank&) = default;
};

/// Where the tenant stood at the gate when the job was picked.
struct gate_reading {
  double clock = 0;
  double least = 0; ///< Of those that wait.
  double slack = 0; ///< U.
  friend bool operator==(const gate_reading&, const gate_reading&) = default;
};

class tenant_gate {
public:
  using tenant_index = uint32_t;

  /// `slack_jobs` > 0: how many jobs of average size a tenant may be ahead.
  explicit tenant_gate(double slack_jobs) : slack_jobs_{slack_jobs} {}

  /// `share` > 0, else 1; remembered from the first call with this name. O(log n).
  tenant_index intern(std::string_view tenant, double share = 1);
  const std::string& name(tenant_index t) const { return tenants_[t].name; }

  /// The tenant's first waiting job is this now. A tenant that had none starts
  /// level with the slowest that waits.
  void offer(tenant_index t, const head_rank& head);
  /// Nothing of the tenant can be served now.
  void withdraw(tenant_index t);

  /// The eligible tenant with the least head; nothing only if nobody waits.
  /// O(log n), amortised.
  std::optional<tenant_index> pick();

  /// A job of that predicted work (seconds, >= 0) starts.
  void charge(tenant_index t, double work_s);
  /// The real work turned out to differ from what was charged.
  void correct(tenant_index t, double difference_s);

  double clock(tenant_index t) const { return tenants_[t].clock; }
  bool waits(tenant_index t) const { return tenants_[t].head.has_value(); }
  /// U: clocks may differ by it when a job starts.
  double slack() const noexcept { return slack_jobs_ * mean_work_s_; }
  /// Largest minus smallest clock of those that wait.
  double gap() const;
  /// Tenants that wait.
  size_t waiting() const noexcept { return active_.size(); }
  size_t throttled() const noexcept { return throttled_.size(); }
  /// The least clock of those that wait, or of when somebody last waited.
  double least() const { return slowest(); }
  /// Where the tenant stands now.
  gate_reading reading(tenant_index t) const {
    return {.clock = clock(t), .least = slowest(), .slack = slack()};
  }
  /// The first head that may be served; nothing when nobody is eligible.
  std::optional<head_rank> first() const {
    if (eligible_.empty())
      return std::nullopt;
    return eligible_.begin()->first;
  }
  /// At most `most` of those that are too far ahead, the least ahead first.
  std::vector<tenant_index> throttled_list(size_t most) const;
  size_t size() const noexcept { return tenants_.size(); }

private:
  struct tenant {
    std::string name;
    double share = 1;
    double clock = 0;
    std::optional<head_rank> head;
    bool throttled = false;
  };
  using by_clock = std::set<std::pair<double, tenant_index>>;
  double slowest() const;
  void unlist(tenant_index t);
  void list(tenant_index t);
  void admit_throttled();

  double slack_jobs_;
  double mean_work_s_ = 0;
  double samples_ = 0;
  double floor_ = 0; ///< The slowest clock when somebody last waited.
  std::vector<tenant> tenants_;
  std::map<std::string, tenant_index, std::less<>> by_name_;
  by_clock active_;
  by_clock throttled_;
  std::set<std::pair<head_rank, tenant_index>> eligible_;
};

} // namespace troupe::runtime

// Every configured tenant of the node, by name. Fixed once traffic starts, so
// that finding one takes no lock.
#pragma once

#include "runtime/overload/tenant_account.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

/// Who names no tenant belongs to this one.
constexpr std::string_view default_tenant = "default";

/// Where the tenant's budget is kept: the same on every node and after every
/// start. `shards` >= 1.
shard_id home_of(std::string_view tenant, uint16_t shards) noexcept;

class tenant_table {
public:
  /// Before anybody reads. Adds `default`, without limits, unless it is there.
  void configure(std::vector<tenant_limits> tenants, uint16_t shards);

  /// True in tests that know no tenants: then nobody is refused.
  bool empty() const noexcept { return accounts_.empty(); }
  /// Null: no such tenant.
  tenant_account* find(std::string_view name) const;
  std::vector<tenant_account*> at_home(shard_id shard) const;
  std::vector<tenant_account*> all() const;
  /// True once per shard: nothing of it can be in the accounts yet.
  bool first_load(shard_id shard);
  /// Sum over all tenants, in cost units.
  double reserved_cost(const moment& now) const;

private:
  std::map<std::string, std::unique_ptr<tenant_account>, std::less<>> accounts_;
  std::vector<std::atomic<bool>> loaded_;
};

} // namespace troupe::runtime

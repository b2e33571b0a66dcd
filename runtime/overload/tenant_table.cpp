#include "runtime/overload/tenant_table.hpp"

namespace troupe::runtime {

shard_id home_of(std::string_view tenant, uint16_t shards) noexcept {
  // FNV-1a, 64 bits: stored data depends on it.
  uint64_t hash = 0xCBF29CE484222325u;
  for (auto c : tenant)
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3u;
  return {static_cast<uint16_t>(hash % shards)};
}

void tenant_table::configure(std::vector<tenant_limits> tenants,
                             uint16_t shards) {
  loaded_ = std::vector<std::atomic<bool>>(shards);
  tenants.push_back({.name = std::string{default_tenant}});
  for (auto& limits : tenants) {
    auto name = limits.name;
    auto home = home_of(name, shards);
    if (!accounts_.contains(name))
      accounts_.emplace(std::move(name), std::make_unique<tenant_account>(
                                           std::move(limits), home));
  }
}

tenant_account* tenant_table::find(std::string_view name) const {
  auto it = accounts_.find(name);
  return it == accounts_.end() ? nullptr : it->second.get();
}

std::vector<tenant_account*> tenant_table::at_home(shard_id shard) const {
  std::vector<tenant_account*> out;
  for (const auto& [name, account] : accounts_)
    if (account->home() == shard)
      out.push_back(account.get());
  return out;
}

std::vector<tenant_account*> tenant_table::all() const {
  std::vector<tenant_account*> out;
  for (const auto& [name, account] : accounts_)
    out.push_back(account.get());
  return out;
}

bool tenant_table::first_load(shard_id shard) {
  return shard.value < loaded_.size() && !loaded_[shard.value].exchange(true);
}

double tenant_table::reserved_cost(const moment& now) const {
  double sum = 0;
  for (const auto& [name, account] : accounts_)
    sum += account->view(now).level.reserved;
  return sum;
}

} // namespace troupe::runtime

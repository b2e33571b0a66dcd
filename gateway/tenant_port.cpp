#include "gateway/tenant_port.hpp"

namespace troupe::gateway {

using runtime::tenant_view;

bool table_tenants::exists(std::string_view name) const {
  return table_.find(name) != nullptr;
}

std::vector<tenant_view> table_tenants::tenants() const {
  std::vector<tenant_view> all;
  for (auto* account : table_.all())
    all.push_back(account->view(now()));
  return all;
}

std::optional<tenant_view> table_tenants::tenant(std::string_view name) const {
  auto* account = table_.find(name);
  if (account == nullptr)
    return std::nullopt;
  return account->view(now());
}

std::optional<tenant_view> table_tenants::limited(std::string_view name) const {
  auto* account = table_.find(name);
  if (account == nullptr || !account->limited())
    return std::nullopt;
  return account->view(now());
}

void table_tenants::set_budget(std::string_view name,
                               const std::optional<budget_order>& order,
                               runtime::sink_ref reply) {
  auto* account = table_.find(name);
  if (account == nullptr)
    return;
  std::optional<runtime::budget_override> given;
  if (order)
    given = {.cost_per_minute = order->cost_per_minute,
             .burst = order->burst,
             .until = clock_.wall() + order->ttl};
  account->set_override(given, reply, now());
}

} // namespace troupe::gateway

// What the gateway asks about tenants: who exists, what their budgets say, and
// an operator's orders. Reading never waits for an actor.
#pragma once

#include "runtime/overload/tenant_table.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::gateway {

/// An override of a tenant's budget, for so long.
struct budget_order {
  double cost_per_minute = 0; ///< > 0, up to 1e9.
  double burst = 0;           ///< Likewise.
  runtime::duration ttl{0};
};

/// Thread-safe.
class tenant_port {
public:
  virtual ~tenant_port() = default;
  virtual bool exists(std::string_view name) const = 0;
  /// In the order of their names.
  virtual std::vector<runtime::tenant_view> tenants() const = 0;
  virtual std::optional<runtime::tenant_view>
  tenant(std::string_view name) const = 0;
  /// Without waiting for anything where there is no limit: nothing then.
  virtual std::optional<runtime::tenant_view>
  limited(std::string_view name) const = 0;
  /// In force at once; `budget_kept` once durable. Nothing: as configured.
  virtual void set_budget(std::string_view name,
                          const std::optional<budget_order>& order,
                          runtime::sink_ref reply) = 0;
};

/// The node's tenants. The table outlives it.
class table_tenants final : public tenant_port {
public:
  table_tenants(runtime::tenant_table& table, const runtime::clock& clock)
    : table_{table}, clock_{clock} {}

  bool exists(std::string_view name) const override;
  std::vector<runtime::tenant_view> tenants() const override;
  std::optional<runtime::tenant_view>
  tenant(std::string_view name) const override;
  std::optional<runtime::tenant_view>
  limited(std::string_view name) const override;
  void set_budget(std::string_view name,
                  const std::optional<budget_order>& order,
                  runtime::sink_ref reply) override;

private:
  runtime::moment now() const { return {clock_.mono(), clock_.wall()}; }

  runtime::tenant_table& table_;
  const runtime::clock& clock_;
};

} // namespace troupe::gateway

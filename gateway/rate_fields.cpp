#include "gateway/rate_fields.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::gateway {
namespace {

std::string whole(double x) {
  return std::to_string(
    static_cast<uint64_t>(std::clamp(std::ceil(x), 0.0, 1e15)));
}

} // namespace

std::string rate_fields(const runtime::tenant_view& tenant, uint64_t wait_s) {
  if (!tenant.level.limited)
    return {};
  const auto& budget = tenant.budget;
  const auto full_in = static_cast<uint64_t>(
    std::ceil(std::chrono::duration<double>(tenant.level.full_in).count()));
  const auto reset = wait_s > 0 ? std::min(wait_s, full_in) : full_in;
  return "RateLimit-Policy: \"cost\";q=" + whole(budget.burst)
         + ";w=" + whole(budget.burst / budget.cost_per_minute * 60)
         + ";qu=\"cost-units\"\r\nRateLimit: \"cost\";r="
         // Never more than there is.
         + whole(std::floor(std::max(0.0, tenant.level.remaining)))
         + ";t=" + std::to_string(reset) + "\r\n";
}

} // namespace troupe::gateway

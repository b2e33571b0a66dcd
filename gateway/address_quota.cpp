#include "gateway/address_quota.hpp"

#include <utility>

namespace troupe::gateway {

address_quota::lease::lease(address_quota* quota, std::string address)
  : quota_{quota}, address_{std::move(address)}, granted_{true} {}

address_quota::lease::lease(lease&& other) noexcept
  : quota_{std::exchange(other.quota_, nullptr)},
    address_{std::move(other.address_)}, granted_{std::exchange(other.granted_,
                                                                false)} {}

address_quota::lease& address_quota::lease::operator=(lease&& other) noexcept {
  std::swap(quota_, other.quota_);
  std::swap(address_, other.address_);
  std::swap(granted_, other.granted_);
  return *this;
}

address_quota::lease::~lease() {
  if (quota_)
    quota_->release(address_);
}

address_quota::lease address_quota::admit(std::string address, size_t limit) {
  const bool granted = counts_.with([&](auto& counts) {
    auto& n = counts[address];
    if (n >= limit)
      return false;
    ++n;
    return true;
  });
  return granted ? lease{this, std::move(address)} : lease{};
}

address_quota::lease address_quota::exempt() {
  return lease{nullptr, {}};
}

void address_quota::release(const std::string& address) {
  counts_.with([&](auto& counts) {
    const auto at = counts.find(address);
    if (at != counts.end() && --at->second == 0)
      counts.erase(at);
  });
}

} // namespace troupe::gateway

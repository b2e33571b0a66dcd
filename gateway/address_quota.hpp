// How many connections each remote address has; refuses those over a limit.
#pragma once

#include "runtime/guarded.hpp"

#include <cstddef>
#include <string>
#include <unordered_map>

namespace troupe::gateway {

/// Thread-safe. Outlives its leases.
class address_quota {
public:
  /// A place held for one connection; gives it back when it dies.
  class lease {
  public:
    lease() = default;
    lease(address_quota* quota, std::string address);
    lease(lease&& other) noexcept;
    lease& operator=(lease&& other) noexcept;
    ~lease();
    /// False: the address is at its limit.
    explicit operator bool() const noexcept { return granted_; }

  private:
    friend class address_quota;
    address_quota* quota_ = nullptr;
    std::string address_;
    bool granted_ = false;
  };

  /// `limit` >= 1.
  lease admit(std::string address, size_t limit);
  /// A granted lease that is not counted.
  static lease exempt();

private:
  void release(const std::string& address);
  runtime::guarded<std::unordered_map<std::string, size_t>> counts_;
};

} // namespace troupe::gateway

// A value that several threads share, reachable only while its lock is held. The
// one place where node-wide tables (directory, catalog, board) are locked.
#pragma once

#include <mutex>
#include <utility>

namespace troupe::runtime {

/// Keep what `f` does short: it runs under the lock.
template <class T>
class guarded {
public:
  guarded() = default;
  explicit guarded(T value) : value_{std::move(value)} {}

  template <class F>
  decltype(auto) with(F&& f) {
    std::lock_guard lock{mutex_};
    return std::forward<F>(f)(value_);
  }
  template <class F>
  decltype(auto) with(F&& f) const {
    std::lock_guard lock{mutex_};
    return std::forward<F>(f)(value_);
  }

private:
  mutable std::mutex mutex_;
  T value_{};
};

} // namespace troupe::runtime

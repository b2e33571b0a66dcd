// The log: one JSON object per line on standard error. Takes a place, a sentence
// that never changes, and fields; so lines can be counted and searched. Never
// job text, never secrets: wrap what must not be seen in `secret`.
//
//   {"ts":"2026-08-21T10:00:05.123Z","level":"warn","area":"journal",
//    "msg":"commit failed","shard":3}
#pragma once

#include "runtime/clock.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace troupe::runtime {

enum class log_level : uint8_t { debug, info, warn, error };

std::string_view to_string(log_level x) noexcept;

/// A value that may be carried but never shown. Prints as `***` everywhere; the
/// text itself comes out of `reveal` alone.
class secret {
public:
  secret() = default;
  explicit secret(std::string text) : text_{std::move(text)} {}
  const std::string& reveal() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }

private:
  std::string text_;
};

/// One `"key":value` of a line. Texts longer than 1,024 bytes are cut, control
/// characters escaped, bytes that are no UTF-8 replaced.
struct log_field {
  std::string_view key;
  std::variant<bool, int64_t, uint64_t, double, std::string> value;

  log_field(std::string_view name, bool x) : key{name}, value{x} {}
  template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
    log_field(std::string_view name, T x)
    : key{name} {
    if constexpr (std::is_signed_v<T>)
      value = static_cast<int64_t>(x);
    else
      value = static_cast<uint64_t>(x);
  }
  log_field(std::string_view name, double x) : key{name}, value{x} {}
  log_field(std::string_view name, std::string x)
    : key{name}, value{std::move(x)} {}
  log_field(std::string_view name, std::string_view x)
    : key{name}, value{std::string{x}} {}
  log_field(std::string_view name, const char* x)
    : key{name}, value{std::string{x}} {}
  log_field(std::string_view name, const secret&)
    : key{name}, value{std::string{"***"}} {}
};
using log_fields = std::initializer_list<log_field>;

/// Thread-safe, as are all below. `area` and `message` are literals.
void log(log_level level, std::string_view area, std::string_view message,
         log_fields fields = {});

inline void log_debug(std::string_view area, std::string_view message,
                      log_fields fields = {}) {
  log(log_level::debug, area, message, fields);
}
inline void log_info(std::string_view area, std::string_view message,
                     log_fields fields = {}) {
  log(log_level::info, area, message, fields);
}
inline void log_warn(std::string_view area, std::string_view message,
                     log_fields fields = {}) {
  log(log_level::warn, area, message, fields);
}
inline void log_error(std::string_view area, std::string_view message,
                      log_fields fields = {}) {
  log(log_level::error, area, message, fields);
}

/// The least level that is written; `info` at start. Takes effect at once.
void set_log_level(log_level least) noexcept;
bool log_enabled(log_level level) noexcept;

/// Where lines go, each without its line feed; an empty function: standard
/// error again. For tests.
void set_log_sink(std::function<void(std::string_view line)> sink);

/// A line as `log` would write it at `at`. Pure.
std::string format_log_line(wall_time at, log_level level,
                            std::string_view area, std::string_view message,
                            log_fields fields);

/// Lets one line per interval through and counts the others: for places that
/// can fail often. One static object per call site. Thread-safe.
class log_limit {
public:
  explicit constexpr log_limit(duration interval = std::chrono::seconds{1})
    : interval_{interval} {}

  struct verdict {
    bool pass = false;
    uint64_t suppressed = 0; ///< Since the last one that passed.
    explicit operator bool() const noexcept { return pass; }
  };
  /// `now` must come from one clock.
  verdict admit(mono_time now = system_clock().mono()) noexcept;

private:
  static constexpr int64_t never = INT64_MIN;
  duration interval_;
  std::atomic<int64_t> last_us_{never};
  std::atomic<uint64_t> suppressed_{0};
};

} // namespace troupe::runtime

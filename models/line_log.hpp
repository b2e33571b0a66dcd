// Turns what a child writes into log lines, bounded in length and number: an
// engine that babbles costs a line, not the log.
#pragma once

#include "runtime/clock.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace troupe::models {

class line_log {
public:
  static constexpr size_t line_bytes_max = 2048; ///< The rest is cut off.
  static constexpr uint32_t lines_max = 100;     ///< In each window.
  static constexpr runtime::duration window = std::chrono::seconds{1};

  /// `write` may be empty.
  explicit line_log(std::function<void(std::string_view)> write)
    : write_{std::move(write)} {}

  void feed(std::string_view bytes, runtime::mono_time now);
  /// Writes an unfinished last line and how many lines were dropped.
  void finish(runtime::mono_time now);

private:
  void end_line(runtime::mono_time now);
  void report_dropped();

  std::function<void(std::string_view)> write_;
  std::string line_;
  runtime::mono_time window_began_ = runtime::mono_time::min();
  uint32_t lines_ = 0;
  uint64_t dropped_ = 0;
};

} // namespace troupe::models

#include "runtime/log.hpp"

#include "runtime/guarded.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cmath>
#include <memory>

namespace troupe::runtime {
namespace {

constexpr size_t text_bytes_max = 1024;
constexpr std::array<std::string_view, 4> level_words{"debug", "info", "warn",
                                                      "error"};

std::atomic<log_level> least_level{log_level::info};

using line_sink = std::function<void(std::string_view)>;

guarded<std::shared_ptr<const line_sink>>& other_sink() {
  static guarded<std::shared_ptr<const line_sink>> sink;
  return sink;
}

/// spdlog brings the locked, unbuffered standard error. Never destroyed: lines
/// may still come from static destructors.
spdlog::logger& stderr_logger() {
  static auto& kept =
    *std::make_unique<std::shared_ptr<spdlog::logger>>([] {
       auto made = std::make_shared<spdlog::logger>(
         "troupe", std::make_shared<spdlog::sinks::stderr_sink_mt>());
       made->set_pattern("%v");
       return made;
     }())
       .release();
  return *kept;
}

/// How many bytes the UTF-8 character at the start of `text` has; 0: none there
/// (RFC 3629: no overlong forms, no surrogates).
size_t utf8_size(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  auto tail = [&](size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  auto first = byte(0);
  if (first < 0x80)
    return 1;
  if (first >= 0xC2 && first <= 0xDF)
    return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    auto low = first == 0xE0 ? 0xA0u : 0x80u;
    auto high = first == 0xED ? 0x9Fu : 0xBFu;
    return tail(1, low, high) && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    auto low = first == 0xF0 ? 0x90u : 0x80u;
    auto high = first == 0xF4 ? 0x8Fu : 0xBFu;
    return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

void append_escape(std::string& out, unsigned code) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u00";
  out += digits[(code >> 4) & 15];
  out += digits[code & 15];
}

void append_text(std::string& out, std::string_view text) {
  out += '"';
  for (size_t i = 0; i < text.size();) {
    if (i >= text_bytes_max) {
      out += "...";
      break;
    }
    auto size = utf8_size(text.substr(i));
    auto first = static_cast<unsigned char>(text[i]);
    if (size == 0)
      out += "\\ufffd";
    else if (first == '"' || first == '\\')
      (out += '\\') += static_cast<char>(first);
    else if (first < 0x20 || first == 0x7F)
      append_escape(out, first);
    else if (first == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0)
      append_escape(out, static_cast<unsigned char>(text[i + 1])); // C1
    else
      out += text.substr(i, size);
    i += size == 0 ? 1 : size;
  }
  out += '"';
}

void append_value(std::string& out, const decltype(log_field::value)& value) {
  if (const auto* text = std::get_if<std::string>(&value))
    append_text(out, *text);
  else if (const auto* flag = std::get_if<bool>(&value))
    out += *flag ? "true" : "false";
  else if (const auto* i = std::get_if<int64_t>(&value))
    out += std::to_string(*i);
  else if (const auto* u = std::get_if<uint64_t>(&value))
    out += std::to_string(*u);
  else if (auto x = std::get<double>(value); std::isfinite(x))
    out += fmt::format("{}", x);
  else
    out += "null"; // JSON has no word for it.
}

void append_time(std::string& out, wall_time at) {
  namespace chrono = std::chrono;
  auto day = chrono::floor<chrono::days>(at);
  chrono::year_month_day date{day};
  chrono::hh_mm_ss time{chrono::floor<chrono::milliseconds>(at - day)};
  out += fmt::format(
    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
    time.hours().count(), time.minutes().count(), time.seconds().count(),
    time.subseconds().count());
}

} // namespace

std::string_view to_string(log_level x) noexcept {
  auto index = static_cast<size_t>(x);
  return index < level_words.size() ? level_words[index] : "unknown";
}

void log(log_level level, std::string_view area, std::string_view message,
         log_fields fields) {
  if (!log_enabled(level))
    return;
  auto line =
    format_log_line(system_clock().wall(), level, area, message, fields);
  auto sink = other_sink().with([](const auto& x) { return x; });
  if (sink)
    (*sink)(line);
  else
    stderr_logger().log(spdlog::level::info, spdlog::string_view_t{line});
}

void set_log_level(log_level least) noexcept {
  least_level.store(least, std::memory_order_relaxed);
}

bool log_enabled(log_level level) noexcept {
  return level >= least_level.load(std::memory_order_relaxed);
}

void set_log_sink(std::function<void(std::string_view)> sink) {
  std::shared_ptr<const line_sink> next;
  if (sink)
    next = std::make_shared<const line_sink>(std::move(sink));
  other_sink().with([&](auto& x) { x = next; });
}

std::string format_log_line(wall_time at, log_level level,
                            std::string_view area, std::string_view message,
                            log_fields fields) {
  std::string out = "{\"ts\":\"";
  append_time(out, at);
  ((out += "\",\"level\":\"") += to_string(level)) += "\",\"area\":";
  append_text(out, area);
  out += ",\"msg\":";
  append_text(out, message);
  for (const auto& field : fields) {
    out += ',';
    append_text(out, field.key);
    out += ':';
    append_value(out, field.value);
  }
  return out += '}';
}

log_limit::verdict log_limit::admit(mono_time now) noexcept {
  auto now_us = now.time_since_epoch().count();
  auto last = last_us_.load(std::memory_order_relaxed);
  bool due = last == never || now_us - last >= interval_.count();
  // Of several threads at once, the one that moves the time passes.
  if (!due || !last_us_.compare_exchange_strong(last, now_us)) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  return {true, suppressed_.exchange(0, std::memory_order_relaxed)};
}

} // namespace troupe::runtime

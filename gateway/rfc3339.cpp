#include "gateway/rfc3339.hpp"

#include <chrono>
#include <cstdint>

namespace troupe::gateway {

namespace chrono = std::chrono;
using runtime::wall_time;

namespace {

// Digits of `text` from `at`; -1 when one is none.
int digits_at(std::string_view text, size_t at, size_t count) noexcept {
  int n = 0;
  for (size_t i = at; i < at + count; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9')
      return -1;
    n = n * 10 + (text[i] - '0');
  }
  return n;
}

} // namespace

std::string rfc3339(wall_time at) {
  const auto day = chrono::floor<chrono::days>(at);
  const chrono::year_month_day date{day};
  const chrono::hh_mm_ss time{chrono::floor<chrono::milliseconds>(at - day)};
  std::string text = "0000-00-00T00:00:00.000Z";
  const auto put = [&](size_t where, size_t width, int64_t n) {
    for (size_t i = width; i-- > 0; n /= 10)
      text[where + i] = static_cast<char>('0' + n % 10);
  };
  put(0, 4, static_cast<int>(date.year()));
  put(5, 2, static_cast<unsigned>(date.month()));
  put(8, 2, static_cast<unsigned>(date.day()));
  put(11, 2, time.hours().count());
  put(14, 2, time.minutes().count());
  put(17, 2, time.seconds().count());
  put(20, 3, time.subseconds().count());
  return text;
}

std::optional<wall_time> parse_rfc3339(std::string_view text) noexcept {
  // 2026-08-21T10:00:05[.1-6 digits]Z
  const int y = digits_at(text, 0, 4);
  const int mo = digits_at(text, 5, 2);
  const int d = digits_at(text, 8, 2);
  const int h = digits_at(text, 11, 2);
  const int mi = digits_at(text, 14, 2);
  const int s = digits_at(text, 17, 2);
  if (y < 0 || mo < 0 || d < 0 || h < 0 || mi < 0 || s < 0 || text.size() < 20
      || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':'
      || text[16] != ':' || h > 23 || mi > 59 || s > 60)
    return std::nullopt;
  const chrono::year_month_day date{chrono::year{y},
                                    chrono::month{static_cast<unsigned>(mo)},
                                    chrono::day{static_cast<unsigned>(d)}};
  if (!date.ok())
    return std::nullopt;
  int64_t us = 0;
  auto rest = text.substr(19);
  if (rest.front() == '.') {
    const auto count = rest.size() - 2;
    if (rest.size() < 3 || count > 6)
      return std::nullopt;
    us = digits_at(rest, 1, count);
    if (us < 0)
      return std::nullopt;
    for (auto i = count; i < 6; ++i)
      us *= 10;
    rest = rest.substr(1 + count);
  }
  if (rest != "Z")
    return std::nullopt;
  const auto days = chrono::sys_days{date}.time_since_epoch();
  return wall_time{runtime::duration{days} + chrono::hours{h}
                   + chrono::minutes{mi} + chrono::seconds{s}
                   + chrono::microseconds{us}};
}

} // namespace troupe::gateway

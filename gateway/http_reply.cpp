#include "gateway/http_reply.hpp"

#include "gateway/http_status.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace troupe::gateway {

namespace chrono = std::chrono;

void http_reply::add(std::string_view name, std::string_view value) {
  fields += name;
  fields += ": ";
  for (const char c : value)
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F)
      fields += c;
  fields += "\r\n";
}

void append_bytes(std::string& out, const http_reply& reply,
                  const reply_frame& frame) {
  out += "HTTP/1.1 ";
  out += std::to_string(reply.status);
  out += ' ';
  out += reason_phrase(reply.status);
  out += "\r\nDate: ";
  out += frame.date;
  out += "\r\nx-request-id: ";
  out += frame.request_id;
  out += "\r\n";
  const bool bodiless = reply.status == 204 || reply.status == 304;
  if (!bodiless) {
    out += "Content-Type: ";
    out += reply.content_type;
    out += "\r\nContent-Length: ";
    out += std::to_string(reply.body.size());
    out += "\r\n";
  }
  out += reply.fields;
  const bool keep = frame.keep_alive && !reply.close;
  if (!keep)
    out += "Connection: close\r\n";
  else if (frame.minor_version == 0)
    out += "Connection: keep-alive\r\n";
  out += "\r\n";
  if (!bodiless && !frame.head_only)
    out += reply.body;
}

std::string imf_fixdate(int64_t unix_s) {
  constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const chrono::sys_seconds at{chrono::seconds{unix_s}};
  const auto day = chrono::floor<chrono::days>(at);
  const chrono::year_month_day date{day};
  const chrono::hh_mm_ss time{at - day};
  std::array<char, 48> text{};
  const int n = std::snprintf(
    text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
    days[chrono::weekday{day}.c_encoding()], static_cast<unsigned>(date.day()),
    months[static_cast<unsigned>(date.month()) - 1],
    static_cast<int>(date.year()), static_cast<int>(time.hours().count()),
    static_cast<int>(time.minutes().count()),
    static_cast<int>(time.seconds().count()));
  return std::string(text.data(), static_cast<size_t>(n));
}

} // namespace troupe::gateway

#include "runtime/log.hpp"

#include <catch2/catch_test_macros.hpp>

#include <boost/json.hpp>

#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace troupe::runtime;

namespace {

const wall_time noon = wall_from_us(1'787'306'405'123'456);

std::string line_with(log_fields fields) {
  return format_log_line(noon, log_level::warn, "journal", "commit failed",
                         fields);
}

/// The one field `x` of a line, as JSON reads it.
boost::json::value field_x(log_fields fields) {
  return boost::json::parse(line_with(fields)).at("x");
}

/// Catches lines while it lives.
class captured_log {
public:
  captured_log() {
    set_log_sink([this](std::string_view line) {
      std::lock_guard lock{mutex_};
      lines_.emplace_back(line);
    });
  }
  ~captured_log() {
    set_log_sink({});
    set_log_level(log_level::info);
  }
  captured_log(const captured_log&) = delete;
  captured_log& operator=(const captured_log&) = delete;
  std::vector<std::string> lines() const {
    std::lock_guard lock{mutex_};
    return lines_;
  }

private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

} // namespace

TEST_CASE("a line has time, level, area, message and fields in order",
          "[runtime][log]") {
  CHECK(line_with({{"shard", 3}, {"epoch", uint64_t{7}}, {"ok", false}})
        == R"({"ts":"2026-08-21T10:00:05.123Z","level":"warn",)"
           R"("area":"journal","msg":"commit failed",)"
           R"("shard":3,"epoch":7,"ok":false})");
}

TEST_CASE("times before 1970 and at the ends of the range format",
          "[runtime][log]") {
  auto at = [](int64_t us) {
    return format_log_line(wall_from_us(us), log_level::info, "a", "b", {})
      .substr(7, 24);
  };
  CHECK(at(0) == "1970-01-01T00:00:00.000Z");
  CHECK(at(-1) == "1969-12-31T23:59:59.999Z");
  CHECK(at(951'782'400'000'000) == "2000-02-29T00:00:00.000Z");
}

TEST_CASE("numbers keep their value", "[runtime][log]") {
  CHECK(field_x({{"x", INT64_MIN}}).as_int64() == INT64_MIN);
  CHECK(line_with({{"x", UINT64_MAX}}).find("18446744073709551615")
        != std::string::npos);
  CHECK(field_x({{"x", 0.1}}).as_double() == 0.1);
  CHECK(field_x({{"x", std::nan("")}}).is_null());
  CHECK(field_x({{"x", std::numeric_limits<double>::infinity()}}).is_null());
}

TEST_CASE("no text can break out of its line or reach a terminal",
          "[runtime][log]") {
  std::string all;
  for (int c = 0; c < 256; ++c)
    all += static_cast<char>(c);
  std::vector<std::string> hostile{
    all,
    "\",\"level\":\"error\"}\n{\"ts\":",
    "\x1B[31mred\x1B[0m",
    "\xC2\x9B"
    "31m",              // C1 control sequence introducer
    "\xED\xA0\x80",     // surrogate
    "\xF4\x90\x80\x80", // beyond U+10FFFF
    "\xC0\xAF",         // overlong
    "cut in the middle \xE2\x82",
    std::string("nul \0 byte", 10),
  };
  for (const auto& text : hostile) {
    auto line = line_with({{"x", text}});
    for (auto c : line) {
      auto byte = static_cast<unsigned char>(c);
      REQUIRE(byte >= 0x20);
      REQUIRE(byte != 0x7F);
    }
    REQUIRE(line.find("\xC2\x9B") == std::string::npos);
    boost::system::error_code error;
    auto parsed = boost::json::parse(line, error);
    REQUIRE_FALSE(error);
    CHECK(parsed.at("level") == "warn");
    CHECK(parsed.as_object().size() == 5);
  }
}

TEST_CASE("valid UTF-8 is kept", "[runtime][log]") {
  std::string text = "h\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80 \xED\x9F\xBF";
  CHECK(field_x({{"x", text}}).as_string() == text);
}

TEST_CASE("long texts are cut at a whole character", "[runtime][log]") {
  std::string text;
  for (int i = 0; i < 2000; ++i)
    text += "\xE2\x82\xAC";
  auto read = field_x({{"x", text}}).as_string();
  CHECK(read.size() <= 1024 + 2 + 3);
  CHECK(std::string_view{read}.ends_with("\xE2\x82\xAC..."));
}

TEST_CASE("a secret shows as stars", "[runtime][log]") {
  secret key{"hunter2-hunter2"};
  auto line = line_with({{"x", key}});
  CHECK(line.find("hunter2") == std::string::npos);
  CHECK(line.find("\"x\":\"***\"") != std::string::npos);
  CHECK(key.reveal() == "hunter2-hunter2");
}

TEST_CASE("the level can change while running", "[runtime][log]") {
  captured_log captured;
  set_log_level(log_level::warn);
  log_info("a", "not written");
  log_warn("a", "written");
  set_log_level(log_level::debug);
  log_debug("a", "written too", {{"x", 1}});
  set_log_level(log_level::error);
  log_warn("a", "not written");
  auto lines = captured.lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].find("\"msg\":\"written\"") != std::string::npos);
  CHECK(lines[1].find("\"level\":\"debug\"") != std::string::npos);
}

TEST_CASE("lines of several threads never mix", "[runtime][log]") {
  captured_log captured;
  std::vector<std::jthread> threads; // tidy: seams: threads race on purpose
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 250; ++i)
        log_info("thread", "line", {{"t", t}, {"i", i}});
    });
  threads.clear();
  auto lines = captured.lines();
  REQUIRE(lines.size() == 1000);
  for (const auto& line : lines) {
    boost::system::error_code error;
    boost::json::parse(line, error);
    REQUIRE_FALSE(error);
  }
}

TEST_CASE("a limited place says how many lines it kept back",
          "[runtime][log]") {
  log_limit limit{1s};
  manual_clock clock;
  auto first = limit.admit(clock.mono());
  CHECK(first.pass);
  CHECK(first.suppressed == 0);
  for (int i = 0; i < 5; ++i) {
    clock.advance(100ms);
    CHECK_FALSE(limit.admit(clock.mono()));
  }
  clock.advance(500ms);
  auto next = limit.admit(clock.mono());
  CHECK(next.pass);
  CHECK(next.suppressed == 5);
}

TEST_CASE("one thread of many passes a limit at a time", "[runtime][log]") {
  log_limit limit{1s};
  auto now = manual_clock{}.mono();
  std::atomic<int> passed{0};
  {
    std::vector<std::jthread> threads; // tidy: seams: they race on purpose
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i)
          if (limit.admit(now))
            ++passed;
      });
  }
  CHECK(passed == 1);
  CHECK(limit.admit(now + 1s).suppressed == 3999);
}

#include "models/utf8.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using troupe::models::valid_utf8;

TEST_CASE("well-formed text is valid", "[models][utf8]") {
  CHECK(valid_utf8(""));
  CHECK(valid_utf8("plain"));
  CHECK(valid_utf8(std::string_view{"\0", 1}));
  CHECK(valid_utf8("größe café 漢字 🎭"));
  CHECK(valid_utf8("\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF"));
  CHECK(valid_utf8("\xED\x9F\xBF\xEE\x80\x80")); // Around the surrogates.
  CHECK(valid_utf8("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
}

TEST_CASE("cut, overlong and impossible sequences are not",
          "[models][utf8][hostile]") {
  for (const char* bad :
       {"\x80", "\xBF", "\xC3", "\xC0\x80", "\xC1\xBF", "\xC3(", "\xE2\x82",
        "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xE2(\xA1",
        "\xE2\x82(", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xF0\x9F\x8E", "\xFF", "\xFE", "ok \xF0\x9F\x8E"})
    CHECK_FALSE(valid_utf8(bad));
  std::string text = "🎭漢é";
  for (size_t cut : {1, 2, 3, 5, 6, 8})
    CHECK_FALSE(valid_utf8(text.substr(0, cut)));
}

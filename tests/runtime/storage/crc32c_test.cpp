#include "runtime/storage/crc32c.hpp"
#include "tests/support/job_samples.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace troupe::runtime;

TEST_CASE("CRC-32C has the values of RFC 3720", "[runtime][crc32c]") {
  std::string rising;
  for (int i = 0; i < 32; ++i)
    rising += static_cast<char>(i);
  for (const auto f : {&crc32c, &detail::crc32c_portable}) {
    CHECK(f("", 0) == 0);
    CHECK(f("123456789", 0) == 0xE3069283);
    CHECK(f(std::string(32, '\0'), 0) == 0x8A9136AA);
    CHECK(f(std::string(32, '\xFF'), 0) == 0x62A8AB43);
    CHECK(f(rising, 0) == 0x46DD794E);
  }
}

TEST_CASE("CRC-32C continues and agrees with its portable version",
          "[runtime][crc32c]") {
  troupe::tests::job_samples samples{3};
  for (int i = 0; i < 500; ++i) {
    const auto a = samples.bytes(samples.below(70));
    const auto b = samples.bytes(samples.below(70));
    REQUIRE(crc32c(b, crc32c(a)) == crc32c(a + b));
    REQUIRE(detail::crc32c_portable(a + b, 0) == crc32c(a + b));
  }
}

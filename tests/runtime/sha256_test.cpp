#include "runtime/sha256.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace troupe::runtime;

TEST_CASE("SHA-256 gives the digests of FIPS 180-4", "[runtime][sha256]") {
  CHECK(sha256_hex("")
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc")
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex(std::string(1'000'000, 'a'))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  CHECK(sha256("abc").size() == sha256_size);
}

TEST_CASE("comparison in constant time is comparison", "[runtime][sha256]") {
  CHECK(equal_in_constant_time("", ""));
  CHECK(equal_in_constant_time("secret", "secret"));
  CHECK_FALSE(equal_in_constant_time("secret", "secreT"));
  CHECK_FALSE(equal_in_constant_time("secret", "secret0"));
  CHECK_FALSE(equal_in_constant_time("a", ""));
}

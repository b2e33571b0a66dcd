#include "runtime/sha256.hpp"

#include "runtime/result.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace troupe::runtime {

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, sha256_size> digest{};
  unsigned int size = 0;
  auto ok = EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size,
                       EVP_sha256(), nullptr);
  // Fails only when memory is out or OpenSSL was built without SHA-256.
  TROUPE_ASSERT(ok == 1 && size == sha256_size);
  return {digest.begin(), digest.end()};
}

std::string sha256_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * sha256_size);
  for (auto c : sha256(bytes)) {
    auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size()
         && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace troupe::runtime

#include "runtime/ids.hpp"

#include "runtime/base32.hpp"

#include <algorithm>

namespace troupe::runtime {
namespace {

constexpr std::array<std::string_view, 4> prefixes{"job_", "resp_", "chatcmpl-",
                                                   "cmpl-"};
constexpr uint64_t time_max = (uint64_t{1} << 54) - 1;

uint64_t time_bits(wall_time at) noexcept {
  auto us = std::max<int64_t>(to_us(at), 0);
  return std::min(static_cast<uint64_t>(us), time_max);
}

void put_big_endian(char* to, uint64_t value) noexcept {
  for (int i = 0; i < 8; ++i)
    to[i] = static_cast<char>((value >> (56 - 8 * i)) & 0xFF);
}

uint64_t get_big_endian(const char* from) noexcept {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i)
    value = (value << 8) | static_cast<uint8_t>(from[i]);
  return value;
}

} // namespace

job_id job_id::make(wall_time at, shard_id shard, rng& random) noexcept {
  return {(time_bits(at) << 10) | (shard.value & 0x3FFu), random.next()};
}

std::optional<job_id> job_id::parse(std::string_view text) noexcept {
  for (auto prefix : prefixes) {
    if (!text.starts_with(prefix))
      continue;
    auto bits = from_base32(text.substr(prefix.size()));
    if (!bits)
      return std::nullopt;
    return job_id{bits->high, bits->low};
  }
  return std::nullopt;
}

std::string job_id::str() const {
  return "job_" + bare();
}

std::string job_id::bare() const {
  auto text = to_base32({high_, low_});
  return {text.data(), text.size()};
}

std::array<char, 16> job_id::bytes() const noexcept {
  std::array<char, 16> to{};
  put_big_endian(to.data(), high_);
  put_big_endian(to.data() + 8, low_);
  return to;
}

std::optional<job_id> job_id::from_bytes(std::string_view bytes) noexcept {
  if (bytes.size() != 16)
    return std::nullopt;
  return job_id{get_big_endian(bytes.data()), get_big_endian(bytes.data() + 8)};
}

std::string make_request_id(wall_time at, rng& random) {
  auto salt = random.next() & 0x3FF;
  auto text = to_base32({(time_bits(at) << 10) | salt, random.next()});
  return "req_" + std::string{text.data(), text.size()};
}

} // namespace troupe::runtime

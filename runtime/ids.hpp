// Strong identifiers. A job id says when the job was accepted and which shard
// owns it, so that any node routes any id without a lookup.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/rng.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::runtime {

/// A queue shard's number, 0 .. `shards` - 1, at most 1,023.
struct shard_id {
  static constexpr uint16_t count_max = 1024;
  uint16_t value = 0;
  friend auto operator<=>(const shard_id&, const shard_id&) = default;
};

/// 128 bits, big end first:
///
///      63             10 9      0   63                      0
///     +-----------------+--------+ +-------------------------+
///     | microseconds    | shard  | | random                  |
///     | since 1970 (54) |  (10)  | |                    (64) |
///     +-----------------+--------+ +-------------------------+
///
/// Text form: `job_` and 26 characters of Crockford's base32 in lower case;
/// order of text = order of bits = order of acceptance.
class job_id {
public:
  static constexpr size_t text_size = 30;

  constexpr job_id() noexcept = default;
  constexpr job_id(uint64_t high, uint64_t low) noexcept
    : high_{high}, low_{low} {}

  /// `at` before 1970 counts as 1970.
  static job_id make(wall_time at, shard_id shard, rng& random) noexcept;

  /// Accepts the prefixes that name the same job: job_ resp_ chatcmpl- cmpl-.
  /// Exactly 26 lower-case base32 characters must follow.
  static std::optional<job_id> parse(std::string_view text) noexcept;

  std::string str() const;  ///< With the prefix `job_`.
  std::string bare() const; ///< The 26 characters alone.

  shard_id shard() const noexcept {
    return {static_cast<uint16_t>(high_ & 0x3FF)};
  }
  wall_time created_at() const noexcept {
    return wall_from_us(static_cast<int64_t>(high_ >> 10));
  }
  uint64_t high() const noexcept { return high_; }
  uint64_t low() const noexcept { return low_; }

  /// 16 bytes whose byte order is the id's order: the key in every store.
  std::array<char, 16> bytes() const noexcept;
  static std::optional<job_id> from_bytes(std::string_view bytes) noexcept;

  friend auto operator<=>(const job_id&, const job_id&) = default;

private:
  uint64_t high_ = 0;
  uint64_t low_ = 0;
};

/// Which execution of a job: a lease is (epoch, attempt), both only grow.
struct attempt_id {
  job_id job;
  uint64_t epoch = 0;   ///< Epoch of the shard lease under which it was leased.
  uint32_t attempt = 0; ///< From 1; 0 = never leased.
  friend auto operator<=>(const attempt_id&, const attempt_id&) = default;
};

/// `req_` and 26 characters; for logs and the x-request-id header.
std::string make_request_id(wall_time at, rng& random);

} // namespace troupe::runtime

template <>
struct std::hash<troupe::runtime::job_id> {
  size_t operator()(const troupe::runtime::job_id& id) const noexcept {
    // The low half is random already.
    return static_cast<size_t>(id.low() ^ (id.high() * 0x9E3779B97F4A7C15u));
  }
};
template <>
struct std::hash<troupe::runtime::attempt_id> {
  size_t operator()(const troupe::runtime::attempt_id& id) const noexcept {
    return std::hash<troupe::runtime::job_id>{}(id.job) ^ (id.attempt * 0x9E37u)
           ^ (static_cast<size_t>(id.epoch) << 32);
  }
};

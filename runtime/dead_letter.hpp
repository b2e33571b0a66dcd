// What a dead letter is: a job that failed for good although nothing was wrong
// with its request as such. It waits, durably, for somebody to replay or drop
// it. What is decided here is decided in the letter's shard, one request after
// the other, so that no letter is ever replayed twice.
#pragma once

#include "runtime/job.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace troupe::runtime {

enum class letter_reason : uint8_t {
  attempts_exhausted = 1, ///< `max_attempts` charged failures.
  poison                  ///< It crashed its engine twice while alone on it.
};

/// Of a dead letter.
letter_reason letter_reason_of(const job_record& record) noexcept;

/// What a request to replay or drop a letter does.
enum class letter_verdict : uint8_t {
  settle = 1,       ///< Go ahead.
  replayed_already, ///< Its job is `replayed_as`.
  dropped_already,
  no_letter ///< The job is no dead letter.
};
letter_verdict judge_letter(const job_record& record) noexcept;

// Words as in the API. Total.
std::string_view to_string(letter_state x) noexcept;
std::string_view to_string(letter_reason x) noexcept;
std::optional<letter_state>
letter_state_from_string(std::string_view word) noexcept;
std::optional<letter_reason>
letter_reason_from_string(std::string_view word) noexcept;

} // namespace troupe::runtime

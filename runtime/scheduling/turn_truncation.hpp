// `truncation: auto`: which chat turns an engine gets when not all of them fit.
// A turn is a user's message and what follows it up to the next one. System
// messages and the last turn always stay; of the others the oldest go first.
#pragma once

#include "runtime/job.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace troupe::runtime {

/// Bytes of content that stay whatever happens.
size_t kept_bytes_min(std::span<const chat_message> messages) noexcept;

/// Of `input_tokens`, the estimate for the whole input, those that stay; for
/// the record. 0: the job does not allow it, or its input has no messages.
uint32_t kept_tokens_min(const job_spec& spec, uint32_t input_tokens) noexcept;

/// The part of the input's bytes that the job's steps `context` left, 0..1.
/// 1: no turn is dropped. The first such step starts from all of the input.
double kept_input(const job_record& record) noexcept;

/// Without as many whole turns, oldest first, as it takes to have at most
/// `share` of the bytes left, or as there are. NaN: nothing is dropped.
std::vector<chat_message> drop_oldest_turns(std::vector<chat_message> messages,
                                            double share);

} // namespace troupe::runtime

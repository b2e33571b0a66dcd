// What a job, its output and its steps can be, as numbers that are stored and words
// that clients read.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace troupe::runtime {

// Numbers are stored: append only.
enum class task_kind : uint8_t {
  chat = 1,
  complete,
  embed,
  classify,
  rerank,
  run
};
enum class job_status : uint8_t {
  queued = 1,
  in_progress,
  completed,
  incomplete,
  failed,
  cancelled,
  expired
};
enum class job_phase : uint8_t {
  none = 0, ///< Terminal.
  admitted,
  queued,
  assigned,
  prefill,
  decode,
  delivering
};
enum class service_tier : uint8_t { flex = 1, standard, priority };
enum class deadline_action : uint8_t { partial = 1, cutover, fail };
enum class resume_mode : uint8_t { resume = 1, restart, never };
enum class finish_reason : uint8_t {
  none = 0,
  stop,           ///< End of text or a stop string.
  length,         ///< max_output_tokens.
  context_length, ///< The model's context is full.
  deadline,
  cancelled,
  shutdown
};

/// What became of a dead letter; meaningful where `dead_letter` is set.
enum class letter_state : uint8_t {
  dead = 1, ///< Waits for somebody to decide.
  replayed, ///< `replayed_as` is the job that took its place.
  dropped   ///< Nobody wants it.
};

constexpr bool is_terminal(job_status s) noexcept {
  return s >= job_status::completed;
}

// Numbers are stored: append only. Words: longer_context model output_limit
// context.
enum class degradation_kind : uint8_t {
  longer_context = 1,
  model,
  output_limit,
  context ///< Oldest chat turns dropped.
};
/// It goes on in another model's queue.
constexpr bool moves_job(degradation_kind x) noexcept {
  return x == degradation_kind::longer_context || x == degradation_kind::model;
}

// Numbers are stored: append only. What a request wants of an alias.
enum class request_intent : uint8_t { fast = 1, accurate, explore };

// Words as in the API. Total.
std::string_view to_string(task_kind x) noexcept;
std::string_view to_string(job_status x) noexcept;
std::string_view to_string(job_phase x) noexcept;
std::string_view to_string(service_tier x) noexcept; ///< standard = "default".
std::string_view to_string(deadline_action x) noexcept;
std::string_view to_string(resume_mode x) noexcept; ///< resume = "continue".
std::string_view to_string(finish_reason x) noexcept;
std::string_view to_string(degradation_kind x) noexcept;
std::string_view to_string(request_intent x) noexcept;
std::optional<task_kind> task_from_string(std::string_view word) noexcept;
std::optional<job_status> status_from_string(std::string_view word) noexcept;
std::optional<request_intent>
intent_from_string(std::string_view word) noexcept;
std::optional<service_tier> tier_from_string(std::string_view word) noexcept;

} // namespace troupe::runtime

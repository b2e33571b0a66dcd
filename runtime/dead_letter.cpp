#include "runtime/dead_letter.hpp"

namespace troupe::runtime {

letter_reason letter_reason_of(const job_record& record) noexcept {
  return record.error && record.error->code == errc::poison
           ? letter_reason::poison
           : letter_reason::attempts_exhausted;
}

letter_verdict judge_letter(const job_record& record) noexcept {
  if (!record.dead_letter || !is_terminal(record.status))
    return letter_verdict::no_letter;
  switch (record.letter) {
    case letter_state::dead:
      return letter_verdict::settle;
    case letter_state::replayed:
      return letter_verdict::replayed_already;
    case letter_state::dropped:
      return letter_verdict::dropped_already;
  }
  return letter_verdict::no_letter;
}

std::string_view to_string(letter_state x) noexcept {
  switch (x) {
    case letter_state::dead:
      return "dead";
    case letter_state::replayed:
      return "replayed";
    case letter_state::dropped:
      return "dropped";
  }
  return "unknown";
}

std::string_view to_string(letter_reason x) noexcept {
  switch (x) {
    case letter_reason::attempts_exhausted:
      return "attempts_exhausted";
    case letter_reason::poison:
      return "poison";
  }
  return "unknown";
}

std::optional<letter_state>
letter_state_from_string(std::string_view word) noexcept {
  for (auto x :
       {letter_state::dead, letter_state::replayed, letter_state::dropped})
    if (to_string(x) == word)
      return x;
  return std::nullopt;
}

std::optional<letter_reason>
letter_reason_from_string(std::string_view word) noexcept {
  for (auto x : {letter_reason::attempts_exhausted, letter_reason::poison})
    if (to_string(x) == word)
      return x;
  return std::nullopt;
}

} // namespace troupe::runtime

#include "runtime/dead_letter.hpp"
#include "runtime/storage/job_scan.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

job_record letter(errc code = errc::model_error) {
  job_record x;
  x.tenant = "default";
  x.status = job_status::failed;
  x.dead_letter = true;
  x.error = failure{code, "why"};
  x.finished_at = wall_time{100s};
  return x;
}

job_filter all() {
  job_filter x;
  x.tenant = "default";
  x.dead_letter = true;
  return x;
}

} // namespace

TEST_CASE("a letter that crashed its engines is poison, any other exhausted",
          "[runtime][dlq]") {
  CHECK(letter_reason_of(letter(errc::poison)) == letter_reason::poison);
  CHECK(letter_reason_of(letter()) == letter_reason::attempts_exhausted);
  CHECK(letter_reason_of(job_record{}) == letter_reason::attempts_exhausted);
}

TEST_CASE("a letter is settled once", "[runtime][dlq]") {
  auto x = letter();
  CHECK(judge_letter(x) == letter_verdict::settle);
  x.letter = letter_state::replayed;
  CHECK(judge_letter(x) == letter_verdict::replayed_already);
  x.letter = letter_state::dropped;
  CHECK(judge_letter(x) == letter_verdict::dropped_already);
}

TEST_CASE("a job that lives or ended otherwise is no letter",
          "[runtime][dlq]") {
  auto x = letter();
  x.dead_letter = false;
  CHECK(judge_letter(x) == letter_verdict::no_letter);
  x = letter();
  x.status = job_status::in_progress;
  CHECK(judge_letter(x) == letter_verdict::no_letter);
}

TEST_CASE("the words of letters come back", "[runtime][dlq]") {
  for (auto x :
       {letter_state::dead, letter_state::replayed, letter_state::dropped})
    CHECK(letter_state_from_string(to_string(x)) == x);
  for (auto x : {letter_reason::attempts_exhausted, letter_reason::poison})
    CHECK(letter_reason_from_string(to_string(x)) == x);
  CHECK_FALSE(letter_state_from_string("unknown"));
  CHECK_FALSE(letter_reason_from_string(""));
}

TEST_CASE("filters of letters: state, reason, time of death",
          "[runtime][dlq]") {
  auto x = letter(errc::poison);
  auto f = all();
  CHECK(matches(f, x));
  f.letter_reasons = {letter_reason::attempts_exhausted};
  CHECK_FALSE(matches(f, x));
  f.letter_reasons.push_back(letter_reason::poison);
  CHECK(matches(f, x));
  f.letter_states = {letter_state::replayed, letter_state::dropped};
  CHECK_FALSE(matches(f, x));
  f.letter_states = {letter_state::dead};
  CHECK(matches(f, x));
  f.died_after = x.finished_at;
  CHECK_FALSE(matches(f, x));
  f.died_after -= 1us;
  f.died_before = x.finished_at;
  CHECK_FALSE(matches(f, x));
  f.died_before += 1us;
  CHECK(matches(f, x));
}

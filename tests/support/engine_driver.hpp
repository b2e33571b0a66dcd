// Drives an engine on virtual time and collects what each attempt said: the
// loop that a model_worker runs, without an actor.
#pragma once

#include "models/engine.hpp"

#include <map>
#include <string>
#include <vector>

namespace troupe::tests {

struct attempt_story {
  bool began = false;
  uint32_t input_tokens = 0;
  std::string text;
  uint32_t tokens = 0;
  std::vector<models::attempt_output> outputs;
  std::vector<runtime::mono_time> output_times;
  std::optional<models::attempt_finished> finished;
  std::optional<models::attempt_failed> failed;
  int parks = 0;
  runtime::mono_time ended_at{};
  bool ended() const { return finished || failed; }
};

class engine_driver {
public:
  explicit engine_driver(models::engine& engine) : engine_{engine} {}

  runtime::mono_time now{std::chrono::hours{1}};
  std::map<runtime::attempt_id, attempt_story> attempts;
  std::vector<models::engine_event> events;
  std::vector<uint64_t> beats;
  std::optional<models::engine_ready> ready;
  std::optional<models::engine_died> died;

  void poll() {
    for (auto& event : engine_.poll(now)) {
      std::visit([this](const auto& x) { note(x); }, event);
      events.push_back(std::move(event));
    }
  }
  /// Jumps from due time to due time up to `end`.
  void run_until(runtime::mono_time end) {
    while (!died) {
      auto due = engine_.next_due();
      if (!due || *due > end)
        break;
      now = std::max(now, *due);
      poll();
    }
    now = std::max(now, end);
  }
  void run_for(runtime::duration span) { run_until(now + span); }

private:
  void note(const models::engine_ready& x) { ready = x; }
  void note(const models::attempt_began& x) {
    attempts[x.id].began = true;
    attempts[x.id].input_tokens = x.input_tokens;
  }
  void note(const models::attempt_output& x) {
    auto& a = attempts[x.id];
    a.text += x.text;
    a.tokens += x.tokens;
    a.outputs.push_back(x);
    a.output_times.push_back(now);
  }
  void note(const models::attempt_finished& x) {
    attempts[x.id].finished = x;
    attempts[x.id].ended_at = now;
  }
  void note(const models::attempt_failed& x) {
    attempts[x.id].failed = x;
    attempts[x.id].ended_at = now;
  }
  void note(const models::attempt_parked& x) { ++attempts[x.id].parks; }
  void note(const models::engine_beat& x) { beats.push_back(x.steps); }
  void note(const models::engine_died& x) { died = x; }

  models::engine& engine_;
};

/// The n-th job of a test, first attempt.
inline models::attempt_request make_attempt(uint64_t n, uint32_t attempt = 1) {
  models::attempt_request request;
  request.id = {
    .job = runtime::job_id{1000 + n, n}, .epoch = 1, .attempt = attempt};
  request.text = "hello world!";
  return request;
}

} // namespace troupe::tests

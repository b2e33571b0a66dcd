// A model that computes nothing: it takes slots for a drawn time, says words.
// Runs inside the node on whatever clock its owner polls with, without threads,
// so that tests, benches and the simulation use the very same code. The same
// (seed, job) always says the same text, and an attempt draws its service time
// from (seed, job, attempt): nothing depends on how jobs interleave.
#pragma once

#include "models/engine.hpp"
#include "models/engine_watchdog.hpp"
#include "models/output_pace.hpp"

namespace troupe::models {

enum class service_kind : uint8_t { constant = 1, lognormal };

/// The `simulated` block of a model's configuration.
struct simulated_config {
  service_kind service = service_kind::lognormal;
  double median_s = 0.2; ///< Seconds on a slot, 0..604'800; of `constant`: all.
  double p95_s = 0.5;    ///< At least `median_s`; of `lognormal` only.
  uint32_t tokens = 20;  ///< Words of a whole answer, 0..1'000'000.
  uint64_t seed = 1;
  uint32_t slots = 8;          ///< 1..1024.
  uint32_t context_length = 0; ///< Tokens; 0 = unlimited.
  watchdog_config watchdog{};
};

/// Token i of n is due (i + 1) / n of the service time after the attempt began;
/// it begins at the first `poll` after `admit`. `simulate_params` override the
/// draw: `fail_at_token` counts from the start of the answer, prefix included;
/// `hang` freezes the whole engine (heartbeats go on without steps) until the
/// attempt is cancelled or the watchdog declares the engine dead; `crash` ends
/// the engine. A parked attempt keeps the rest of its service time; parking and
/// returning cost nothing, also without a cache.
class simulated_engine final : public engine {
public:
  /// Tokens of one attempt that one `poll` returns at most; the rest follow in
  /// the next one.
  static constexpr uint32_t burst_tokens_max = 1024;

  explicit simulated_engine(simulated_config config);

  void start(engine_wakeup wake) override;
  void admit(attempt_request request) override;
  void cancel(runtime::attempt_id id) override;
  void park(runtime::attempt_id id, bool keep_cache) override;
  void resume(runtime::attempt_id id) override;
  std::vector<engine_event> poll(runtime::mono_time now) override;
  std::optional<runtime::mono_time> next_due() const override;
  void kill() override;

private:
  enum class ending : uint8_t { finish, fail, crash };

  struct attempt {
    runtime::attempt_id id;
    runtime::duration service{0}; ///< Of the whole answer.
    uint32_t input_tokens = 0;
    uint32_t total = 0; ///< Tokens of the whole answer.
    uint32_t first = 0; ///< Where this attempt starts.
    uint32_t next = 0;  ///< The next token to say.
    uint32_t last = 0;  ///< One past the last token that it will say.
    ending end = ending::finish;
    runtime::finish_reason finish = runtime::finish_reason::stop;
    runtime::errc failure = runtime::errc::model_error; ///< Of `ending::fail`.
    bool hangs = false;
    bool began = false;
    bool leaves = false; ///< Asked to park.
    runtime::mono_time began_at{};
    runtime::duration served{0}; ///< When it was parked.
    output_pace pace{};
  };

  attempt plan(const attempt_request& request) const;
  void fill_context(attempt& a) const;
  double draw_service_s(runtime::attempt_id id) const;
  std::string word(runtime::job_id job, uint32_t index) const;
  runtime::mono_time token_due(const attempt& a, uint32_t index) const;
  runtime::mono_time end_due(const attempt& a) const;
  runtime::mono_time attempt_due(const attempt& a) const;

  bool frozen() const noexcept;
  void thaw(runtime::mono_time now);
  void begin_admitted(runtime::mono_time now, std::vector<engine_event>& out);
  /// Says what is due; true when the attempt has ended.
  bool advance(attempt& a, runtime::mono_time now,
               std::vector<engine_event>& out);
  /// When the first due crash happens, if any does up to `now`.
  std::optional<runtime::mono_time> crash_time(runtime::mono_time now) const;
  void park_leaving(runtime::mono_time now, std::vector<engine_event>& out);
  void supervise(runtime::mono_time now, std::vector<engine_event>& out);
  void die(runtime::failure why, std::vector<engine_event>& out);
  void notify();

  simulated_config config_;
  engine_wakeup wake_;
  std::vector<attempt> attempts_; ///< In order of admission.
  std::vector<attempt> parked_;
  std::vector<engine_event> pending_; ///< Refusals, told by the next poll.
  engine_watchdog watchdog_;
  bool started_ = false;
  bool ready_ = false;
  bool killed_ = false;
  bool dead_ = false;
  bool notified_ = false;
  uint64_t steps_ = 0;
  runtime::mono_time beat_at_{};
  std::optional<runtime::mono_time> frozen_since_;
};

} // namespace troupe::models

// The gateway's two ports over memory, driven by a test: jobs follow the real
// state machine, events are kept and handed out like the store and the journal
// do, and the test decides when something happens. Answers may come late, twice,
// overlapping or not at all.
#pragma once

#include "gateway/job_port.hpp"
#include "runtime/client_sink.hpp"
#include "runtime/guarded.hpp"
#include "runtime/job_machine.hpp"
#include "runtime/replay_plan.hpp"
#include "runtime/rng.hpp"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace troupe::tests {

/// How live events reach watchers.
enum class live_delivery : uint8_t {
  plain,
  overlapping, ///< Each batch comes twice, with all that went before.
  lossy        ///< Only the terminal event is delivered live.
};

/// Thread-safe.
class scripted_jobs final : public gateway::job_port,
                            public gateway::status_port {
public:
  explicit scripted_jobs(runtime::sink_directory& sinks);

  // --- the test's side ---------------------------------------------------------

  /// The id of the nth job that was submitted; waits for it.
  runtime::job_id job(size_t n = 0);
  size_t submitted() const;
  runtime::job_spec spec_of(runtime::job_id id) const;
  void start(runtime::job_id id);
  void output(runtime::job_id id, std::string text);
  void finish(runtime::job_id id);
  void fail(runtime::job_id id, runtime::failure why);
  /// The running attempt ends without a result.
  void lose(runtime::job_id id, runtime::attempt_loss loss,
            runtime::failure why);
  /// A new job that becomes a dead letter: its only attempt fails, or, for
  /// poison, crashes twice.
  runtime::job_id dead_letter(
    runtime::letter_reason reason = runtime::letter_reason::attempts_exhausted,
    runtime::job_spec spec = {});
  /// start, one output, finish.
  void complete(runtime::job_id id, std::string text = "Hello.");
  /// Removes specification, events and output, as retention does.
  void retire(runtime::job_id id);
  /// Puts a job of another tenant in.
  runtime::job_id foreign_job();

  /// The next submissions are refused with this.
  void refuse_submissions(std::optional<runtime::refused> with);
  /// Submissions are neither answered nor refused.
  void ignore_submissions(bool on);
  /// Idempotent repeats are told that the first request still commits.
  void hold_idempotency(bool on);
  /// Nothing is answered at all.
  void go_silent(bool on);
  void deliver_live(live_delivery how);
  /// Every new job completes at once.
  void complete_at_once(bool on);
  void set_status(gateway::node_status status);
  void set_alive(bool alive);

  /// Watches and waiting gets that were opened and not forgotten. The second
  /// waits until there are exactly `n` and says whether that came true.
  size_t readers() const;
  bool wait_for_readers(size_t n);

  // --- the gateway's side ------------------------------------------------------

  void submit(runtime::job_spec spec, gateway::submit_options options,
              runtime::sink_ref reply) override;
  void estimate(runtime::job_spec spec, runtime::sink_ref reply) override;
  void get(runtime::job_id id, std::string tenant,
           std::optional<uint32_t> if_version,
           runtime::sink_ref reply) override;
  void watch(runtime::job_id id, std::string tenant,
             runtime::sink_ref reply) override;
  void forget(runtime::job_id id, runtime::sink_ref reply) override;
  void cancel(runtime::job_id id, std::string tenant, std::string reason,
              runtime::sink_ref reply) override;
  void read_events(runtime::job_id id, std::string tenant, uint64_t from_seq,
                   uint32_t limit, runtime::sink_ref reply) override;
  void read_output(runtime::job_id id, std::string tenant,
                   runtime::sink_ref reply) override;
  void replay_letter(runtime::job_id id, runtime::job_spec spec,
                     gateway::submit_options options,
                     runtime::sink_ref reply) override;
  void drop_letter(runtime::job_id id, std::string tenant,
                   runtime::sink_ref reply) override;
  void start_run(runtime::replay_run run, runtime::sink_ref reply) override;
  void steer_run(runtime::job_id id, std::string tenant,
                 gateway::run_steering what, double rate_per_s,
                 runtime::sink_ref reply) override;
  void list_runs(std::string tenant, runtime::sink_ref reply) override;
  void list(runtime::job_query query, runtime::sink_ref reply) override;
  gateway::node_status status() const override;
  bool alive() const override;

private:
  struct entry {
    runtime::spec_ptr spec;
    runtime::job_machine machine;
    std::vector<runtime::event> events;
    std::optional<runtime::job_output> output;
    std::vector<runtime::sink_ref> watchers;
    std::vector<runtime::sink_ref> gets;
    runtime::letter_state letter = runtime::letter_state::dead;
    std::optional<runtime::job_id> replayed_as{};
    runtime::job_record record() const;
  };
  struct idempotent {
    runtime::job_id job;
    std::string fingerprint;
  };
  using answers =
    std::vector<std::pair<runtime::sink_ref, runtime::delivery_body>>;

  entry* find(runtime::job_id id, const std::string& tenant,
              runtime::sink_ref reply, answers& out);
  runtime::job_id admit(runtime::job_spec spec);
  void run_to_end(entry& x, std::string text, answers& out);
  void apply(entry& x, runtime::job_step step, answers& out);
  void begin(entry& x, answers& out);
  runtime::job_view view_of(const entry& x) const;
  size_t count_readers() const;
  void send(answers out);

  runtime::sink_directory& sinks_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  runtime::seeded_rng random_{1};
  std::map<runtime::job_id, entry> jobs_;
  std::vector<runtime::job_id> order_;
  std::map<std::string, idempotent> keys_;
  std::vector<runtime::replay_plan> runs_; ///< They stand still.
  std::optional<runtime::refused> refusal_;
  bool ignore_submissions_ = false;
  bool hold_idempotency_ = false;
  bool silent_ = false;
  bool complete_at_once_ = false;
  bool alive_ = true;
  live_delivery live_ = live_delivery::plain;
  gateway::node_status status_;
};

} // namespace troupe::tests

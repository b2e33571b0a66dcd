// The seam between actors and whoever waits for an answer: a gateway thread in
// production, a scripted reader in the simulation. Actors and the journal post
// values here; nothing flows back on this road. A reader that is slow, gone or
// hostile is the sink's own business and never an actor's.
#pragma once

#include "runtime/job.hpp"
#include "runtime/job_decision.hpp"
#include "runtime/overload/breaker_line.hpp"
#include "runtime/scheduling/queue_standing.hpp"
#include "runtime/storage/store.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace troupe::runtime {

/// Where an answer or a stream goes: which sink of this node, and the ticket
/// that the sink gave out. {0, 0} = nobody listens.
struct sink_ref {
  uint32_t sink = 0;
  uint64_t ticket = 0;
  explicit operator bool() const noexcept { return sink != 0; }
  friend auto operator<=>(const sink_ref&, const sink_ref&) = default;
};

using spec_ptr = std::shared_ptr<const job_spec>;
using events_ptr = std::shared_ptr<const std::vector<event>>;

/// What a Job object is rendered from.
struct job_view {
  spec_ptr spec; ///< Null for rows of a list and for retired jobs.
  job_record record;
  std::optional<queue_standing> standing; ///< Set while it waits.
  std::optional<job_why> why;             ///< Set while it waits.
};

/// Numbers behind a refusal, for the problem document.
struct refusal_facts {
  std::string model;                      ///< Empty: no model's.
  std::optional<uint64_t> queue_depth;    ///< Jobs before it.
  std::optional<double> estimated_wait_s; ///< Until it would start.
};
/// The request did not do what it asked for, and nothing was changed.
struct refused {
  failure why;
  double retry_after_s = 0.0; ///< > 0 only where waiting can help.
  refusal_facts facts{};
  /// With quota_exceeded, in cost units.
  struct shortage {
    double required = 0;
    double remaining = 0; ///< May be negative.
  };
  std::optional<shortage> budget{};
};
/// A submitted job is durable; `replayed`: an idempotent repeat of an older one.
struct job_accepted {
  job_view job;
  bool replayed = false;
};
/// What would become of a job that was submitted now.
struct job_estimated {
  job_record record; ///< As it would be admitted; its id means nothing.
  queue_standing standing;
  double service_p50_s = 0;
  double service_p90_s = 0;
  double output_tokens_p90 = 0;
  double price = 1; ///< Cost units per second.
  /// Real waits over estimated ones; nothing while too few were seen.
  std::optional<double> wait_ratio_p90;
  std::optional<refused> refusal;
};
/// Answer to get, wait and cancel.
struct job_snapshot {
  job_view job;
};
/// A watch is open: events with seq >= next_seq will follow as `job_events`
/// (a terminal job sends none: read the store). `tail`: committed events
/// that happened to be at hand, consecutive, ending at next_seq - 1; may be
/// null.
struct watch_opened {
  job_view job;
  uint64_t next_seq = 0;
  events_ptr tail;
};
/// Committed events of one watched job, consecutive. Batches may come twice or
/// overlap: drop what was seen, never skip.
struct job_events {
  job_id job;
  events_ptr events;
};
/// The watch ended without a terminal event (shard lost, too many readers).
struct watch_closed {
  failure why;
};
/// Answers of the store's reader threads.
struct events_page {
  std::vector<event> events;
};
struct output_read {
  job_view job;
  std::optional<job_output> output;
};
struct jobs_listed {
  job_page page;
};
/// A breaker after an operator's order.
struct breaker_answer {
  breaker_line line;
};

/// An override of a tenant's budget, or its end, is durable.
struct budget_kept {};

/// Replay runs, newest first, or the one that was asked about.
struct runs_listed {
  std::vector<replay_run> runs;
};

using delivery_body =
  std::variant<refused, job_accepted, job_snapshot, watch_opened, job_events,
               watch_closed, events_page, output_read, jobs_listed, runs_listed,
               breaker_answer, job_estimated, budget_kept>;

struct delivery {
  uint64_t ticket = 0;
  delivery_body body;
};

/// One gateway thread's inbox. `post` is thread-safe, never blocks and wakes
/// the thread at most once per call.
class client_sink {
public:
  virtual ~client_sink() = default;
  virtual void post(std::vector<delivery> items) = 0;
};

/// Finds sinks by number. Sinks are added before traffic starts and removed
/// after it ends; numbers start at 1. Thread-safe.
class sink_directory {
public:
  uint32_t add(std::shared_ptr<client_sink> sink);
  void remove(uint32_t number);
  /// Posts nothing when `to` is nobody or its sink is gone.
  void post(sink_ref to, delivery_body body) const;
  /// Groups by sink: one `post` for each.
  void post_all(std::vector<std::pair<sink_ref, delivery_body>> items) const;

private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<client_sink>> sinks_;
};

} // namespace troupe::runtime

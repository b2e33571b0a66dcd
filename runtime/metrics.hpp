// The node's metrics: events are told as they happen, states are asked for when
// somebody scrapes. Owns the registry; nobody else sees the library. Names,
// labels and meanings: metric_table.hpp and docs/metrics.md.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/errc.hpp"
#include "runtime/job.hpp"
#include "runtime/metric_table.hpp"
#include "runtime/overload/breaker.hpp"
#include "runtime/scheduling/wait_clocks.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

/// How an attempt ended, for `attempt_ended`.
enum class attempt_end : uint8_t {
  finished,    ///< With a result.
  failed,      ///< With an error that no retry mends.
  worker_lost, ///< Its engine died or hung.
  model_error, ///< The model failed; another attempt may succeed.
  stopped      ///< Cancelled, expired or handed back.
};

/// Thread-safe. Unknown label values count as `other`; negative, infinite or
/// undefined observations are dropped.
class metrics {
public:
  /// `models`: the configured names, the values of label `model`.
  explicit metrics(const std::vector<std::string>& models);
  ~metrics();
  metrics(const metrics&) = delete;
  metrics& operator=(const metrics&) = delete;

  // --- events ----------------------------------------------------------------
  void job_accepted(bool replayed);
  void job_refused(errc why);
  /// Once per job, with its terminal record.
  void job_ended(const job_record& record);
  void attempt_ended(std::string_view model, attempt_end how);
  /// `cause`: see retry_reason.
  void retried(std::string_view model, std::string_view cause);
  void breaker_moved(std::string_view target, breaker_state to, uint64_t times);
  /// One group commit of `batches` batches. `ok`: the store took it.
  void committed(duration took, size_t batches, bool ok);
  void engine_restarted(std::string_view model);
  /// `rung`: a word of the ladder, or `shed`.
  /// `stage`: see decision_stage.
  void degraded(std::string_view model, std::string_view rung,
                std::string_view stage);
  /// A job left the queue after these waits.
  void waited(std::string_view model, const wait_seconds& seconds);

  // --- states ----------------------------------------------------------------
  /// Called at each `expose`, in the order of registration, one at a time; sets
  /// what it knows with `set`. Register before the first scrape.
  void on_collect(std::function<void(metrics&)> source);
  /// A gauge's value, or a counter's total, which never falls: a smaller total
  /// is ignored. `labels` as many as the metric has.
  void set(metric id, double value, std::string_view first = {},
           std::string_view second = {}, std::string_view third = {});
  /// For a histogram: one observation; for a counter: so many more.
  void add(metric id, double value, std::string_view first = {},
           std::string_view second = {}, std::string_view third = {});

  /// Text exposition format 0.0.4, for GET /metrics.
  std::string expose();

private:
  struct registry;
  std::unique_ptr<registry> registry_;
};

} // namespace troupe::runtime

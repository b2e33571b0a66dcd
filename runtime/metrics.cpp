#include "runtime/metrics.hpp"

#include "runtime/result.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>

namespace troupe::runtime {
namespace {

/// 100 us to 17 minutes, about three to a decade.
const prometheus::Histogram::BucketBoundaries second_bounds{
  0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2,
  0.5,    1,      2,      5,     10,    30,    60,   120,  300,  1000};
const prometheus::Histogram::BucketBoundaries count_bounds{
  1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
const prometheus::Histogram::BucketBoundaries ratio_bounds{
  0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 5, 10, 20};

/// The values of one label, `other` last.
class label_set {
public:
  explicit label_set(std::vector<std::string> values)
    : values_{std::move(values)} {
    std::sort(values_.begin(), values_.end());
    values_.erase(std::unique(values_.begin(), values_.end()), values_.end());
  }
  size_t size() const noexcept { return values_.size() + 1; }
  size_t index(std::string_view value) const noexcept {
    auto found = std::lower_bound(values_.begin(), values_.end(), value);
    bool known = found != values_.end() && *found == value;
    return static_cast<size_t>((known ? found : values_.end())
                               - values_.begin());
  }
  const std::string& value(size_t index) const {
    static const std::string other{"other"};
    return index < values_.size() ? values_[index] : other;
  }

private:
  std::vector<std::string> values_;
};

/// One series; the member of the metric's type is set.
struct series {
  prometheus::Counter* counter = nullptr;
  prometheus::Gauge* gauge = nullptr;
  prometheus::Histogram* histogram = nullptr;
};

label_set values_of(label_domain domain,
                    const std::vector<std::string>& models) {
  if (domain == label_domain::model || domain == label_domain::target)
    return label_set{models};
  std::vector<std::string> values;
  for (auto x : label_values(domain))
    values.emplace_back(x);
  return label_set{std::move(values)};
}

const prometheus::Histogram::BucketBoundaries&
bounds_of(std::string_view unit) {
  if (unit == "seconds")
    return second_bounds;
  return unit == "real / predicted" ? ratio_bounds : count_bounds;
}

/// All series of one metric, made at once, so that what never happened is 0.
class family {
public:
  family(prometheus::Registry& to, const metric_definition& definition,
         const std::vector<std::string>& models)
    : definition_{definition}, first_{values_of(definition.first, models)},
      second_{values_of(definition.second, models)}, third_{values_of(
                                                       definition.third,
                                                       models)} {
    switch (definition.type) {
      case metric_type::counter:
        make(prometheus::BuildCounter(), to, &series::counter);
        break;
      case metric_type::gauge:
        make(prometheus::BuildGauge(), to, &series::gauge);
        break;
      case metric_type::histogram:
        make(prometheus::BuildHistogram(), to, &series::histogram,
             bounds_of(definition.unit));
        break;
    }
  }

  series& at(std::string_view first, std::string_view second,
             std::string_view third) {
    auto row = has(definition_.first) ? first_.index(first) : 0;
    auto column = has(definition_.second) ? second_.index(second) : 0;
    auto layer = has(definition_.third) ? third_.index(third) : 0;
    return series_[(row * columns() + column) * layers() + layer];
  }

private:
  static bool has(label_domain domain) noexcept {
    return domain != label_domain::none;
  }
  size_t rows() const { return has(definition_.first) ? first_.size() : 1; }
  size_t columns() const {
    return has(definition_.second) ? second_.size() : 1;
  }
  size_t layers() const { return has(definition_.third) ? third_.size() : 1; }

  template <class Builder, class Child, class... Arguments>
  void make(Builder builder, prometheus::Registry& to, Child* series::*member,
            const Arguments&... arguments) {
    auto& made = builder.Name(std::string{definition_.name})
                   .Help(std::string{definition_.about})
                   .Register(to);
    for (size_t i = 0; i < rows() * columns() * layers(); ++i) {
      prometheus::Labels labels;
      auto add = [&](label_domain domain, const label_set& set, size_t index) {
        if (has(domain))
          labels.emplace(label_name(domain), set.value(index));
      };
      add(definition_.first, first_, i / layers() / columns());
      add(definition_.second, second_, i / layers() % columns());
      add(definition_.third, third_, i % layers());
      series_.emplace_back().*member = &made.Add(labels, arguments...);
    }
  }

  const metric_definition& definition_;
  label_set first_;
  label_set second_;
  label_set third_;
  std::vector<series> series_;
};

constexpr std::array<std::string_view, 5> attempt_words{
  "finished", "failed", "worker_lost", "model_error", "stopped"};

double seconds(int64_t us) {
  return static_cast<double>(us) / 1e6;
}

} // namespace

struct metrics::registry {
  prometheus::Registry owner;
  std::vector<family> families;
  std::mutex collect_mutex; ///< Held by one scrape at a time.
  std::vector<std::function<void(metrics&)>> sources;

  series& at(metric id, std::string_view first, std::string_view second,
             std::string_view third) {
    return families[static_cast<size_t>(id)].at(first, second, third);
  }
};

metrics::metrics(const std::vector<std::string>& models)
  : registry_{std::make_unique<registry>()} {
  registry_->families.reserve(metric_count);
  for (const auto& definition : metric_definitions())
    registry_->families.emplace_back(registry_->owner, definition, models);
}

metrics::~metrics() = default;

void metrics::job_accepted(bool replayed) {
  add(metric::jobs_submitted, 1, replayed ? "replayed" : "accepted");
}

void metrics::job_refused(errc why) {
  add(metric::jobs_submitted, 1, to_string(why));
}

void metrics::job_ended(const job_record& record) {
  const auto& model = record.model;
  add(metric::jobs_ended, 1, model, to_string(record.status));
  if (record.dead_letter)
    add(metric::jobs_dead, 1, model);
  add(metric::queue_wait_seconds, seconds(record.timing.queue_us), model,
      to_string(record.tier));
  if (record.started_at != wall_time{}) {
    add(metric::compute_seconds, seconds(record.timing.compute_us), model);
    add(metric::delivery_seconds, seconds(record.timing.delivery_us), model);
  }
  if (record.first_output_at != wall_time{})
    add(metric::first_token_seconds,
        seconds((record.first_output_at - record.created_at).count()), model);
  add(metric::input_tokens, record.usage.input_tokens, model);
  add(metric::output_tokens, record.usage.output_tokens, model);
}

void metrics::attempt_ended(std::string_view model, attempt_end how) {
  auto index = static_cast<size_t>(how);
  add(metric::attempts, 1, model,
      index < attempt_words.size() ? attempt_words[index] : "");
}

void metrics::retried(std::string_view model, std::string_view cause) {
  add(metric::retries, 1, model, cause);
}

void metrics::breaker_moved(std::string_view target, breaker_state to,
                            uint64_t times) {
  add(metric::breaker_transitions, static_cast<double>(times), target,
      to_string(to));
}

void metrics::committed(duration took, size_t batches, bool ok) {
  add(metric::commit_seconds, seconds(took.count()));
  add(metric::commit_batches, static_cast<double>(batches));
  if (!ok)
    add(metric::commit_failures, 1);
}

void metrics::engine_restarted(std::string_view model) {
  add(metric::engine_restarts, 1, model);
}

void metrics::degraded(std::string_view model, std::string_view rung,
                       std::string_view stage) {
  add(metric::degraded, 1, model, rung, stage);
}

void metrics::waited(std::string_view model, const wait_seconds& waits) {
  for (size_t i = 0; i < waits.size(); ++i)
    if (waits[i] > 0)
      add(metric::sched_blocked_seconds, waits[i], model,
          to_string(static_cast<wait_reason>(i + 1)));
}

void metrics::on_collect(std::function<void(metrics&)> source) {
  std::lock_guard lock{registry_->collect_mutex};
  registry_->sources.push_back(std::move(source));
}

void metrics::set(metric id, double value, std::string_view first,
                  std::string_view second, std::string_view third) {
  if (!std::isfinite(value))
    return;
  auto& to = registry_->at(id, first, second, third);
  if (to.gauge)
    to.gauge->Set(value);
  else if (to.counter && value > to.counter->Value())
    to.counter->Increment(value - to.counter->Value());
}

void metrics::add(metric id, double value, std::string_view first,
                  std::string_view second, std::string_view third) {
  if (!std::isfinite(value))
    return;
  auto& to = registry_->at(id, first, second, third);
  if (to.gauge)
    to.gauge->Increment(value);
  else if (value < 0)
    return;
  else if (to.counter)
    to.counter->Increment(value);
  else
    to.histogram->Observe(value);
}

std::string metrics::expose() {
  std::lock_guard lock{registry_->collect_mutex};
  for (const auto& source : registry_->sources)
    source(*this);
  return prometheus::TextSerializer{}.Serialize(registry_->owner.Collect());
}

} // namespace troupe::runtime

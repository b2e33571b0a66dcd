#include "runtime/scheduling/allocator_core.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace troupe::runtime {
namespace {

constexpr double tick_s = 1;
constexpr double load_max_s = 3600;

double at_least_0(double x) noexcept {
  return std::isnan(x) ? 0 : std::max(x, 0.0);
}

double drain_s(double work_s, double speed) noexcept {
  if (work_s == 0)
    return 0;
  return speed > 0 ? work_s / speed : std::numeric_limits<double>::infinity();
}

// A model with the workers that it has at this tick.
struct holding {
  const pool_model* model;
  double work_s = 0;
  double speed = 0;
  uint32_t workers = 0;

  bool experimental() const noexcept {
    return model->kind == model_kind::experimental;
  }
  double drain() const noexcept { return drain_s(work_s, speed); }
  double drain_without(double lost) const noexcept {
    // Rounding must not leave a trace of speed where no worker is left.
    return workers <= 1 ? drain_s(work_s, 0) : drain_s(work_s, speed - lost);
  }
  uint32_t floor() const noexcept {
    return experimental() ? 0 : model->workers_min;
  }
  bool full() const noexcept {
    return model->workers_max != 0 && workers >= model->workers_max;
  }
  bool over_limit() const noexcept { return drain() > model->limit_s; }
};

struct candidate {
  const pool_worker* worker = nullptr;
  const holding* donor = nullptr; ///< None: the worker serves nothing.
  double drain_after = 0;
};

// One tick's picture of the pool.
class pool_view {
public:
  pool_view(std::span<const pool_model> models,
            std::span<const pool_worker> workers, double experimental_share)
    : workers_{workers} {
    for (const auto& model : models)
      holdings_.push_back({&model, at_least_0(model.work_s)});
    for (const auto& worker : workers)
      if (auto* own = find(worker.model)) {
        own->speed += at_least_0(worker.speed);
        ++own->workers;
        experimental_ += own->experimental() ? 1 : 0;
      }
    bool calm =
      std::none_of(holdings_.begin(), holdings_.end(), [](const holding& x) {
        return x.model->breaker_open
               || (x.model->kind == model_kind::accurate && x.over_limit());
      });
    if (calm)
      experimental_max_ = static_cast<uint32_t>(
        static_cast<double>(workers.size()) * experimental_share);
  }

  bool must_withdraw() const noexcept {
    return experimental_ > experimental_max_;
  }
  bool takes_experimental() const noexcept {
    return experimental_ < experimental_max_;
  }
  const std::vector<holding>& holdings() const noexcept { return holdings_; }

  // The worker whose loss leaves its model the smallest drain; idle ones first.
  candidate donor_for(const holding& receiver, bool withdraw) const {
    candidate best;
    for (const auto& worker : workers_) {
      const auto* donor = find(worker.model);
      if (!may_move(worker, donor, receiver)
          || (withdraw && (donor == nullptr || !donor->experimental())))
        continue;
      double after = donor ? donor->drain_without(at_least_0(worker.speed)) : 0;
      // An experimental model lives from what others can spare.
      if (receiver.experimental() && donor && after > donor->model->limit_s)
        continue;
      if (best.worker == nullptr || before(worker, donor, after, best))
        best = {&worker, donor, after};
    }
    return best;
  }

private:
  static bool may_move(const pool_worker& worker, const holding* donor,
                       const holding& receiver) noexcept {
    if (worker.loading || donor == &receiver
        || worker.memory_bytes < receiver.model->memory_bytes)
      return false;
    if (donor == nullptr)
      return worker.model.empty(); // What serves a foreign model is not ours.
    // The limit of an experimental model protects nobody.
    return donor->workers > donor->floor()
           && (donor->experimental() || !donor->over_limit());
  }
  static bool before(const pool_worker& worker, const holding* donor,
                     double after, const candidate& best) noexcept {
    if ((donor == nullptr) != (best.donor == nullptr))
      return donor == nullptr;
    double drain = donor ? donor->drain() : 0;
    double best_drain = best.donor ? best.donor->drain() : 0;
    if (drain != best_drain)
      return drain < best_drain;
    if (after != best.drain_after)
      return after < best.drain_after;
    return worker.worker < best.worker->worker;
  }
  holding* find(const std::string& model) noexcept {
    auto it =
      std::find_if(holdings_.begin(), holdings_.end(),
                   [&](const auto& x) { return x.model->model == model; });
    return it == holdings_.end() ? nullptr : &*it;
  }
  const holding* find(const std::string& model) const noexcept {
    auto it =
      std::find_if(holdings_.begin(), holdings_.end(),
                   [&](const auto& x) { return x.model->model == model; });
    return it == holdings_.end() ? nullptr : &*it;
  }

  std::span<const pool_worker> workers_;
  std::vector<holding> holdings_;
  uint32_t experimental_ = 0;
  uint32_t experimental_max_ = 0;
};

// Below its floor first, then the largest drain, then the name.
bool needs_more(const holding* x, const holding* y) noexcept {
  bool x_short = x->workers < x->floor(), y_short = y->workers < y->floor();
  if (x_short != y_short)
    return x_short;
  if (x->drain() != y->drain())
    return x->drain() > y->drain();
  return x->model->model < y->model->model;
}

// A move to the receiver, or why there is none.
allocator_decision decide_for(const holding& receiver, const candidate& donor,
                              double threshold_s, bool withdraw) {
  allocator_decision decision{.to = receiver.model->model,
                              .receiver_drain_s = receiver.drain(),
                              .threshold_s = threshold_s};
  bool shortage = receiver.workers < receiver.floor();
  if (!withdraw && !shortage && receiver.drain() == 0) {
    decision.reason = move_reason::balanced;
    return decision;
  }
  if (donor.worker == nullptr) {
    decision.reason = move_reason::no_donor;
    return decision;
  }
  decision.from = donor.worker->model;
  decision.donor_drain_after_s = donor.drain_after;
  // NaN, two endless drains, is no gain.
  bool gains = receiver.drain() - donor.drain_after > threshold_s;
  decision.reason = withdraw                  ? move_reason::withdrawal
                    : shortage                ? move_reason::floor
                    : !gains                  ? move_reason::balanced
                    : receiver.experimental() ? move_reason::surplus
                                              : move_reason::gain;
  if (decision.reason != move_reason::balanced)
    decision.worker = donor.worker->worker;
  return decision;
}

duration hold_after(double load_s) noexcept {
  return std::chrono::duration_cast<duration>(
    std::chrono::duration<double>(std::max(tick_s, load_s / 2)));
}

} // namespace

std::string_view to_string(move_reason reason) noexcept {
  switch (reason) {
    case move_reason::gain:
      return "gain";
    case move_reason::floor:
      return "floor";
    case move_reason::surplus:
      return "surplus";
    case move_reason::withdrawal:
      return "withdrawal";
    case move_reason::holding:
      return "holding";
    case move_reason::balanced:
      return "balanced";
    case move_reason::no_donor:
      return "no_donor";
    case move_reason::no_receiver:
      return "no_receiver";
  }
  return "unknown";
}

allocator_decision
allocator_core::decide(mono_time now, std::span<const pool_model> models,
                       std::span<const pool_worker> workers) {
  if (now < hold_until_)
    return {.reason = move_reason::holding};
  pool_view pool{models, workers, limits_.experimental_share_max};
  bool withdraw = pool.must_withdraw();
  std::vector<const holding*> receivers;
  for (const auto& x : pool.holdings())
    if (!x.model->breaker_open && !x.full() && !pauses(x.model->model, now)
        && (!x.experimental() || (!withdraw && pool.takes_experimental())))
      receivers.push_back(&x);
  std::sort(receivers.begin(), receivers.end(), needs_more);
  // Why the neediest gets none; the next in need may be easier to help.
  std::optional<allocator_decision> refusal;
  for (const auto* receiver : receivers) {
    double threshold = std::max(
      limits_.gain_min_s, limits_.gain_ratio * load_s(receiver->model->model));
    auto decision = decide_for(*receiver, pool.donor_for(*receiver, withdraw),
                               threshold, withdraw);
    if (decision.moves()) {
      hold_until_ = now + hold_after(load_s(decision.to));
      return decision;
    }
    if (!refusal)
      refusal = decision;
    if (decision.reason == move_reason::balanced)
      break;
  }
  return refusal.value_or(allocator_decision{});
}

void allocator_core::load_finished(const std::string& model, duration took) {
  auto& history = loads_[model];
  double sample =
    std::clamp(std::chrono::duration<double>(took).count(), 0.0, load_max_s);
  history.load_s = history.load_s
                     ? std::lerp(*history.load_s, sample, limits_.load_alpha)
                     : sample;
  history.failures = 0;
}

void allocator_core::load_failed(const std::string& model, mono_time now) {
  auto& history = loads_[model];
  if (history.failures < UINT32_MAX)
    ++history.failures;
  history.last_failure = now;
}

double allocator_core::load_s(const std::string& model) const {
  auto it = loads_.find(model);
  return it == loads_.end()
           ? limits_.load_initial_s
           : it->second.load_s.value_or(limits_.load_initial_s);
}

bool allocator_core::pauses(const std::string& model, mono_time now) const {
  auto it = loads_.find(model);
  return it != loads_.end() && it->second.failures >= limits_.failed_loads
         && now < it->second.last_failure + limits_.failed_load_pause;
}

} // namespace troupe::runtime

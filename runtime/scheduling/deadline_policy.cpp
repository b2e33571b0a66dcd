#include "runtime/scheduling/deadline_policy.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace troupe::runtime {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();
constexpr double output_tokens_min = 64;
constexpr double output_share_min = 0.25;

double known(double x) noexcept {
  return std::isnan(x) ? never : std::max(x, 0.0);
}

double to_seconds(duration d) noexcept {
  return std::chrono::duration<double>(d).count();
}

// The text so far, and room for one token more where text is made.
double context_needed(double tokens, bool makes_text) noexcept {
  return tokens + (makes_text ? 1 : 0);
}

bool fits_context(const ladder_target& target, double needed) noexcept {
  return needed <= target.context_length;
}

// 0 * infinity is 0 here: no tokens cost nothing.
double price(double per_token_s, double tokens) noexcept {
  return tokens > 0 ? known(per_token_s) * tokens : 0;
}

// The first target that a check finds fitting; records every check.
template <class Check>
std::optional<size_t> first_fitting(std::span<const ladder_target> targets,
                                    std::vector<rung_check>& tried,
                                    Check check) {
  for (size_t i = 0; i < targets.size(); ++i) {
    rung_check made = check(targets[i]);
    made.fallback = i;
    made.fits = made.needed <= made.available && targets[i].breaker_closed;
    tried.push_back(made);
    if (made.fits)
      return i;
  }
  return std::nullopt;
}

// One job on its way down the ladder.
class descent {
public:
  descent(const deadline_inputs& job, double left_s)
    : job_{job}, left_s_{left_s} {
    verdict_.max_output_tokens = job.max_output_tokens;
    verdict_.input_tokens = job.input_tokens;
  }

  ladder_verdict run() {
    if (job_.start_left && *job_.start_left < duration::zero())
      return expire(expire_reason::start_passed);
    if (job_.total_left && *job_.total_left <= duration::zero())
      return expire(expire_reason::total_passed);
    if (own_context() && starts_in_time() && own_finish_s() <= left_s_)
      return std::move(verdict_);
    if (job_.rights.degradation
        && (longer_context() || other_model() || output_limit() || context()
            || partial()))
      return std::move(verdict_);
    return shed();
  }

private:
  bool own_context() const noexcept {
    return context_needed(job_.input_tokens, job_.rights.makes_text)
           <= job_.context_length;
  }
  double start_left_s() const noexcept {
    return job_.start_left ? to_seconds(*job_.start_left) : never;
  }
  bool starts_in_time() const noexcept {
    return known(job_.wait_s) <= start_left_s();
  }
  double own_finish_s() const noexcept {
    return known(job_.wait_s) + known(job_.service_p50_s);
  }
  double work_left_s() const noexcept { return left_s_ - known(job_.wait_s); }
  // Starting here is possible, only the time is short.
  bool can_start_here() const noexcept {
    return own_context() && starts_in_time();
  }
  double output_cap() const noexcept {
    double room = static_cast<double>(job_.context_length) - job_.input_tokens;
    return job_.max_output_tokens == 0
             ? room
             : std::min<double>(job_.max_output_tokens, room);
  }
  // Whole output tokens for which there is time.
  double output_that_fits() const noexcept {
    double uncached = static_cast<double>(job_.input_tokens)
                      - std::min(job_.cached_tokens, job_.input_tokens);
    double spare =
      work_left_s() - known(job_.line.a_s) - price(job_.line.b_s, uncached);
    if (!(spare >= 0)) // NaN: all the time in the world against endless work.
      return 0;
    double tokens = std::floor(spare / known(job_.line.c_s));
    return std::isnan(tokens) ? 0 : std::min(tokens, output_cap());
  }

  bool take(ladder_outcome outcome, ladder_rung rung) noexcept {
    verdict_.outcome = outcome;
    verdict_.rung = rung;
    return true;
  }
  bool compare(ladder_rung rung, double needed, double available) {
    bool fits = needed <= available;
    verdict_.tried.push_back({rung, std::nullopt, needed, available, fits});
    return fits;
  }

  bool longer_context() {
    if (own_context())
      return false;
    double needed = context_needed(job_.input_tokens, job_.rights.makes_text);
    auto found = first_fitting(
      job_.fallbacks, verdict_.tried, [&](const ladder_target& target) {
        return rung_check{.rung = ladder_rung::longer_context,
                          .needed = needed,
                          .available = double(target.context_length)};
      });
    verdict_.fallback = found;
    return found && take(ladder_outcome::degrade, ladder_rung::longer_context);
  }

  bool other_model() {
    if (!own_context())
      return false; // longer_context has looked at every one.
    double tokens = context_needed(job_.input_tokens, job_.rights.makes_text);
    auto found = first_fitting(
      job_.fallbacks, verdict_.tried, [&](const ladder_target& target) {
        bool reached = fits_context(target, tokens)
                       && known(target.wait_s) <= start_left_s();
        double finish = known(target.wait_s) + known(target.service_p50_s);
        return rung_check{.rung = ladder_rung::model,
                          .needed = finish,
                          .available = reached ? left_s_ : -1};
      });
    verdict_.fallback = found;
    return found && take(ladder_outcome::degrade, ladder_rung::model);
  }

  bool output_limit() {
    if (!can_start_here() || !job_.rights.makes_text)
      return false;
    double fitting = output_that_fits();
    double least = std::max(output_tokens_min, output_share_min * output_cap());
    if (!compare(ladder_rung::output_limit, least, fitting))
      return false;
    verdict_.max_output_tokens = static_cast<uint32_t>(fitting);
    return take(ladder_outcome::degrade, ladder_rung::output_limit);
  }

  // Dropped turns end the cached prefix, so all that is kept is paid for.
  bool context() {
    if (!job_.rights.truncation_auto || !starts_in_time())
      return false;
    double keep = std::min(keep_by_context(), keep_by_time());
    double least = std::max<double>(1, job_.last_turn_tokens);
    bool fewer = keep < job_.input_tokens; // Else dropping turns helps nothing.
    if (!fewer || !compare(ladder_rung::context, least, keep))
      return false;
    verdict_.input_tokens = static_cast<uint32_t>(keep);
    return take(ladder_outcome::degrade, ladder_rung::context);
  }
  // Leaves room for the predicted output, if the last turn does.
  double keep_by_context() const noexcept {
    double length = job_.context_length;
    double most = length - (job_.rights.makes_text ? 1 : 0);
    double room =
      job_.rights.makes_text ? std::max(1.0, std::ceil(output_p50())) : 0;
    return std::max(length - room,
                    std::min<double>(job_.last_turn_tokens, most));
  }
  double keep_by_time() const noexcept {
    double spare =
      work_left_s() - known(job_.line.a_s) - price(job_.line.c_s, output_p50());
    if (left_s_ == never)
      return never;
    if (!(spare >= 0))
      return 0;
    double per_token = known(job_.line.b_s);
    return per_token > 0 ? std::floor(spare / per_token) : never;
  }
  double output_p50() const noexcept {
    auto predicted = known(job_.output_p50_tokens);
    return job_.max_output_tokens == 0
             ? predicted
             : std::min<double>(predicted, job_.max_output_tokens);
  }

  bool partial() {
    const auto& rights = job_.rights;
    // cutover without a fallback that fits acts as partial (api.md section 4).
    if (!can_start_here() || !rights.makes_text
        || rights.on_deadline == deadline_action::fail)
      return false;
    double least = std::max(1.0, output_share_min * output_p50());
    return compare(ladder_rung::partial, least, output_that_fits())
           && take(ladder_outcome::partial, ladder_rung::partial);
  }

  ladder_verdict shed() {
    compare(ladder_rung::shed, own_finish_s(), left_s_);
    if (!own_context())
      return expire(expire_reason::context_too_long);
    return expire(starts_in_time() ? expire_reason::deadline_unmeetable
                                   : expire_reason::start_unreachable);
  }
  ladder_verdict expire(expire_reason reason) {
    take(ladder_outcome::expire, ladder_rung::shed);
    verdict_.reason = reason;
    return std::move(verdict_);
  }

  const deadline_inputs& job_;
  double left_s_;
  ladder_verdict verdict_;
};

} // namespace

std::string_view to_string(ladder_rung rung) noexcept {
  switch (rung) {
    case ladder_rung::none:
      return "none";
    case ladder_rung::longer_context:
      return "longer_context";
    case ladder_rung::model:
      return "model";
    case ladder_rung::output_limit:
      return "output_limit";
    case ladder_rung::context:
      return "context";
    case ladder_rung::partial:
      return "partial";
    case ladder_rung::shed:
      return "shed";
  }
  return "unknown";
}

std::string_view to_string(expire_reason reason) noexcept {
  switch (reason) {
    case expire_reason::none:
      return "none";
    case expire_reason::start_passed:
      return "start_passed";
    case expire_reason::total_passed:
      return "total_passed";
    case expire_reason::start_unreachable:
      return "start_unreachable";
    case expire_reason::deadline_unmeetable:
      return "deadline_unmeetable";
    case expire_reason::context_too_long:
      return "context_too_long";
  }
  return "unknown";
}

ladder_verdict deadline_policy::decide(const deadline_inputs& job) const {
  return descent{job, time_left_s(job.total_left)}.run();
}

mid_run_verdict deadline_policy::mid_run(const running_inputs& job) const {
  mid_run_verdict verdict;
  const auto& rights = job.rights;
  double left = time_left_s(job.total_left);
  double needed = context_needed(
    static_cast<double>(job.input_tokens) + job.produced_tokens, true);
  if (!rights.degradation || !rights.makes_text || left <= 0)
    return verdict;
  bool full = needed > job.context_length;
  bool late = rights.on_deadline == deadline_action::cutover
              && !(known(job.rest_s) <= left);
  if (!full && !late)
    return verdict;
  auto rung = full ? ladder_rung::longer_context : ladder_rung::model;
  verdict.fallback = first_fitting(
    job.fallbacks, verdict.tried, [&](const ladder_target& target) {
      if (full)
        return rung_check{.rung = rung,
                          .needed = needed,
                          .available = double(target.context_length)};
      return rung_check{.rung = rung,
                        .needed =
                          known(target.wait_s) + known(target.service_p50_s),
                        .available = fits_context(target, needed) ? left : -1};
    });
  if (verdict.fallback)
    verdict.rung = rung;
  return verdict;
}

std::optional<mono_time>
deadline_policy::latest_feasible_start(std::optional<mono_time> start_at,
                                       std::optional<mono_time> total_at,
                                       double service_p50_s) const noexcept {
  if (!total_at)
    return start_at;
  // Longer than any limit (7 days), and safe to subtract.
  constexpr double service_max_s = 1e9;
  auto service =
    std::chrono::duration_cast<duration>(std::chrono::duration<double>(
      std::min(known(service_p50_s), service_max_s)));
  auto lead = margin_ + service;
  auto latest =
    *total_at < mono_time::min() + lead ? mono_time::min() : *total_at - lead;
  return start_at ? std::min(*start_at, latest) : latest;
}

double deadline_policy::time_left_s(
  std::optional<duration> total_left) const noexcept {
  return total_left ? to_seconds(*total_left) - to_seconds(margin_) : never;
}

} // namespace troupe::runtime

#include "runtime/scheduling/cost_model.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace troupe::runtime {
namespace {

/// Of the logarithm, before anything was seen: half of the answers lie within a
/// factor of two of the prior's median.
constexpr double prior_sigma = 1.0;
constexpr double tenant_alpha = 0.02;
constexpr double tenant_range = 4; ///< Factors stay in [1/4, 4].
constexpr uint32_t tenant_warm_up = 20;
constexpr double ratio_alpha = 0.02;
constexpr double ratio_max = 10; ///< Templates may add tokens to short texts.
constexpr uint8_t unlimited = 255;
/// No request has more tokens; longer answers count as this long.
constexpr double tokens_max = 1 << 24;
/// Of the lengths, for ln E[e^(rate * seconds)]: beyond it lie a few answers, or
/// none but the prior's guess, whose e^(...) would outweigh all that were seen.
constexpr double tail_quantile = 0.999;
/// So that no product overflows: a job of a microsecond; thirty years.
constexpr double rate_max = 1e6;
constexpr double seconds_max = 1e9;

uint8_t log2_of(double x) noexcept {
  auto n = static_cast<uint32_t>(std::clamp(x, 0.0, tokens_max));
  return static_cast<uint8_t>(std::bit_width(n));
}

double cap_of(const cost_features& job) noexcept {
  return job.max_output_tokens == 0
           ? tokens_max
           : static_cast<double>(job.max_output_tokens);
}

} // namespace

std::string_view to_string(cost_source x) noexcept {
  switch (x) {
    case cost_source::prior:
      return "prior";
    case cost_source::model:
      return "model";
    case cost_source::task:
      return "task";
    case cost_source::label:
      return "label";
    case cost_source::given:
      return "given";
  }
  return "unknown";
}

cost_model::cost_model(cost_prior prior)
  : service_{prior.service}, prior_lengths_{token_distribution::lognormal(
                               prior.output_tokens, prior_sigma)} {}

void cost_model::rebase(const cost_prior& prior) {
  service_.rebase(prior.service);
  prior_lengths_ =
    token_distribution::lognormal(prior.output_tokens, prior_sigma);
}

void cost_model::use_labels(bool on) noexcept {
  if (labels_used_ == on)
    return;
  labels_used_ = on;
  ++version_;
}

cost_prediction cost_model::predict(const cost_features& job,
                                    double rate) const {
  return predict(job, rate, labels_used_);
}

cost_prediction cost_model::predict_by_label(const cost_features& job) const {
  return predict(job, 0, true);
}

cost_prediction cost_model::predict(const cost_features& job, double rate,
                                    bool by_label) const {
  cost_prediction p{.version = version_};
  rate = std::isfinite(rate) ? std::clamp(rate, 0.0, rate_max) : 0.0;
  p.input_tokens = tokens_of(job.input_bytes);
  auto distribution = lengths(job, p.source, by_label);
  auto known_as = label_of(job);
  p.output_log2 = known_as.output_log2;
  p.input_log2 = known_as.input_log2;
  auto cap = cap_of(job);
  auto factor = factor_of(job);
  p.output_tokens_p50 = distribution.quantile(0.5, cap, factor);
  p.output_tokens_p90 = distribution.quantile(0.9, cap, factor);
  if (job.given_s && std::isfinite(*job.given_s) && *job.given_s >= 0) {
    p.mean_s = p.p50_s = p.p90_s = std::min(*job.given_s, seconds_max);
    p.log_mgf = rate * p.mean_s;
    p.source = cost_source::given;
    return p;
  }
  auto c = service_.coefficients();
  p.mean_s = c.at(p.input_tokens, distribution.mean(cap, factor));
  p.p50_s = c.at(p.input_tokens, p.output_tokens_p50);
  p.p90_s = c.at(p.input_tokens, p.output_tokens_p90);
  // At least that of the mean (Jensen): what rounding might deny.
  auto longest = distribution.quantile(tail_quantile, cap, factor);
  p.log_mgf =
    std::max(rate * p.mean_s, rate * c.at(p.input_tokens, 0)
                                + distribution.log_mgf(rate * c.output_token_s,
                                                       longest, factor));
  return p;
}

void cost_model::learn(const cost_sample& s) {
  if (!service_.learn({.input_tokens = s.input_tokens,
                       .output_tokens = s.output_tokens,
                       .seconds = s.seconds}))
    return;
  ++version_;
  if (s.job.input_bytes > 0 && s.input_tokens > 0)
    tokens_per_byte_ +=
      ratio_alpha
      * (std::min(s.input_tokens / s.job.input_bytes, ratio_max)
         - tokens_per_byte_);
  if (!s.whole)
    return;
  learn_tenant(s);
  all_.learn(s.output_tokens);
  tasks_[s.job.task].learn(s.output_tokens);
  auto l = label_of(s.job);
  if (auto it = labels_.find(l); it != labels_.end())
    it->second.learn(s.output_tokens);
  else if (labels_.size() < labels_max)
    labels_[l].learn(s.output_tokens);
}

/// How its answers compare with what is expected of anybody.
void cost_model::learn_tenant(const cost_sample& s) {
  auto it = tenants_.find(std::pair{s.job.tenant, s.job.task});
  if (it == tenants_.end()) {
    if (tenants_.size() >= tenants_max)
      return;
    it = tenants_.emplace(tenant_key{s.job.tenant, s.job.task}, tenant_factor{})
           .first;
  }
  cost_source source{};
  auto expected = lengths(s.job, source, labels_used_).mean(cap_of(s.job), 1);
  auto ratio =
    std::clamp(s.output_tokens / expected, 1 / tenant_range, tenant_range);
  auto& t = it->second;
  t.factor += tenant_alpha * (ratio - t.factor);
  ++t.samples;
}

double cost_model::tokens_of(double input_bytes) const noexcept {
  if (!std::isfinite(input_bytes) || input_bytes < 0)
    return 0;
  return std::min(input_bytes * tokens_per_byte_, tokens_max);
}

cost_model::label
cost_model::label_of(const cost_features& job) const noexcept {
  return {.task = job.task,
          .output_log2 = job.max_output_tokens == 0
                           ? unlimited
                           : log2_of(job.max_output_tokens),
          .input_log2 = log2_of(tokens_of(job.input_bytes))};
}

token_distribution cost_model::lengths(const cost_features& job,
                                       cost_source& source,
                                       bool by_label) const {
  source = cost_source::prior;
  if (all_.weight() <= 0)
    return prior_lengths_;
  source = cost_source::model;
  auto d = all_.shrunk_to(prior_lengths_);
  auto task = tasks_.find(job.task);
  if (task == tasks_.end())
    return d;
  source = cost_source::task;
  d = task->second.shrunk_to(d);
  if (!by_label)
    return d;
  auto l = labels_.find(label_of(job));
  if (l == labels_.end())
    return d;
  source = cost_source::label;
  return l->second.shrunk_to(d);
}

double cost_model::factor_of(const cost_features& job) const {
  auto it = tenants_.find(std::pair{job.tenant, job.task});
  return it == tenants_.end() || it->second.samples < tenant_warm_up
           ? 1.0
           : it->second.factor;
}

} // namespace troupe::runtime

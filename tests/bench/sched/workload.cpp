#include "tests/bench/sched/workload.hpp"

#include "tests/bench/sched/variates.hpp"

#include <algorithm>

namespace troupe::bench {
namespace {

/// Different draws of one seed must not follow each other.
uint64_t stream_of(uint64_t seed, uint64_t purpose) {
  return seed * 1000 + purpose;
}

double work_of(const sim_job& j) {
  return 0.01 + 0.0001 * static_cast<double>(j.input_tokens)
         + 0.02 * static_cast<double>(j.output_tokens);
}

float tokens(double x, double most) {
  return static_cast<float>(std::clamp(std::round(x), 1.0, most));
}

sim_job code_job(variates& v) {
  sim_job j{.kind = job_kind::code};
  j.input_tokens = tokens(v.lognormal(7.0, 1.36), 7'700);
  j.output_tokens = tokens(v.lognormal(2.79, 0.85), 2'000);
  j.work = j.predicted = j.predicted_p50 = work_of(j);
  return j;
}

sim_job conversation_job(variates& v) {
  sim_job j{.kind = job_kind::conversation};
  j.input_tokens = tokens(v.lognormal(6.63, 0.99), 14'000);
  auto out = v.uniform() < 0.55 ? v.lognormal(std::log(60.0), 0.8)
                                : v.lognormal(std::log(380.0), 0.25);
  j.output_tokens = tokens(out, 2'000);
  j.work = j.predicted = j.predicted_p50 = work_of(j);
  return j;
}

/// Adds arrivals with gaps of mean 1 / rate until the end.
template <class Make>
void add_stream(workload& w, double rate, double cv, double end_s, variates& v,
                Make make) {
  for (auto t = v.gamma_gap(cv) / rate; t < end_s;
       t += v.gamma_gap(cv) / rate) {
    w.jobs.push_back(make(v));
    w.jobs.back().arrival = t;
  }
}

/// In order, and stretched in time until the load is exact.
void settle(workload& w, double load, double end_s) {
  std::sort(w.jobs.begin(), w.jobs.end(),
            [](const auto& a, const auto& b) { return a.arrival < b.arrival; });
  auto stretch = w.total_work() / (w.slots * load * end_s);
  for (auto& j : w.jobs)
    j.arrival *= stretch;
}

/// Mean work of a kind, to start near the load that settle() makes exact.
template <class Make>
double mean_work(Make make) {
  variates v{1};
  double sum = 0;
  constexpr int samples = 20'000;
  for (int i = 0; i < samples; ++i)
    sum += make(v).work;
  return sum / samples;
}

} // namespace

double workload::total_work() const {
  double sum = 0;
  for (const auto& j : jobs)
    sum += j.work;
  return sum;
}

double workload::load() const {
  return jobs.empty() ? 0 : total_work() / (slots * jobs.back().arrival);
}

double seed_plan::load() const {
  if (fixed_load > 0)
    return fixed_load;
  // Pollaczek and Khinchine, solved for the load.
  auto wait = fcfs_mean_s - mean_s;
  return 1 / (1 + mean_s * (1 + squared_cv) / (2 * wait));
}

workload seed_workload(const seed_plan& plan, uint64_t seed) {
  workload w{.slots = plan.slots};
  w.jobs.resize(plan.jobs);
  variates gaps{stream_of(seed, 1)};
  variates sizes{stream_of(seed, 2)};
  auto variance = std::log1p(plan.squared_cv);
  auto mu = std::log(plan.mean_s) - variance / 2;
  auto sigma = std::sqrt(variance);
  double now = 0;
  for (auto& j : w.jobs) {
    now += gaps.exponential(plan.mean_s / (plan.load() * plan.slots));
    j.arrival = now;
    j.work = sigma > 0 ? sizes.lognormal(mu, sigma) : plan.mean_s;
    j.predicted = j.predicted_p50 = j.work;
  }
  return w;
}

workload azure_workload(const azure_plan& plan, uint64_t seed) {
  static const double code_mean = mean_work(code_job);
  static const double conversation_mean = mean_work(conversation_job);
  constexpr double code_share = 0.31;
  workload w{.slots = plan.slots};
  auto rate = plan.load * plan.slots
              / (code_share * code_mean + (1 - code_share) * conversation_mean);
  auto end_s = plan.hours * 3600;
  variates code{stream_of(seed, 3)};
  variates conversation{stream_of(seed, 4)};
  add_stream(w, rate * code_share, plan.code_cv, end_s, code, code_job);
  add_stream(w, rate * (1 - code_share), plan.conversation_cv, end_s,
             conversation, conversation_job);
  settle(w, plan.load, end_s);
  for (auto& j : w.jobs)
    j.limit = j.arrival
              + (j.kind == job_kind::code ? plan.code_limit_s
                                          : plan.conversation_limit_s);
  return w;
}

tenant_plan abuser_plan() {
  tenant_plan p;
  p.rates.assign(10, 1.0);
  p.rates[0] = 12;
  return p;
}

tenant_plan zipf_plan() {
  tenant_plan p{.cv = 4, .load = 0.93};
  for (int rank = 1; rank <= 40; ++rank)
    p.rates.push_back(1.0 / rank);
  return p;
}

workload tenant_workload(const tenant_plan& plan, uint64_t seed) {
  static const double mean = mean_work(conversation_job);
  workload w{.slots = plan.slots,
             .tenants = static_cast<uint32_t>(plan.rates.size())};
  double sum = 0;
  for (auto r : plan.rates)
    sum += r;
  auto unit = plan.load * plan.slots / (mean * sum);
  auto end_s = plan.hours * 3600;
  for (uint32_t t = 0; t < w.tenants; ++t) {
    variates v{stream_of(seed, 100 + t)};
    auto first = w.jobs.size();
    add_stream(w, unit * plan.rates[t], plan.cv, end_s, v, conversation_job);
    for (auto i = first; i < w.jobs.size(); ++i)
      w.jobs[i].tenant = t;
  }
  settle(w, plan.load, end_s);
  return w;
}

workload without_tenant(const workload& all, uint32_t tenant) {
  auto rest = all;
  std::erase_if(rest.jobs, [&](const auto& j) { return j.tenant == tenant; });
  return rest;
}

void predict_with_noise(workload& w, double sigma, uint64_t seed) {
  variates v{stream_of(seed, 5)};
  for (auto& j : w.jobs) {
    j.predicted = j.work * v.lognormal(-sigma * sigma / 2, sigma);
    j.predicted_p50 = j.predicted * std::exp(sigma * sigma / 2);
  }
}

void assign_tiers(workload& w, double priority, double flex, uint64_t seed) {
  variates v{stream_of(seed, 6)};
  for (auto& j : w.jobs) {
    auto u = v.uniform();
    j.tier = u < priority ? 2 : u < priority + flex ? 0 : 1;
  }
}

} // namespace troupe::bench

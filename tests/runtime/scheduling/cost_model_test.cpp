#include "runtime/rng.hpp"
#include "runtime/scheduling/cost_model.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <limits>
#include <numbers>

using namespace troupe::runtime;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

double normal(rng& random) {
  auto u = std::max(random.unit(), 1e-12);
  return std::sqrt(-2 * std::log(u))
         * std::cos(2 * std::numbers::pi * random.unit());
}

cost_sample sample(double in, double out, double seconds) {
  return {.job = {.tenant = "t", .input_bytes = in * 4},
          .input_tokens = in,
          .output_tokens = out,
          .seconds = seconds};
}

} // namespace

TEST_CASE("the fit finds the coefficients of linear data",
          "[scheduling][cost][property]") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    seeded_rng random{seed};
    service_coefficients truth{.base_s = random.unit(),
                               .input_token_s = random.unit() * 1e-3,
                               .output_token_s = random.unit() * 0.1};
    service_fit fit;
    for (int i = 0; i < 3000; ++i) {
      auto in = static_cast<double>(random.below(2000));
      auto out = static_cast<double>(random.below(500));
      fit.learn({in, out, truth.at(in, out) * std::exp(0.05 * normal(random))});
    }
    auto found = fit.coefficients();
    CHECK_THAT(found.at(1000, 200), WithinRel(truth.at(1000, 200), 0.03));
    CHECK_THAT(found.at(100, 20), WithinRel(truth.at(100, 20), 0.15));
  }
}

TEST_CASE("the fit follows a change and does not wind up on equal jobs",
          "[scheduling][cost]") {
  service_fit fit;
  for (int i = 0; i < 20'000; ++i)
    fit.learn({100, 100, 2.0});
  CHECK_THAT(fit.coefficients().at(100, 100), WithinRel(2.0, 0.01));
  for (int i = 0; i < 5'000; ++i)
    fit.learn({100, 100, 5.0});
  CHECK_THAT(fit.coefficients().at(100, 100), WithinRel(5.0, 0.02));
}

TEST_CASE("a stray is ignored, twenty in a row are the new truth",
          "[scheduling][cost]") {
  service_fit fit;
  for (int i = 0; i < 100; ++i)
    fit.learn({100, 100, 1.0});
  CHECK_FALSE(fit.learn({100, 100, 500.0}));
  CHECK_THAT(fit.coefficients().at(100, 100), WithinRel(1.0, 0.01));
  for (int i = 0; i < 30; ++i)
    fit.learn({100, 100, 500.0});
  CHECK_THAT(fit.coefficients().at(100, 100), WithinRel(500.0, 0.05));
}

TEST_CASE("no sample makes a prediction that is no number",
          "[scheduling][cost][property]") {
  seeded_rng random{3};
  auto inf = std::numeric_limits<double>::infinity();
  double odd[] = {std::nan(""), inf, -inf, -1, 0, 1e-300, 1e300, 1e9, 1};
  auto any = [&] { return odd[random.below(std::size(odd))]; };
  cost_model model;
  for (int i = 0; i < 20'000; ++i) {
    cost_sample s{.job = {.tenant = "t", .input_bytes = any()},
                  .input_tokens = any(),
                  .output_tokens = any(),
                  .seconds = any()};
    s.job.max_output_tokens = static_cast<uint32_t>(random.next());
    model.learn(s);
    auto p = model.predict(
      {.tenant = "t",
       .input_bytes = any(),
       .max_output_tokens = s.job.max_output_tokens,
       .given_s = i % 3 == 0 ? std::optional{any()} : std::nullopt},
      any());
    CAPTURE(i, p.mean_s, p.p50_s, p.p90_s, p.log_mgf, p.input_tokens);
    for (double x : {p.mean_s, p.p50_s, p.p90_s, p.log_mgf, p.input_tokens})
      REQUIRE((std::isfinite(x) && x >= 0));
    REQUIRE(p.p50_s <= p.p90_s);
  }
  CHECK(model.labels() <= cost_model::labels_max);
}

TEST_CASE("predictions grow with the input and sink with the limit",
          "[scheduling][cost][property]") {
  seeded_rng random{4};
  cost_model model;
  for (int i = 0; i < 2000; ++i) {
    auto in = std::exp(random.unit() * 7);
    auto out = std::exp(4 + normal(random));
    model.learn(sample(in, out, 0.01 + 0.0001 * in + 0.02 * out));
  }
  cost_features job{.tenant = "t", .input_bytes = 400};
  auto free = model.predict(job, 0.1);
  job.max_output_tokens = 10;
  auto capped = model.predict(job, 0.1);
  CHECK(capped.mean_s < free.mean_s);
  CHECK(capped.output_tokens_p90 <= 10);
  CHECK(capped.log_mgf < free.log_mgf);
  // Within one label, where the lengths are the same.
  job = {.tenant = "t", .input_bytes = 2100};
  auto less = model.predict(job, 0.1).mean_s;
  job.input_bytes = 4000;
  CHECK(model.predict(job, 0.1).mean_s >= less);
}

TEST_CASE("kinds of requests are told apart once they are known",
          "[scheduling][cost]") {
  cost_model model;
  CHECK(model.predict({}, 0).source == cost_source::prior);
  seeded_rng random{6};
  for (int i = 0; i < 4000; ++i) {
    bool brief = i % 2 == 0;
    cost_sample s = sample(100, brief ? 10 : 400, brief ? 0.2 : 8.0);
    s.job.task = brief ? task_kind::complete : task_kind::chat;
    model.learn(s);
  }
  auto brief =
    model.predict({.task = task_kind::complete, .input_bytes = 400}, 0.1);
  auto wordy =
    model.predict({.task = task_kind::chat, .input_bytes = 400}, 0.1);
  CHECK(brief.source == cost_source::label);
  CHECK_THAT(brief.p50_s, WithinRel(0.2, 0.15));
  CHECK_THAT(wordy.p50_s, WithinRel(8.0, 0.15));
  auto unseen =
    model.predict({.task = task_kind::rerank, .input_bytes = 400}, 0);
  CHECK(unseen.source == cost_source::model);
}

TEST_CASE("a tenant's own factor shows after twenty jobs and is bounded",
          "[scheduling][cost]") {
  cost_model model;
  auto learn = [&](std::string_view tenant, double out) {
    auto s = sample(100, out, 0.02 * out);
    s.job.tenant = tenant;
    model.learn(s);
  };
  for (int i = 0; i < 500; ++i)
    learn("a", 100);
  for (int i = 0; i < 15; ++i)
    learn("b", 400);
  cost_features mine{.tenant = "b", .input_bytes = 400};
  auto before = model.predict(mine, 0).output_tokens_p50;
  for (int i = 0; i < 10; ++i)
    learn("b", 400);
  CHECK(model.predict(mine, 0).output_tokens_p50 > before);
  for (int i = 0; i < 1000; ++i)
    learn("b", 1e6);
  cost_features other{.tenant = "c", .input_bytes = 400};
  CHECK(model.predict(mine, 0).output_tokens_p90
        <= 4.01 * model.predict(other, 0).output_tokens_p90);
}

TEST_CASE(
  "the mgf of a certain size is its exponential; of an uncertain one more",
  "[scheduling][cost]") {
  cost_model model;
  auto p = model.predict({.given_s = 3.0}, 0.5);
  CHECK(p.log_mgf == 1.5);
  CHECK(p.source == cost_source::given);
  auto guess = model.predict({}, 0.5);
  CHECK(guess.log_mgf >= 0.5 * guess.mean_s);
}

TEST_CASE("a histogram's quantiles, mean and weight are those of its samples",
          "[scheduling][cost][property]") {
  seeded_rng random{9};
  token_histogram h;
  std::vector<double> seen;
  for (int i = 0; i < 2000; ++i) {
    seen.push_back(std::round(std::exp(5 + 0.8 * normal(random))));
    h.learn(seen.back());
  }
  CHECK(h.weight() < 2000);
  std::sort(seen.begin(), seen.end());
  auto d = h.shrunk_to(token_distribution::lognormal(150, 1));
  for (double q : {0.1, 0.5, 0.9, 0.99})
    CHECK_THAT(d.quantile(q, 1e9, 1),
               WithinRel(seen[static_cast<size_t>(q * 2000)], 0.25));
  double total = 0;
  for (size_t i = 0; i < token_distribution::buckets; ++i)
    total += d.share(i);
  CHECK_THAT(total, WithinAbs(1, 1e-4));
  for (int i = 0; i < 200'000; ++i)
    h.learn(7);
  CHECK_THAT(h.weight(), WithinRel(2886.0, 0.01));
  CHECK_THAT(h.shrunk_to(d).quantile(0.5, 1e9, 1), WithinRel(7.0, 0.1));
}

TEST_CASE("a length that nobody has seen does not outweigh those that were",
          "[scheduling][cost]") {
  cost_model model;
  cost_features job{.tenant = "t", .input_bytes = 400};
  for (int i = 0; i < 500; ++i)
    model.learn(sample(100, 20 + i % 3, 0.03 + 0.02 * (20 + i % 3)));
  // No limit on the output: the prior's tail reaches to 2^24 tokens, days.
  for (double rate : {0.001, 0.005, 0.05, 0.5}) {
    auto p = model.predict(job, rate);
    CHECK(p.log_mgf >= rate * p.mean_s);
    CHECK(p.log_mgf <= 2 * rate * p.mean_s + rate * rate);
  }
}

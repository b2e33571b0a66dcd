#include "runtime/rng.hpp"
#include "runtime/scheduling/label_watch.hpp"
#include "runtime/scheduling/policy_source.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

/// Real times follow the prediction with weight `order`, else chance.
void feed(label_watch& watch, rng& random, double order, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    auto predicted = 1 + random.unit();
    watch.observe(predicted,
                  order * predicted + (1 - order) * (1 + random.unit()));
  }
}

} // namespace

TEST_CASE("labels that order by chance go off and come back when they order",
          "[scheduling][calibration]") {
  seeded_rng random{3};
  label_watch watch;
  feed(watch, random, 0, 499);
  CHECK(watch.review(mono_time{1h}));
  CHECK_FALSE(watch.tau());
  feed(watch, random, 0, 501);
  CHECK_FALSE(watch.review(mono_time{1h}));
  feed(watch, random, 1, 1'000);
  CHECK_FALSE(watch.review(mono_time{1h + 59s})); // Once a minute.
  CHECK(watch.review(mono_time{1h + 60s}));
  CHECK(watch.tau().value() > 0.9);
}

TEST_CASE("labels change only across their two limits, whatever comes",
          "[scheduling][calibration][property]") {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    seeded_rng random{seed};
    label_watch watch;
    mono_time now{1h};
    for (int step = 0; step < 10; ++step) {
      feed(watch, random, random.below(3) == 0 ? 0.2 : 0.0, 300);
      watch.observe(std::numeric_limits<double>::quiet_NaN(), 1);
      watch.observe(1, -1);
      auto before = watch.on();
      auto after = watch.review(now += 1min);
      if (!watch.tau())
        CHECK(after == before);
      else if (before)
        CHECK(after == (*watch.tau() >= label_watch::tau_off));
      else
        CHECK(after == (*watch.tau() > label_watch::tau_on));
    }
  }
}

TEST_CASE("a dispatcher's costs stop to use labels that are wrong, and publish "
          "that",
          "[scheduling][calibration][cost]") {
  seeded_rng random{5};
  policy_source source{{}, {}};
  auto sample = [&](bool ordered) {
    auto large = random.below(2) == 1;
    cost_sample s{.job = {.tenant = "t",
                          .input_bytes = 40,
                          .max_output_tokens = large ? 4096u : 64u},
                  .input_tokens = 10,
                  .whole = true};
    // The limit of a request says how long the answer is, or nothing.
    s.output_tokens = ordered ? (large ? 400 : 40) + random.unit() * 20
                              : 20 + random.unit() * 20;
    s.seconds = s.output_tokens * 0.01;
    return s;
  };
  mono_time now{1h};
  for (int i = 0; i < 1'200; ++i)
    source.measured(sample(true));
  auto known = source.publish({.capacity = 1}, now);
  CHECK(known->costs->labels_used());
  for (int i = 0; i < 3'000; ++i)
    source.measured(sample(false));
  auto wrong = source.publish({.capacity = 1}, now += 1min);
  CHECK_FALSE(wrong->costs->labels_used());
  CHECK(wrong->costs->version() > known->costs->version());
  cost_features one{.tenant = "t", .input_bytes = 40, .max_output_tokens = 64};
  CHECK(wrong->costs->predict(one, 0).source == cost_source::task);
  CHECK(wrong->costs->predict_by_label(one).source == cost_source::label);
  for (int i = 0; i < 1'500; ++i)
    source.measured(sample(true));
  auto again = source.publish({.capacity = 1}, now += 1min);
  CHECK(again->costs->labels_used());
  CHECK(again->costs->predict(one, 0).source == cost_source::label);
}

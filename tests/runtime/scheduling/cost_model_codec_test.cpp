#include "runtime/rng.hpp"
#include "runtime/scheduling/cost_keeper.hpp"
#include "runtime/scheduling/cost_model_codec.hpp"
#include "runtime/scheduling/policy_source.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <limits>
#include <string>

using namespace std::chrono_literals;
using namespace troupe::runtime;
using Catch::Matchers::WithinRel;

namespace {

constexpr cost_prior prior{
  .service = {.base_s = 0.05, .input_token_s = 0.001, .output_token_s = 0.01},
  .output_tokens = 60};

/// Some kinds of requests of some tenants, each with its own length.
cost_model learnt(uint64_t seed, int samples, uint64_t tenants = 3) {
  seeded_rng random{seed};
  cost_model model{prior};
  for (int i = 0; i < samples; ++i) {
    auto tenant = "tenant-" + std::to_string(random.below(tenants));
    auto in = static_cast<double>(16 << random.below(6));
    auto out = 10.0 + static_cast<double>(random.below(300));
    auto limit = static_cast<uint32_t>(64 << random.below(4));
    model.learn({.job = {.tenant = tenant,
                         .task = random.below(2) == 0 ? task_kind::chat
                                                      : task_kind::complete,
                         .input_bytes = in * 4,
                         .max_output_tokens = limit},
                 .input_tokens = in,
                 .output_tokens = std::min<double>(out, limit),
                 .seconds = 0.1 + 0.0005 * in + 0.02 * out});
  }
  return model;
}

/// Of what anybody may ask about.
std::vector<cost_prediction> predictions(const cost_model& model) {
  std::vector<cost_prediction> all;
  for (std::string_view tenant : {"tenant-0", "tenant-2", "nobody"})
    for (auto task : {task_kind::chat, task_kind::complete, task_kind::embed})
      for (double bytes : {0.0, 64.0, 5'000.0})
        for (uint32_t limit : {0u, 64u, 500u})
          all.push_back(model.predict({.tenant = tenant,
                                       .task = task,
                                       .input_bytes = bytes,
                                       .max_output_tokens = limit},
                                      0.3));
  return all;
}

void check_equal(const cost_model& a, const cost_model& b) {
  CHECK(a.samples() == b.samples());
  CHECK(a.version() == b.version());
  CHECK(a.labels() == b.labels());
  auto x = predictions(a);
  auto y = predictions(b);
  for (size_t i = 0; i < x.size(); ++i) {
    CHECK_THAT(y[i].mean_s, WithinRel(x[i].mean_s, 1e-3));
    CHECK_THAT(y[i].p50_s, WithinRel(x[i].p50_s, 1e-3));
    CHECK_THAT(y[i].p90_s, WithinRel(x[i].p90_s, 1e-3));
    CHECK_THAT(y[i].log_mgf, WithinRel(x[i].log_mgf, 1e-2));
    CHECK(y[i].source == x[i].source);
  }
}

} // namespace

TEST_CASE("what was learnt predicts the same after it was stored",
          "[scheduling][cost][codec]") {
  for (int samples : {0, 1, 19, 400, 5'000}) {
    auto model = learnt(7, samples);
    auto read = decode_cost_model(encode(model));
    REQUIRE(read.has_value());
    read->rebase(prior);
    check_equal(model, *read);
    CHECK(encode(*read) == encode(model));
  }
}

TEST_CASE("learning goes on where it stood", "[scheduling][cost][codec]") {
  auto model = learnt(3, 500);
  auto read = decode_cost_model(encode(model)).value();
  read.rebase(prior);
  seeded_rng random{9};
  for (int i = 0; i < 500; ++i) {
    cost_sample s{.job = {.tenant = "tenant-1", .input_bytes = 400},
                  .input_tokens = 100,
                  .output_tokens = static_cast<double>(random.below(90)),
                  .seconds = 1};
    model.learn(s);
    read.learn(s);
  }
  check_equal(model, read);
}

TEST_CASE("a cost model's bytes are bounded, whoever sends requests",
          "[scheduling][cost][codec]") {
  auto model = learnt(1, 60'000, 20'000);
  for (int i = 0; i < 300; ++i)
    model.learn({.job = {.tenant = std::string(5'000, 'x')},
                 .input_tokens = 1,
                 .output_tokens = 5,
                 .seconds = 1});
  auto bytes = encode(model);
  CHECK(bytes.size() <= cost_model_bytes_max);
  auto read = decode_cost_model(bytes);
  REQUIRE(read.has_value());
  CHECK(read->samples() == model.samples());
}

TEST_CASE("damaged costs are refused or harmless, never a crash",
          "[scheduling][cost][codec][property]") {
  auto bytes = encode(learnt(5, 300));
  for (size_t size = 0; size < bytes.size(); ++size)
    CHECK(decode_cost_model(bytes.substr(0, size)).has_error());
  CHECK(decode_cost_model(bytes + "x").has_error());
  seeded_rng random{11};
  for (int i = 0; i < 4'000; ++i) {
    auto bad = bytes;
    for (uint64_t n = 1 + random.below(4); n > 0; --n)
      bad[random.below(bad.size())] = static_cast<char>(random.below(256));
    auto read = decode_cost_model(bad);
    if (!read) {
      CHECK(read.error().code == errc::corruption);
      continue;
    }
    auto p = read->predict({.tenant = "tenant-0", .input_bytes = 400}, 0.3);
    for (double x : {p.mean_s, p.p50_s, p.p90_s, p.log_mgf})
      if (!(std::isfinite(x) && x >= 0))
        FAIL("byte flips made a prediction of " << x << ", run " << i);
    CHECK(p.p50_s <= p.p90_s);
  }
}

TEST_CASE("another version of the costs is not guessed at",
          "[scheduling][cost][codec]") {
  auto bytes = encode(learnt(5, 30));
  bytes[0] = 2;
  auto read = decode_cost_model(bytes);
  REQUIRE(read.has_error());
  CHECK(read.error().context.find("version 2") != std::string::npos);
  CHECK(decode_cost_model({}).has_error());
  CHECK(
    decode_cost_model(std::string(cost_model_bytes_max + 1, '\1')).has_error());
}

TEST_CASE("a dispatcher adopts kept costs only if they know more",
          "[scheduling][policy]") {
  auto kept = decode_cost_model(encode(learnt(2, 400))).value();
  policy_source fresh{{}, prior};
  CHECK(fresh.adopt(kept));
  CHECK(fresh.costs().samples() == 400);
  check_equal(learnt(2, 400), fresh.costs()); // with the configured prior
  CHECK_FALSE(fresh.adopt(kept));
  CHECK_FALSE(fresh.adopt(learnt(2, 399)));
  CHECK(fresh.adopt(learnt(2, 401)));
}

TEST_CASE("costs are kept each minute, and sooner while they double",
          "[scheduling][cost]") {
  cost_keeper keeper;
  mono_time t{1h};
  CHECK_FALSE(keeper.due(0, t));
  CHECK(keeper.due(1, t) == t - cost_keeper::pause + cost_keeper::every);
  CHECK(*keeper.due(cost_keeper::samples_min, t) <= t);
  keeper.kept(8, t);
  CHECK_FALSE(keeper.due(8, t));
  CHECK(keeper.due(15, t) == t + cost_keeper::every);
  CHECK(keeper.due(16, t) == t + cost_keeper::pause);
  keeper.kept(1'000, t);
  CHECK(keeper.due(1'900, t) == t + cost_keeper::every);
}

TEST_CASE("a model's costs have one home", "[scheduling][cost]") {
  for (uint16_t shards : {1, 2, 64, 1'024}) {
    auto home = home_shard("sim", shards);
    CHECK(home.value < shards);
    CHECK(home_shard("sim", shards) == home);
  }
  CHECK(home_shard("sim", 0).value == 0);
  CHECK(model_of_costs(costs_name("a/b")) == "a/b");
  CHECK_FALSE(model_of_costs("poison/x"));
}

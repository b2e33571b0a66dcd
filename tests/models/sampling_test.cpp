#include "models/sampling.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>
#include <map>

using namespace troupe::models;

namespace {

std::map<token_id, int> draw(sampling_params params, std::vector<float> logits,
                             int count) {
  sampler choice{params};
  std::map<token_id, int> seen;
  for (int i = 0; i < count; ++i)
    ++seen[choice.choose(logits, static_cast<uint64_t>(i))];
  return seen;
}

const float inf = std::numeric_limits<float>::infinity();

} // namespace

TEST_CASE("greedy takes the likeliest token, the first of equals",
          "[models][sampling]") {
  CHECK(draw({.temperature = 0}, {1, 3, 3, 2}, 5)
        == std::map<token_id, int>{{1, 5}});
  CHECK(draw({.temperature = 1, .top_k = 1}, {1, 3, 3, 2}, 5)
        == std::map<token_id, int>{{1, 5}});
}

TEST_CASE("frequencies follow the softmax of the logits",
          "[models][sampling]") {
  auto seen = draw({.temperature = 1, .seed = 3},
                   {std::log(1.0f), std::log(2.0f), std::log(7.0f)}, 20'000);
  CHECK(std::abs(seen[0] - 2'000) < 200);
  CHECK(std::abs(seen[1] - 4'000) < 250);
  CHECK(std::abs(seen[2] - 14'000) < 300);
}

TEST_CASE("temperature sharpens and flattens", "[models][sampling]") {
  std::vector<float> logits{0, 1};
  auto cold = draw({.temperature = 0.1, .seed = 1}, logits, 2'000);
  auto hot = draw({.temperature = 2, .seed = 1}, logits, 2'000);
  CHECK(cold[0] < 5);
  CHECK(hot[0] > 600);
  CHECK(hot[0] < 900);
}

TEST_CASE("top-k and top-p cut the tail", "[models][sampling]") {
  std::vector<float> logits{std::log(1.0f), std::log(2.0f), std::log(3.0f),
                            std::log(4.0f)};
  auto two = draw({.top_k = 2, .seed = 5}, logits, 2'000);
  CHECK(two.size() == 2);
  CHECK(two[2] > 700);
  CHECK(two[3] > 1'000);
  // 0.4 alone is short of 0.5; 0.4 + 0.3 is enough.
  auto half = draw({.top_p = 0.5, .seed = 5}, logits, 2'000);
  CHECK(half.size() == 2);
  CHECK(half.contains(3));
  CHECK(half.contains(2));
  auto none = draw({.top_p = 0.0, .seed = 5}, logits, 100);
  CHECK(none == std::map<token_id, int>{{3, 100}});
  CHECK(draw({.top_k = 1000, .seed = 5}, logits, 2'000).size() == 4);
}

TEST_CASE("a draw depends on seed and position alone", "[models][sampling]") {
  std::vector<float> logits(100);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>(i % 7);
  sampler a{{.seed = 42}};
  sampler b{{.seed = 42}};
  sampler other{{.seed = 43}};
  a.choose(logits, 0);
  a.choose(logits, 1);
  int differ = 0;
  for (uint64_t i = 100; i < 150; ++i) {
    auto from_a = a.choose(logits, i);
    CHECK(from_a == b.choose(logits, i));
    differ += from_a != other.choose(logits, i);
  }
  CHECK(differ > 25);
  // Pinned, so that it is the same on every machine.
  CHECK(uniform_at(0, 0) != uniform_at(0, 1));
  CHECK(uniform_at(42, 7) == uniform_at(42, 7));
  for (uint64_t i = 0; i < 1'000; ++i) {
    CHECK(uniform_at(i, i) >= 0.0);
    CHECK(uniform_at(i, i) < 1.0);
  }
}

TEST_CASE("logits that are not finite are never chosen", "[models][sampling]") {
  std::vector<float> logits{-inf, NAN, 0, inf, 0};
  auto seen = draw({.seed = 1}, logits, 500);
  CHECK(seen.size() == 2);
  CHECK(seen.contains(2));
  CHECK(seen.contains(4));
  CHECK(draw({.temperature = 0}, logits, 1) == std::map<token_id, int>{{2, 1}});
  CHECK(draw({.temperature = 0}, {NAN, inf}, 1).contains(-1));
  CHECK(draw({.temperature = 1}, {NAN, inf}, 1).contains(-1));
}

TEST_CASE("penalties push repeated tokens down", "[models][sampling]") {
  sampler choice{
    {.temperature = 0, .presence_penalty = 0.5, .frequency_penalty = 0.25}};
  std::vector<float> logits{1.0f, 0.4f};
  CHECK(choice.choose(logits, 0) == 0);
  choice.note(0); // 1 - 0.5 - 0.25 = 0.25
  CHECK(choice.choose(logits, 1) == 1);
}

// Pools, aliases, and what may not be said of them.
#include "runtime/config.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace std::chrono_literals;
using namespace troupe::runtime;

namespace {

config_result parse(const std::string& text) {
  return parse_config(text, "t.yaml", "/etc/troupe");
}

/// The first problem as a line of text.
std::string complaint(const std::string& text) {
  auto read = parse(text);
  INFO(text);
  REQUIRE(read.has_error());
  auto lines = read.error().str();
  return lines.substr(0, lines.find('\n'));
}

std::string sim(const std::string& fields) {
  return "  - { backend: simulated, " + fields + " }\n";
}

const std::string two = "models:\n" + sim("name: a, pool: gpu")
                        + sim("name: b, pool: gpu, workers_min: 2");

} // namespace

TEST_CASE("pools and aliases are read", "[runtime][config][allocator]") {
  auto read = parse(
    two + sim("name: trial, kind: experimental")
    + "pools: [{ name: gpu, workers: 4 }]\n"
      "aliases: [{ name: best, models: [a, b, trial], intent: explore }]\n"
      "scheduling: { accurate_high_s: 3, allocator: { gain_min_s: 1, "
      "drain_max_s: 5, experimental_share_max: 0.5 } }\n");
  INFO((read.has_error() ? read.error().str() : ""));
  REQUIRE(read.has_value());
  REQUIRE(read->pools.size() == 1);
  CHECK(read->pools[0].workers == 4);
  CHECK(read->models[0].pool == "gpu");
  CHECK(read->models[0].workers_min == 1);
  CHECK(read->models[1].workers_min == 2);
  CHECK(read->models[2].purpose == model_purpose::experimental);
  CHECK(read->models[0].purpose == model_purpose::accurate);
  REQUIRE(read->aliases.size() == 1);
  CHECK(read->aliases[0].models == std::vector<std::string>{"a", "b", "trial"});
  CHECK(read->aliases[0].intent == alias_intent::explore);
  CHECK(read->scheduling.accurate_high == 3s);
  CHECK(read->scheduling.allocator.drain_max == 5s);
  CHECK(parse(print_effective(*read)).value() == *read);
}

TEST_CASE("pools must be consistent", "[runtime][config][allocator]") {
  auto pool = [](const std::string& models, const std::string& pools) {
    return complaint("models:\n" + models + "pools: [{ " + pools + " }]\n");
  };
  CHECK(complaint("models:\n" + sim("name: a, pool: gpu"))
        == "t.yaml:2:42: models[0].pool: no pool is called 'gpu'");
  CHECK(pool(sim("name: a"), "name: gpu")
        == "t.yaml:3:17: pools[0].name: no model names this pool");
  CHECK(pool(sim("name: a, pool: p, workers: 2"), "name: p, workers: 2")
        == "t.yaml:2:54: models[0].workers: a model in a pool takes the pool's "
           "workers: leave it out");
  CHECK(pool(sim("name: a, pool: p, workers_min: 3, workers_max: 2"),
             "name: p, workers: 4")
        == "t.yaml:2:74: models[0].workers_max: must not be below workers_min");
  CHECK(complaint("models:\n" + sim("name: a, workers_min: 2"))
        == "t.yaml:2:49: models[0].workers_min: only for a model in a pool");
  CHECK(complaint("models:\n" + sim("name: a, workers_max: 2"))
        == "t.yaml:2:49: models[0].workers_max: only for a model in a pool");
  CHECK(
    complaint(two + "pools: [{ name: gpu, workers: 2 }]\n")
    == "t.yaml:4:31: pools[0].workers: the workers_min of its models add up "
       "to 3");
  CHECK(pool(sim("name: a, pool: p")
               + sim("name: t, pool: p, "
                     "kind: experimental"),
             "name: p, workers: 9")
          .find("models[1].kind: no worker of 'p' would ever serve it")
        != std::string::npos);
  CHECK(
    pool(sim("name: t, pool: p, kind: experimental"), "name: p, workers: 64")
    == "t.yaml:3:17: pools[0].name: all of its models are experimental, and "
       "those get only what others can spare");
  CHECK(
    complaint(
      two + "pools: [{ name: gpu, workers: 4 }, { name: gpu, workers: 4 }]\n")
    == "t.yaml:4:44: pools[1].name: another pool is called 'gpu' already");
  CHECK(pool(sim("name: a, pool: p, kind: best"), "name: p")
        == "t.yaml:2:51: models[0].kind: must be fast, accurate or "
           "experimental");
  CHECK(pool(sim("name: a, pool: p"), "name: p, workers: 0")
        == "t.yaml:3:29: pools[0].workers: 0 is out of range: 1 to 64");
  CHECK(parse(two + "pools: [{ workers: 4 }]\n")
          .error()
          .str()
          .find("pools[0].name: is required")
        != std::string::npos);
}

TEST_CASE("aliases must be consistent", "[runtime][config][intent]") {
  auto alias = [](const std::string& fields) {
    return complaint("models:\n" + sim("name: a") + "aliases: [{ " + fields
                     + " }]\n");
  };
  CHECK(alias("name: a, models: [a]")
        == "t.yaml:3:19: aliases[0].name: a model is called 'a'");
  CHECK(alias("name: x, models: [b]")
        == "t.yaml:3:30: aliases[0].models: no model is called 'b'");
  CHECK(alias("name: x, models: [a, a]")
        == "t.yaml:3:30: aliases[0].models: 'a' stands there twice");
  CHECK(alias("name: x").find("aliases[0].models: at least one model is needed")
        != std::string::npos);
  CHECK(alias("name: x, models: [a] }, { name: x, models: [a]")
        == "t.yaml:3:45: aliases[1].name: another alias is called 'x' already");
  CHECK(alias("name: x, models: [a], intent: best")
        == "t.yaml:3:43: aliases[0].intent: must be fast, accurate or explore");
}

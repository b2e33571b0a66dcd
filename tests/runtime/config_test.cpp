#include "runtime/config.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <string>

using namespace std::chrono_literals;
using namespace troupe::runtime;

namespace {

const std::string least = "models: [{name: m, backend: simulated}]\n";

config_result parse(const std::string& text) {
  return parse_config(text, "t.yaml", "/etc/troupe");
}

config good(const std::string& text) {
  auto read = parse(text);
  INFO(text);
  INFO((read.has_error() ? read.error().str() : ""));
  REQUIRE(read.has_value());
  return *read;
}

/// The first problem as a line of text.
std::string complaint(const std::string& text) {
  auto read = parse(text);
  INFO(text);
  REQUIRE(read.has_error());
  REQUIRE_FALSE(read.error().list.empty());
  auto lines = read.error().str();
  return lines.substr(0, lines.find('\n'));
}

size_t problems(const std::string& text) {
  auto read = parse(text);
  return read.has_error() ? read.error().list.size() : 0;
}

} // namespace

TEST_CASE("the least configuration takes every default", "[runtime][config]") {
  auto value = good(least);
  config expected;
  expected.node.data_dir = "/etc/troupe/troupe-data";
  expected.models.resize(1);
  expected.models[0].name = "m";
  expected.models[0].backend = model_backend::simulated;
  expected.models[0].simulated.emplace();
  CHECK(value == expected);
}

TEST_CASE("every kind of key is read", "[runtime][config]") {
  auto value = good(R"(
node: { name: box-1, data_dir: ../data, roles: [compute, gateway, data] }
gateway:
  listen: "[::1]:0"
  threads: 2
  limits: { body_bytes_max: 2048, header_timeout_s: 0.25, heartbeat_s: 3 }
admin: { listen: localhost:9001 }
store: { kind: memory, durability: os, free_mib_min: 0 }
shards: 1024
models:
  - name: writer
    backend: torch_decoder
    path: models/writer
    fallbacks: [org/sim@2]
  - name: org/sim@2
    backend: simulated
    slots: 3
    simulated: { service: constant, median_s: 1.5, p95_s: 2, seed: 18446744073709551615 }
engine: { heartbeat_timeout_s: 2, hang_s_max: 4.5, binary: /opt/troupe-engine }
queue: { queued_jobs_max: 100, resident_jobs_max: 10 }
scheduling:
  order: short
  boost_m: { short: 0.1 }
  classes: { batch: { slo_s: 7200 } }
  tiers: { priority: { weight: 100 } }
drain: { finish_s: 0 }
log: { level: debug }
)");
  CHECK(value.node.name == "box-1");
  CHECK(value.node.data_dir == "/etc/data");
  CHECK(value.node.roles.front() == node_role::compute);
  CHECK(value.gateway.listen == listen_address{"::1", 0});
  CHECK(value.gateway.limits.body_bytes_max == 2048);
  CHECK(value.gateway.limits.header_timeout == 250ms);
  CHECK(value.gateway.limits.heartbeat == 3s);
  CHECK(value.admin.listen == listen_address{"localhost", 9001});
  CHECK(value.store.kind == store_kind::memory);
  CHECK(value.store.durability == durability_level::os);
  CHECK(value.shards == 1024);
  REQUIRE(value.models.size() == 2);
  CHECK(value.models[0].path == "/etc/troupe/models/writer");
  CHECK(value.models[0].fallbacks == std::vector<std::string>{"org/sim@2"});
  CHECK_FALSE(value.models[0].simulated);
  CHECK(value.models[1].simulated->service == service_distribution::constant);
  CHECK(value.models[1].simulated->seed == UINT64_MAX);
  CHECK(value.engine.hang_max == 4500ms);
  CHECK(value.engine.binary == "/opt/troupe-engine");
  CHECK(value.scheduling.order == queue_order::brief);
  CHECK(value.scheduling.chosen_boost_m() == 0.1);
  CHECK(value.scheduling.classes.batch.slo == 2h);
  CHECK(value.scheduling.tiers.priority.weight == 100);
  CHECK(value.drain.finish == 0s);
  CHECK(value.log.level == log_level::debug);
}

TEST_CASE("words may stand in quotes, numbers may not", "[runtime][config]") {
  CHECK(good(least + "log: {level: \"warn\"}\n").log.level == log_level::warn);
  CHECK(good(least + "node: {roles: ['data', gateway, \"compute\"]}\n")
          .node.roles.size()
        == 3);
  CHECK(problems(least + "shards: \"64\"\n") == 1);
}

TEST_CASE("an empty section means its defaults", "[runtime][config]") {
  CHECK(good(least + "gateway:\nlog: ~\n") == good(least));
  CHECK(good(least + "gateway: { limits: }\n") == good(least));
}

TEST_CASE("what is printed loads again to an equal value",
          "[runtime][config]") {
  std::vector<std::string> texts{
    least,
    "node: {data_dir: \"a b/\\\"c\\\" \\\\ \xC3\xA4 #x: y\"}\n" + least,
    "models:\n - {name: a, path: p, fallbacks: [b, c]}\n"
    " - {name: b, backend: simulated, simulated: {median_s: 0.1, p95_s: "
    "0.30000000000000004}}\n - {name: c, path: '', backend: simulated}\n"
    "gateway: {listen: '[::1]:1', limits: {keep_alive_s: 0.123457}}\n"
    "engine: {hang_s_max: 3599.999999, binary: e}\n"
    "node: {roles: [data, gateway, compute]}\n",
  };
  for (const auto& text : texts) {
    auto value = good(text);
    auto printed = print_effective(value);
    auto again = parse_config(printed, "printed", "/somewhere/else");
    INFO(printed);
    INFO((again.has_error() ? again.error().str() : ""));
    REQUIRE(again.has_value());
    CHECK(*again == value);
    CHECK(print_effective(*again) == printed);
    INFO(print_effective_json(value));
    // JSON is YAML.
    auto json = parse_config(print_effective_json(value), "json", "/elsewhere");
    REQUIRE(json.has_value());
    CHECK(*json == value);
  }
}

TEST_CASE("every complaint says file, line, column, key and reason",
          "[runtime][config]") {
  CHECK(complaint(least + "shards: 0\n")
        == "t.yaml:2:9: shards: 0 is out of range: 1 to 1024");
  CHECK(complaint(least + "gateway:\n  limits:\n    body_bytes_max: big\n")
        == "t.yaml:4:21: gateway.limits.body_bytes_max: must be a whole "
           "number, 1024 to 67108864");
  CHECK(complaint(least + "log: { level: loud }\n")
        == "t.yaml:2:15: log.level: must be debug, info, warn or error");
  CHECK(complaint("models:\n  - backend: simulated\n")
        == "t.yaml:2:5: models[0].name: is required");
}

TEST_CASE("breaker, retry and poison keys are read, and held together",
          "[runtime][config]") {
  auto x = good(least + R"(
scheduling:
  breaker: { window_calls: 20, calls_min: 5, failed_share: 0.3, slow_share: 0.4,
             slow_factor: 2, open_min_s: 1, open_max_s: 9, probes: 2,
             half_open_max_s: 4, pause_max_s: 7 }
  retry: { base_s: 0.1, cap_s: 2, budget_share: 0.2, budget_min: 5 }
poison: { ttl_s: 60 }
)");
  CHECK(x.scheduling.breaker
        == breaker_options{.window_calls = 20,
                           .calls_min = 5,
                           .failed_share = 0.3,
                           .slow_share = 0.4,
                           .slow_factor = 2,
                           .open_min = 1s,
                           .open_max = 9s,
                           .probes = 2,
                           .half_open_max = 4s,
                           .pause_max = 7s});
  CHECK(x.scheduling.retry
        == retry_options{
          .base = 100ms, .cap = 2s, .budget_share = 0.2, .budget_min = 5});
  CHECK(x.poison.ttl == 60s);
  CHECK(complaint(least + "scheduling:\n  breaker:\n    calls_min: 51\n")
        == "t.yaml:4:16: scheduling.breaker.calls_min: must not be above "
           "window_calls");
  CHECK(complaint(least + "scheduling: { breaker: { open_max_s: 5 } }\n")
        == "t.yaml:2:38: scheduling.breaker.open_max_s: must not be below "
           "open_min_s");
  CHECK(complaint(least + "scheduling: { retry: { cap_s: 0.1 } }\n")
        == "t.yaml:2:31: scheduling.retry.cap_s: must not be below base_s");
  CHECK(complaint(least + "scheduling: { breaker: { failed_share: 1.5 } }\n")
        == "t.yaml:2:40: scheduling.breaker.failed_share: 1.5 is out of range: "
           "0.01 to 1");
  CHECK(problems(least + "scheduling: { retry: { budget_min: 0 } }\n") == 1);
  CHECK(problems(least + "poison: { ttl_s: -1 }\n") == 1);
}

TEST_CASE("unknown keys are refused at their place, with the likely one",
          "[runtime][config]") {
  CHECK(complaint(least + "gateway: { lisen: 127.0.0.1:1 }\n")
        == "t.yaml:2:12: gateway.lisen: unknown key (did you mean 'listen'?)");
  CHECK(complaint(least + "zzz: 1\n") == "t.yaml:2:1: zzz: unknown key");
  CHECK(complaint(least + "<<: {shards: 3}\n")
        == "t.yaml:2:1: <<: unknown key");
  CHECK(complaint(least + "? [a, b]\n: 1\n").find("a key must be one word")
        != std::string::npos);
  // What later versions will know is no key of this one.
  CHECK(complaint(least + "cluster: {}\n")
        == "t.yaml:2:1: cluster: unknown key");
}

TEST_CASE("a key that comes twice is refused at its second place",
          "[runtime][config]") {
  CHECK(complaint(least + "shards: 3\nshards: 4\n")
        == "t.yaml:3:1: shards: stands there twice");
  CHECK(complaint("models:\n - name: m\n   name: n\n   backend: simulated\n")
        == "t.yaml:3:4: models[0].name: stands there twice");
}

TEST_CASE("all problems are reported, in the order of the file",
          "[runtime][config]") {
  auto read = parse("shards: many\n"
                    "log: { level: loud, colour: red }\n"
                    "gateway: { listen: 0.0.0.0:80, threads: 65 }\n"
                    "models:\n"
                    "  - { name: 'a b', backend: simulated, slots: -1 }\n"
                    "  - { name: w }\n");
  REQUIRE(read.has_error());
  std::vector<std::string> keys;
  for (const auto& x : read.error().list)
    keys.push_back(x.key);
  CHECK(keys
        == std::vector<std::string>{"shards", "log.level", "log.colour",
                                    "gateway.listen", "gateway.threads",
                                    "models[0].name", "models[0].slots",
                                    "models[1].path"});
}

TEST_CASE("values of the wrong type are refused", "[runtime][config]") {
  for (std::string text : {"shards: '64'",
                           "shards: 6.4",
                           "shards: [64]",
                           "shards: {a: 1}",
                           "shards: true",
                           "shards: ~",
                           "shards:",
                           "shards: 0x40",
                           "shards: 64k",
                           "shards: 18446744073709551616",
                           "shards: -1",
                           "shards: +64",
                           "shards: ''",
                           "gateway: 5",
                           "gateway: [listen]",
                           "gateway: text",
                           "log: { level: [info] }",
                           "log: { level: 'info ' }",
                           "drain: { finish_s: soon }",
                           "drain: { finish_s: .nan }",
                           "drain: { finish_s: nan }",
                           "drain: { finish_s: .inf }",
                           "drain: { finish_s: inf }",
                           "drain: { finish_s: 1e300 }",
                           "drain: { finish_s: -1 }",
                           "drain: { finish_s: '5' }",
                           "node: { roles: data }",
                           "node: { roles: [data, [gateway]] }",
                           "node: { name: [x] }",
                           "node: { name: '' }",
                           "node: { name: \"a\\nb\" }",
                           "node: { data_dir: {} }",
                           "node: { data_dir: '' }",
                           "node: { data_dir: \"a\\0b\" }"}) {
    INFO(text);
    CHECK(problems(least + text + "\n") >= 1);
  }
  CHECK(complaint("models: {name: m}\n")
        == "t.yaml:1:9: models: must be a list");
  CHECK(problems("models: [5]\n") >= 1);
  CHECK(complaint("- a\n- b\n") == "t.yaml:1:1: must be a map of keys");
  CHECK(complaint("just text\n") == "t.yaml:1:1: must be a map of keys");
}

TEST_CASE("texts that are no YAML are refused with a place",
          "[runtime][config]") {
  CHECK(complaint("models: [\n").find("this is not YAML") != std::string::npos);
  CHECK(complaint("a: b: c\n").starts_with("t.yaml:1:"));
  CHECK(problems("\tx: 1\n") >= 1);
  CHECK(problems("shards: *nowhere\n") >= 1);
  CHECK(problems(std::string("\0\xFF\xFE", 3)) >= 1);
  CHECK(complaint(least + "---\n" + least).find("second document")
        != std::string::npos);
  CHECK(problems(std::string(100'000, '[')) >= 1);
  CHECK(problems(std::string(100'000, '{')) >= 1);
  CHECK(problems(std::string(2 * 1024 * 1024, ' ')) == 1);
}

TEST_CASE("aliases that repeat or contain themselves do no harm",
          "[runtime][config]") {
  CHECK(problems("models: &m [*m]\n") >= 1);
  CHECK(problems("gateway: &g { limits: *g }\n" + least) >= 1);
  std::string bomb = "a0: &a0 [x,x]\n";
  for (int i = 1; i < 40; ++i) {
    auto n = std::to_string(i);
    auto p = std::to_string(i - 1);
    bomb += "a" + n + ": &a" + n + " [*a" + p + ",*a" + p + "]\n";
  }
  CHECK(problems(bomb + least) == 40);
  CHECK(good("models: [&m {name: a, backend: simulated}]\n").models.size()
        == 1);
}

TEST_CASE("an empty file lacks a model", "[runtime][config]") {
  for (std::string text : {"", "\n", "# nothing\n", "---\n", "~\n", "{}\n"})
    CHECK(complaint(text)
          == "t.yaml:1:1: models: at least one model is needed");
}

TEST_CASE("models must be consistent", "[runtime][config]") {
  auto model = [](const std::string& fields) {
    return complaint("models:\n  - { " + fields + " }\n");
  };
  CHECK(model("name: m")
        == "t.yaml:2:5: models[0].path: required for backend torch_decoder");
  CHECK(model("name: m, path: p, simulated: {}")
        == "t.yaml:2:36: models[0].simulated: only for backend simulated");
  CHECK(model("name: m, backend: simulated, path: p")
        == "t.yaml:2:42: models[0].path: only for backend torch_decoder");
  CHECK(model("name: m, backend: simulated, fallbacks: [m]")
        == "t.yaml:2:47: models[0].fallbacks: a model cannot be its own "
           "fallback");
  CHECK(model("name: m, backend: simulated, fallbacks: [n]")
        == "t.yaml:2:47: models[0].fallbacks: no model is called 'n'");
  CHECK(model("name: m, backend: simulated, fallbacks: [a, b, c, d, e]")
        == "t.yaml:2:47: models[0].fallbacks: has more than 4 items");
  CHECK(model("name: m, backend: simulated, "
              "simulated: {median_s: 2, p95_s: 1}")
        == "t.yaml:2:68: models[0].simulated.p95_s: must not be below "
           "median_s");
  CHECK(complaint("models:\n  - {name: m, backend: simulated}\n"
                  "  - {name: m, backend: simulated}\n")
        == "t.yaml:3:12: models[1].name: another model is called 'm' already");
}

TEST_CASE("this version listens on loopback only, and says so",
          "[runtime][config]") {
  for (std::string listen : {"0.0.0.0:80", "192.168.1.1:80", "'[::]:80'",
                             "'[2001:db8::1]:0'", "128.0.0.1:1"}) {
    auto said = complaint(least + "gateway: {listen: " + listen + "}\n");
    INFO(said);
    CHECK(said.find("is not a loopback address") != std::string::npos);
    CHECK(said.find("TLS") != std::string::npos);
  }
  for (std::string listen :
       {"8080", "':8080'", "127.0.0.1", "'127.0.0.1:'", "127.0.0.1:65536",
        "127.0.0.1:-1", "127.0.0.1:http", "127.0.0.1:8080x", "127.1:80",
        "example.org:80", "'::1:8080'", "'[::1]8080'", "'[]:80'",
        "'[127.0.0.1]:80'", "' 127.0.0.1:80'", "'127.0.0.1 :80'", "[a]"}) {
    auto said = complaint(least + "gateway: {listen: " + listen + "}\n");
    INFO(said);
    CHECK(said.find("must be ADDRESS:PORT") != std::string::npos);
  }
  CHECK(complaint(least
                  + "gateway: {listen: 127.0.0.1:9}\n"
                    "admin: {listen: 127.0.0.1:9}\n")
        == "t.yaml:3:17: admin.listen: is the same address as gateway.listen");
  CHECK(problems(least
                 + "gateway: {listen: 127.0.0.1:0}\n"
                   "admin: {listen: 127.0.0.1:0}\n")
        == 0);
}

TEST_CASE("listen addresses read back from their text", "[runtime][config]") {
  for (std::string text : {"127.0.0.1:0", "localhost:8080", "[::1]:65535",
                           "10.0.0.1:1", "[2001:db8::1]:443"}) {
    auto address = listen_address::parse(text);
    REQUIRE(address);
    CHECK(address->str() == text);
  }
}

TEST_CASE("one node needs all three roles once", "[runtime][config]") {
  CHECK(problems(least + "node: {roles: [gateway, data]}\n") == 1);
  CHECK(problems(least + "node: {roles: []}\n") == 1);
  CHECK(problems(least + "node: {roles: [gateway, data, compute, data]}\n")
        == 1);
}

TEST_CASE("control characters of a file never reach the terminal",
          "[runtime][config]") {
  auto said = complaint(least + "\"\\e[31mred\": 1\n");
  CHECK(said.find('\x1B') == std::string::npos);
  CHECK(said.find("unknown key") != std::string::npos);
}

TEST_CASE("calling value() of a failed load is a broken invariant",
          "[runtime][config]") {
  auto read = parse("shards: x\n");
  CHECK_THROWS(read.value());
}

// A node on virtual time with one or two simulated models, and what tests of a
// job's road ask of it.
#pragma once

#include "models/simulated_engine.hpp"
#include "tests/support/virtual_node.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace troupe::tests {

using namespace std::chrono_literals;

inline cluster::tree_model simulated(const std::string& name, uint32_t slots,
                                     uint32_t context_length = 0) {
  models::simulated_config config{.service = models::service_kind::constant,
                                  .median_s = 0.2,
                                  .p95_s = 0.2,
                                  .tokens = 20,
                                  .seed = 1,
                                  .slots = slots,
                                  .context_length = context_length};
  return {.name = name,
          .kind = "simulated",
          .tasks = {runtime::task_kind::chat},
          .make_engine = [config] {
            return std::make_unique<models::simulated_engine>(config);
          }};
}

struct road_fixture {
  explicit road_fixture(uint32_t slots = 2, size_t workers = 1) {
    auto model = simulated("sim", slots);
    model.workers = workers;
    options.tree.shards = 4;
    options.tree.models.push_back(std::move(model));
    restart();
  }
  /// Two models; jobs of the first may go to the second, which costs a tenth
  /// and has no limit of context. The first takes 64 tokens.
  road_fixture(const std::string& from, const std::string& to) {
    options.tree.shards = 4;
    auto first = simulated(from, 1, 64);
    first.prior = {.service = {.base_s = 0, .output_token_s = 0.1}};
    auto second = simulated(to, 1);
    second.prior = {.service = {.base_s = 0, .output_token_s = 0.01}};
    options.tree.models = {first, second};
    auto rules = std::make_shared<runtime::queue_rules>();
    rules->fallbacks[from] = {to};
    options.tree.shard.rules = rules;
    restart();
  }
  void restart() {
    auto start = node ? node->clock().now : runtime::mono_time{1h};
    node.reset();
    node = std::make_unique<virtual_node>(store, options, start);
    node->settle();
  }
  runtime::job_spec spec(std::string text = "Package: foo") {
    runtime::job_spec s;
    s.model = "sim";
    s.text = std::move(text);
    return s;
  }
  runtime::job_id submit(runtime::job_spec s,
                         gateway::submit_options how = {}) {
    auto to = node->ticket();
    node->port().submit(std::move(s), std::move(how), to);
    node->settle();
    const auto* ok = node->sink().last<runtime::job_accepted>(to.ticket);
    REQUIRE(ok != nullptr);
    return ok->job.record.id;
  }
  runtime::errc refusal(runtime::job_spec s) {
    auto to = node->ticket();
    node->port().submit(std::move(s), {}, to);
    node->settle();
    const auto* no = node->sink().last<runtime::refused>(to.ticket);
    REQUIRE(no != nullptr);
    return no->why.code;
  }
  runtime::job_record get(runtime::job_id id) {
    auto to = node->ticket();
    node->port().get(id, "default", std::nullopt, to);
    node->settle();
    const auto* snapshot = node->sink().last<runtime::job_snapshot>(to.ticket);
    REQUIRE(snapshot != nullptr);
    return snapshot->job.record;
  }
  void pass(runtime::duration time) {
    node->run_until([] { return false; }, time);
  }
  bool run_to_end(runtime::job_id id, runtime::duration limit = 60s) {
    return node->run_until([&] { return is_terminal(get(id).status); }, limit);
  }
  std::string streamed(const std::vector<runtime::event>& events) {
    std::string text;
    for (const auto& e : events) {
      if (const auto* d = std::get_if<runtime::output_delta>(&e.body))
        text += d->text;
      if (const auto* r = std::get_if<runtime::output_reset>(&e.body))
        text.resize(r->from_offset);
    }
    return text;
  }

  runtime::memory_store store;
  virtual_node_options options;
  std::unique_ptr<virtual_node> node;
};

} // namespace troupe::tests

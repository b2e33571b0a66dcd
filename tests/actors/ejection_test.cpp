// A worker that alone fails is left out for a while, with the real actors around
// the dispatcher, on virtual time.
#include "models/simulated_engine.hpp"
#include "tests/support/virtual_node.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace troupe;
using namespace std::chrono_literals;
using runtime::job_status;

namespace {

/// Fails every attempt with a transient error, or works.
class moody_engine final : public models::engine {
public:
  moody_engine(models::simulated_config config, bool broken)
    : inner_{config}, broken_{broken} {}
  void start(models::engine_wakeup wake) override {
    inner_.start(std::move(wake));
  }
  void admit(models::attempt_request request) override {
    if (broken_)
      request.simulate = runtime::simulate_params{
        .service_s = 0.05, .tokens = 4, .fail_at_token = 0};
    inner_.admit(std::move(request));
  }
  void cancel(runtime::attempt_id id) override { inner_.cancel(id); }
  std::vector<models::engine_event> poll(runtime::mono_time now) override {
    return inner_.poll(now);
  }
  std::optional<runtime::mono_time> next_due() const override {
    return inner_.next_due();
  }

  void kill() override { inner_.kill(); }

private:
  models::simulated_engine inner_;
  bool broken_;
};

struct fixture {
  /// The first `broken` of `workers` fail.
  fixture(size_t workers, size_t broken) {
    models::simulated_config config{.service = models::service_kind::constant,
                                    .median_s = 0.2,
                                    .p95_s = 0.2,
                                    .tokens = 20,
                                    .seed = 1,
                                    .slots = 1};
    options.tree.shards = 2;
    options.tree.models.push_back(
      {.name = "sim",
       .kind = "simulated",
       .tasks = {runtime::task_kind::chat},
       .workers = workers,
       .make_engine = [config, broken, made = std::make_shared<size_t>(0)] {
         return std::make_unique<moody_engine>(config, (*made)++ < broken);
       }});
    node = std::make_unique<tests::virtual_node>(store, options);
    node->settle();
  }

  runtime::job_id submit() {
    runtime::job_spec s;
    s.model = "sim";
    s.text = "x";
    s.max_attempts = 10;
    auto to = node->ticket();
    node->port().submit(std::move(s), {}, to);
    node->settle();
    const auto* ok = node->sink().last<runtime::job_accepted>(to.ticket);
    REQUIRE(ok != nullptr);
    return ok->job.record.id;
  }
  bool run_to_end(const std::vector<runtime::job_id>& ids) {
    return node->run_until(
      [&] {
        return std::all_of(ids.begin(), ids.end(), [this](auto id) {
          return is_terminal(store.record(id).value().status);
        });
      },
      600s);
  }
  /// Attempts that began on the worker, of all jobs.
  size_t attempts_on(const std::vector<runtime::job_id>& ids,
                     const std::string& worker) {
    size_t n = 0;
    for (auto id : ids)
      for (const auto& e : store.events(id, 0, 1000).value())
        if (auto* began = std::get_if<runtime::job_started>(&e.body))
          n += began->worker.starts_with(worker) ? 1 : 0;
    return n;
  }

  runtime::memory_store store;
  tests::virtual_node_options options;
  std::unique_ptr<tests::virtual_node> node;
};

} // namespace

TEST_CASE("a worker with five failures in a row is left out, and all jobs end "
          "well on the others",
          "[actors][ejection]") {
  fixture f{8, 1};
  std::vector<runtime::job_id> ids;
  for (int i = 0; i < 60; ++i) {
    ids.push_back(f.submit());
    f.node->advance(50ms);
  }
  f.node->advance(20s);
  CHECK(f.attempts_on(ids, "sim/0@") == 5);
  REQUIRE(f.run_to_end(ids));
  for (auto id : ids)
    CHECK(f.store.record(id).value().status == job_status::completed);
  // After 30 s it is tried again, and after that once more.
  for (int i = 0; i < 100; ++i) {
    f.node->advance(2s);
    ids.push_back(f.submit());
  }
  REQUIRE(f.run_to_end(ids));
  auto tried = f.attempts_on(ids, "sim/0@");
  CHECK(tried >= 10);
  CHECK(tried <= 25);
}

TEST_CASE("the last worker is never left out", "[actors][ejection]") {
  fixture f{1, 1};
  std::vector<runtime::job_id> ids;
  for (int i = 0; i < 9; ++i)
    ids.push_back(f.submit());
  f.node->advance(3s);
  CHECK(f.attempts_on(ids, "sim/0@") > 5);
  // Of two that both fail, one stays.
  fixture two{2, 2};
  ids.clear();
  for (int i = 0; i < 9; ++i)
    ids.push_back(two.submit());
  two.node->advance(3s);
  auto first = two.attempts_on(ids, "sim/0@");
  auto second = two.attempts_on(ids, "sim/1@");
  CHECK(std::max(first, second) >= 5);
  CHECK(first + second >= 9);
}

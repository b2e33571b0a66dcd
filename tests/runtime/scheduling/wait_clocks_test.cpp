#include "runtime/rng.hpp"
#include "runtime/scheduling/wait_clocks.hpp"
#include "tests/support/job_samples.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <map>
#include <numeric>
#include <set>

using namespace std::chrono_literals;
using namespace troupe::runtime;
using Catch::Matchers::WithinAbs;
using troupe::tests::job_samples;

namespace {

const wait_clocks::queue_name writer{"writer", "acme"};

double of(const wait_seconds& x, wait_reason why) {
  return static_cast<double>(x[index_of(why)]);
}

double total(const wait_seconds& x) {
  return std::accumulate(x.begin(), x.end(), 0.0);
}

/// The same, told the slow way: every job is charged at every step.
class reference {
public:
  struct job {
    wait_clocks::queue_name queue;
    std::optional<wait_reason> own;
    std::array<double, wait_reasons> waited{};
  };
  void pass(double seconds) {
    for (auto& [id, j] : jobs)
      j.waited[index_of(j.own ? *j.own : why.at(j.queue))] += seconds;
  }
  std::map<wait_clocks::queue_name, wait_reason> why;
  std::map<job_id, job> jobs;
};

/// Does the same to both at random.
class twin_run {
public:
  explicit twin_run(uint64_t seed) : random_{seed}, samples_{seed} {
    for (const auto& q : queues_)
      slow_.why[q] = wait_reason::no_free_slot;
  }

  void step() {
    duration d{static_cast<int64_t>(random_.below(3'000'000))};
    now_ += d;
    slow_.pass(std::chrono::duration<double>(d).count());
    const auto& queue = queues_[random_.below(queues_.size())];
    auto what = random_.below(6);
    if (what <= 1 || slow_.jobs.empty())
      come(queue);
    else if (what == 2)
      clocks_.set(queue, slow_.why[queue] = any_reason(), now_);
    else if (what == 3)
      block(any_job());
    else if (what == 4)
      move(any_job(), queue);
    else
      leave(any_job());
    REQUIRE(clocks_.size() == slow_.jobs.size());
  }

  void check_queues() {
    std::set<wait_clocks::queue_name> in_use;
    for (const auto& [id, j] : slow_.jobs) {
      CHECK(clocks_.where(id)->model == j.queue.first);
      in_use.insert(j.queue);
    }
    CHECK(clocks_.queues("a").size() + clocks_.queues("b").size()
          == in_use.size());
  }

private:
  wait_reason any_reason() {
    return static_cast<wait_reason>(1 + random_.below(wait_reasons));
  }
  job_id any_job() {
    auto it = slow_.jobs.begin();
    std::advance(it, random_.below(slow_.jobs.size()));
    return it->first;
  }
  /// As the shard does: the first to come finds out why.
  void enter(job_id id, const wait_clocks::queue_name& queue,
             std::optional<wait_reason> own) {
    bool first = clocks_.waiting(queue) == 0;
    clocks_.enter(id, queue, now_, own);
    if (first)
      clocks_.set(queue, slow_.why[queue], now_);
  }
  void come(const wait_clocks::queue_name& queue) {
    std::optional<wait_reason> own;
    if (random_.below(3) == 0)
      own = any_reason();
    auto id = samples_.id({0});
    enter(id, queue, own);
    slow_.jobs[id] = {.queue = queue, .own = own};
  }
  void block(job_id id) {
    slow_.jobs[id].own = any_reason();
    clocks_.block(id, *slow_.jobs[id].own, now_);
  }
  /// To another queue, or back into its own.
  void move(job_id id, const wait_clocks::queue_name& queue) {
    enter(id, queue, std::nullopt);
    slow_.jobs[id].queue = queue;
    slow_.jobs[id].own.reset();
  }
  void leave(job_id id) {
    auto expected = slow_.jobs[id].waited;
    auto seen = clocks_.look(id, now_);
    auto waited = clocks_.leave(id, now_);
    CHECK(seen == waited);
    for (size_t i = 0; i < wait_reasons; ++i)
      CHECK_THAT(waited[i], WithinAbs(expected[i], 0.05));
    slow_.jobs.erase(id);
  }

  const std::vector<wait_clocks::queue_name> queues_{
    {"a", "x"}, {"a", "y"}, {"b", "x"}};
  seeded_rng random_;
  job_samples samples_;
  mono_time now_{1h};
  wait_clocks clocks_;
  reference slow_;
};

} // namespace

TEST_CASE("a job's waits are the differences of its queue's clocks",
          "[scheduling][wait]") {
  job_samples samples{1};
  wait_clocks clocks;
  mono_time t{1h};
  auto a = samples.id({0});
  auto b = samples.id({0});
  clocks.enter(a, writer, t);
  clocks.set(writer, wait_reason::no_worker, t);
  CHECK(clocks.reason(a) == wait_reason::no_worker);
  clocks.enter(b, writer, t + 3s);
  clocks.set(writer, wait_reason::no_free_slot, t + 5s);
  auto waited = clocks.leave(a, t + 9s);
  CHECK_THAT(of(waited, wait_reason::no_worker), WithinAbs(5, 0.002));
  CHECK_THAT(of(waited, wait_reason::no_free_slot), WithinAbs(4, 0.002));
  waited = clocks.leave(b, t + 10s);
  CHECK_THAT(of(waited, wait_reason::no_worker), WithinAbs(2, 0.002));
  CHECK_THAT(of(waited, wait_reason::no_free_slot), WithinAbs(5, 0.002));
  CHECK(clocks.size() == 0);
  CHECK(total(clocks.leave(b, t + 11s)) == 0);
  CHECK_FALSE(clocks.reason(b));
}

TEST_CASE("a retry waits for its delay, its budget, then with its queue",
          "[scheduling][wait]") {
  job_samples samples{2};
  wait_clocks clocks;
  mono_time t{1h};
  auto id = samples.id({0});
  clocks.enter(id, writer, t, wait_reason::retry_delay);
  clocks.block(id, wait_reason::retry_budget, t + 2s);
  clocks.release(id, t + 7s);
  clocks.set(writer, wait_reason::ahead_in_order, t + 7s);
  auto waited = clocks.leave(id, t + 8s);
  CHECK_THAT(of(waited, wait_reason::retry_delay), WithinAbs(2, 0.002));
  CHECK_THAT(of(waited, wait_reason::retry_budget), WithinAbs(5, 0.002));
  CHECK_THAT(of(waited, wait_reason::ahead_in_order), WithinAbs(1, 0.002));
}

TEST_CASE("clocks agree with jobs that are charged one by one",
          "[scheduling][wait][property]") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    twin_run run{seed};
    for (int i = 0; i < 400; ++i)
      run.step();
    run.check_queues();
  }
}

TEST_CASE("what blocks from outside comes before gate and order",
          "[scheduling][wait]") {
  queue_situation x{.store_writable = false,
                    .serving = false,
                    .breaker_closed = false,
                    .upstream_paused = true,
                    .announced = false,
                    .throttled = true,
                    .in_front = false};
  CHECK(reason_of(x) == wait_reason::store_unwritable);
  x.store_writable = true;
  CHECK(reason_of(x) == wait_reason::no_worker);
  x.serving = true;
  CHECK(reason_of(x) == wait_reason::breaker_open);
  x.breaker_closed = true;
  CHECK(reason_of(x) == wait_reason::upstream_paused);
  x.upstream_paused = false;
  CHECK(reason_of(x) == wait_reason::not_announced);
  x.announced = true;
  CHECK(reason_of(x) == wait_reason::tenant_gate);
  x.throttled = false;
  CHECK(reason_of(x) == wait_reason::ahead_in_order);
  x.in_front = true;
  CHECK(reason_of(x) == wait_reason::no_free_slot);
}

TEST_CASE("every reason has its own word", "[scheduling][wait]") {
  std::set<std::string_view> words;
  for (size_t i = 1; i <= wait_reasons; ++i)
    words.insert(to_string(static_cast<wait_reason>(i)));
  CHECK(words.size() == wait_reasons);
  CHECK_FALSE(words.contains("unknown"));
}

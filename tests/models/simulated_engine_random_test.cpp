// Random jobs, cuts and poll times against the simulated engine: whoever polls
// late, and wherever an attempt is cut and continued, a job's text is the same
// and every token comes once.
#include "models/simulated_engine.hpp"
#include "runtime/rng.hpp"
#include "tests/support/engine_driver.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace troupe;
using models::simulated_config;
using models::simulated_engine;
using std::chrono::milliseconds;
using tests::engine_driver;
using tests::make_attempt;

namespace {

struct job_plan {
  std::optional<uint32_t> tokens;
  std::optional<double> service_s;
  uint32_t max_output_tokens = 0;
};

job_plan random_plan(runtime::rng& random) {
  job_plan plan;
  if (random.below(2) == 0)
    plan.tokens = static_cast<uint32_t>(random.below(200));
  if (random.below(2) == 0)
    plan.service_s = random.unit() * 3.0;
  if (random.below(3) == 0)
    plan.max_output_tokens = 1 + static_cast<uint32_t>(random.below(100));
  return plan;
}

simulated_config random_config(runtime::rng& random) {
  return {.service = random.below(2) == 0 ? models::service_kind::constant
                                          : models::service_kind::lognormal,
          .median_s = 0.01 + random.unit(),
          .p95_s = 2.0,
          .tokens = static_cast<uint32_t>(random.below(150)),
          .seed = random.next(),
          .slots = 1 + static_cast<uint32_t>(random.below(8))};
}

models::attempt_request request_for(uint64_t n, const job_plan& plan,
                                    uint32_t attempt) {
  auto request = make_attempt(n, attempt);
  request.simulate = runtime::simulate_params{.service_s = plan.service_s,
                                              .tokens = plan.tokens};
  request.params.max_output_tokens = plan.max_output_tokens;
  return request;
}

/// The job alone, polled on time and never cut.
tests::attempt_story reference(const simulated_config& config, uint64_t n,
                               const job_plan& plan) {
  simulated_engine engine{config};
  engine_driver driver{engine};
  engine.start([] {});
  driver.poll();
  auto request = request_for(n, plan, 1);
  engine.admit(request);
  driver.run_for(std::chrono::hours{1});
  return driver.attempts[request.id];
}

/// A job on its way through attempts.
struct job_run {
  uint64_t n = 0;
  job_plan plan;
  uint32_t attempt = 0; ///< 0: not running.
  uint32_t attempts = 0;
  std::string text;
  uint32_t tokens = 0;
  std::optional<runtime::finish_reason> finish;
};

/// One engine and a worker that is late and cuts attempts at random.
class careless_worker {
public:
  careless_worker(const simulated_config& config, runtime::rng& random)
    : random_{random}, slots_{config.slots}, engine_{config}, driver_{engine_} {
    engine_.start([] {});
    driver_.poll();
  }

  void run(std::vector<job_run>& jobs) {
    for (int turn = 0; turn < 200'000 && !all_done(jobs); ++turn) {
      for (auto& job : jobs)
        if (job.attempt == 0 && !job.finish && busy_ < slots_)
          begin(job);
      auto due = engine_.next_due();
      REQUIRE(due.has_value());
      driver_.now = std::max(driver_.now, *due);
      if (random_.below(4) == 0)
        driver_.now += milliseconds{random_.below(300)};
      driver_.poll();
      for (auto& job : jobs)
        if (job.attempt != 0)
          look_at(job);
    }
    REQUIRE(all_done(jobs));
    CHECK_FALSE(driver_.died);
  }

private:
  static bool all_done(const std::vector<job_run>& jobs) {
    for (const auto& job : jobs)
      if (!job.finish)
        return false;
    return true;
  }
  void begin(job_run& job) {
    job.attempt = ++job.attempts;
    ++busy_;
    auto request = request_for(job.n, job.plan, job.attempt);
    request.prefix = job.text;
    request.prefix_tokens = job.tokens;
    engine_.admit(request);
  }
  void look_at(job_run& job) {
    auto id = make_attempt(job.n, job.attempt).id;
    auto& story = driver_.attempts[id];
    REQUIRE_FALSE(story.failed);
    bool cut = !story.finished && random_.below(30) == 0;
    if (!cut && !story.finished)
      return;
    if (cut)
      engine_.cancel(id);
    else
      REQUIRE(story.finished->output_tokens == story.tokens);
    job.text += story.text;
    job.tokens += story.tokens;
    job.attempt = 0;
    --busy_;
    if (story.finished)
      job.finish = story.finished->finish;
    story = {}; // Whatever comes for it from here on is one too many.
    retired_.push_back(id);
    for (auto old : retired_)
      REQUIRE(driver_.attempts[old].tokens == 0);
  }

  runtime::rng& random_;
  uint32_t slots_;
  simulated_engine engine_;
  engine_driver driver_;
  uint32_t busy_ = 0;
  std::vector<runtime::attempt_id> retired_;
};

} // namespace

TEST_CASE("cuts and late polls never change what a job says",
          "[models][simulated][random]") {
  auto seed = Catch::getSeed();
  CAPTURE(seed);
  runtime::seeded_rng random{seed};
  for (int round = 0; round < 30; ++round) {
    auto config = random_config(random);
    std::vector<job_run> jobs(1 + random.below(12));
    for (size_t i = 0; i < jobs.size(); ++i) {
      jobs[i].n = i + 1;
      jobs[i].plan = random_plan(random);
    }
    careless_worker worker{config, random};
    worker.run(jobs);
    for (const auto& job : jobs) {
      auto whole = reference(config, job.n, job.plan);
      REQUIRE(job.text == whole.text);
      REQUIRE(job.tokens == whole.tokens);
      REQUIRE(job.finish == whole.finished->finish);
    }
  }
}

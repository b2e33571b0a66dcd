#include "tests/bench/sched/baselines.hpp"
#include "tests/bench/sched/closed_forms.hpp"
#include "tests/bench/sched/gates.hpp"
#include "tests/bench/sched/self_check.hpp"
#include "tests/bench/sched/two_level.hpp"
#include "tests/bench/sched/worker_pool.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <algorithm>
#include <cmath>

using namespace troupe::bench;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

struct arrival {
  double at;
  double work;
};

workload jobs_of(std::vector<arrival> list, uint32_t slots = 1) {
  workload w{.slots = slots};
  for (auto [at, work] : list)
    w.jobs.push_back(
      {.arrival = at, .work = work, .predicted = work, .predicted_p50 = work});
  return w;
}

std::vector<double> finishes(const run_trace& t) {
  std::vector<double> list;
  for (const auto& j : t.jobs)
    list.push_back(j.finish);
  return list;
}

/// The gate's own limit, loosened: two short runs are no eight long ones.
bool nearly(const gate_line& l, double slack) {
  return l.at_most ? l.measured <= l.limit * (1 + slack)
                   : l.measured >= l.limit * (1 - slack);
}

constexpr auto two_seeds = [] {
  return run_options{.seeds = {1, 2}, .quick = true};
};

/// Newest first, which starves.
class newest_first : public order {
public:
  bool arrive(uint32_t job, double) override {
    waiting_.push_back(job);
    return true;
  }
  std::optional<choice> pick(double) override {
    if (waiting_.empty())
      return std::nullopt;
    auto job = waiting_.back();
    waiting_.pop_back();
    return choice{job};
  }

private:
  std::vector<uint32_t> waiting_;
};

} // namespace

TEST_CASE("each discipline serves a handful of jobs as by hand",
          "[bench][sched]") {
  auto w = jobs_of({{0, 4}, {1, 3}, {2, 1}});
  auto first_come = fcfs_order(w);
  CHECK(finishes(serve(w, first_come)) == std::vector<double>{4, 7, 8});
  auto shortest = sjf_order(w, true);
  CHECK(finishes(serve(w, shortest)) == std::vector<double>{4, 8, 5});
  // At 1 the first has 3 left, as many as the second: it stays.
  CHECK(finishes(serve_srpt(w)) == std::vector<double>{5, 8, 3});
  // Alone, halves, thirds: 3 left and 3; 2.5, 2.5 and 1 at second 2.
  CHECK(finishes(serve_shared(w)) == std::vector<double>{8, 8, 5});
}

TEST_CASE("slices park at their ends and lose no work", "[bench][sched]") {
  auto w = jobs_of({{0, 4}, {1.2, 1}});
  auto shortest = sliced_sjf_order(w);
  auto t = serve(w, shortest, {.slice_s = 0.5, .keep_segments = true});
  CHECK(finishes(t) == std::vector<double>{5, 2.5});
  REQUIRE(t.segments.size() == 3);
  CHECK(t.segments[0].to == 1.5);
}

TEST_CASE("several slots share a queue", "[bench][sched]") {
  auto w = jobs_of({{0, 5}, {0, 2}, {0, 2}, {1, 1}}, 2);
  auto first_come = fcfs_order(w);
  CHECK(finishes(serve(w, first_come)) == std::vector<double>{5, 2, 4, 5});
  CHECK(finishes(serve_srpt(w)) == std::vector<double>{7, 2, 2, 3});
  CHECK(finishes(serve_srpt(w, true)).back() == 1.5);
}

TEST_CASE("who cannot make its limit is shed, who runs into it is cut off",
          "[bench][sched]") {
  auto w = jobs_of({{0, 4}, {0, 3}, {0, 3}});
  w.jobs[0].limit = 10;
  w.jobs[1].limit = 6; // would need until 7
  w.jobs[2].limit = 6.5;
  w.jobs[2].predicted_p50 = 1; // a mistake
  auto deadlines =
    ranked_order(w, [](const sim_job& j) { return j.arrival; }, {.shed = true});
  auto t = serve(w, deadlines, {.stop_at_limit = true});
  CHECK(finishes(t) == std::vector<double>{4, 4, 6.5});
  run_summary s;
  s.add(w, t);
  auto f = s.figures();
  CHECK_THAT(f.goodput, WithinRel(1.0 / 3, 1e-9));
  CHECK_THAT(f.ran_late, WithinRel(1.0 / 3, 1e-9));
}

TEST_CASE("the simulator agrees with queueing theory", "[bench][sched]") {
  for (const auto& line : self_check(2'400'000, 1)) {
    INFO(line.what << ": theory " << line.theory_s << ", measured "
                   << line.measured_s << ", standard error "
                   << line.standard_error_s);
    CHECK(line.passed());
  }
}

TEST_CASE("a check that is off, or too unsure to say, fails",
          "[bench][sched]") {
  CHECK(check_line{"", 1, 1.009, 0.001}.passed());
  CHECK_FALSE(check_line{"", 1, 1.011, 0.001}.passed());
  CHECK(check_line{"", 1, 1.05, 0.02}.passed());
  CHECK_FALSE(check_line{"", 1, 1.0, 0.04}.passed());
}

TEST_CASE("closed forms agree where they must", "[bench][sched]") {
  // One slot: Erlang C is M/M/1; light traffic: nothing waits.
  CHECK_THAT(erlang_response(1, 0.5, 1), WithinRel(2.0, 1e-9));
  queue_law light{{0.2, 4}, 1e-6};
  for (auto response :
       {fcfs_response(light), sjf_response(light), srpt_response(light)})
    CHECK_THAT(response, WithinRel(0.2, 1e-4));
  queue_law busy{{0.2, 4}, 0.9};
  CHECK(srpt_response(busy) < shared_response(busy));
  CHECK(sjf_response(busy) < fcfs_response(busy));
  // Conservation: what one class gains the other pays.
  auto wait = tier_wait(0.2, 0, 0.988, 0.93);
  CHECK_THAT(0.93 * wait.high_s + 0.07 * wait.low_s,
             WithinRel(0.988 * 0.1 / 0.012, 1e-6));
}

TEST_CASE("workloads have the load, the shares and the means of their plans",
          "[bench][sched]") {
  auto azure = azure_workload({.load = 0.9}, 3);
  CHECK_THAT(azure.load(), WithinRel(0.9, 0.02));
  auto tenants = tenant_workload(abuser_plan(), 3);
  auto abuser = std::count_if(tenants.jobs.begin(), tenants.jobs.end(),
                              [](const auto& j) { return j.tenant == 0; });
  CHECK_THAT(static_cast<double>(abuser)
               / static_cast<double>(tenants.jobs.size()),
             WithinAbs(12.0 / 21, 0.02));
  CHECK(without_tenant(tenants, 0).jobs.size() == tenants.jobs.size() - abuser);
  auto seed = seed_workload({.jobs = 200'000}, 3);
  CHECK_THAT(seed_plan{}.load(), WithinRel(0.941, 0.001));
  CHECK_THAT(seed.load(), WithinRel(0.941, 0.03));
  predict_with_noise(seed, 0.5, 3);
  double predicted = 0;
  size_t longer = 0;
  for (const auto& j : seed.jobs) {
    predicted += j.predicted / j.work;
    longer += j.work > j.predicted_p50;
  }
  auto n = static_cast<double>(seed.jobs.size());
  CHECK_THAT(predicted / n, WithinRel(1.0, 0.01));
  CHECK_THAT(static_cast<double>(longer) / n, WithinAbs(0.5, 0.01));
}

TEST_CASE("the audit finds starved jobs", "[bench][sched]") {
  auto w = seed_workload({.jobs = 20'000}, 1);
  key_log log;
  for (const auto& j : w.jobs)
    log.bases.push_back(static_cast<int64_t>(j.arrival * 1e6));
  log.keys = log.bases;
  log.limits = {{0, 0}};
  auto first_come = fcfs_order(w);
  auto fair =
    audit_starvation(w, serve(w, first_come, {.keep_segments = true}), log);
  CHECK(fair.jobs == w.jobs.size());
  CHECK(fair.waited > 10'000);
  CHECK(fair.beyond == 0);
  CHECK_THAT(fair.nearest, WithinAbs(1, 1e-3));
  newest_first unfair;
  CHECK(
    audit_starvation(w, serve(w, unfair, {.keep_segments = true}), log).beyond
    > 1000);
}

TEST_CASE("the audit follows the limits that were published",
          "[bench][sched]") {
  // One long job runs; three wait; the oldest goes last.
  auto w = jobs_of({{0, 10}, {1, 1}, {2, 1}, {3, 1}});
  newest_first unfair;
  auto t = serve(w, unfair, {.keep_segments = true});
  REQUIRE(finishes(t) == std::vector<double>{10, 13, 12, 11});
  key_log log{.keys = {0, 1'000'000, 2'000'000, 3'000'000},
              .bases = {0, 1'000'000, 2'000'000, 3'000'000},
              .limits = {{0, 0}}};
  // Only the oldest: the second waits for what runs and for the oldest.
  CHECK(audit_starvation(w, t, log).beyond == 1);
  log.limits = {{0, 0}, {5, 4}}; // T* of the oldest is 13
  CHECK(audit_starvation(w, t, log).beyond == 0);
}

TEST_CASE("two levels serve every job once, whatever the delay",
          "[bench][sched]") {
  auto w = seed_workload({.jobs = 5'000, .slots = 16, .fixed_load = 0.9}, 1);
  double last = 0;
  for (double delay_s : {0.0, 0.001, 0.02}) {
    auto x = serve_two_level(w, {.delay_s = delay_s});
    run_summary s;
    s.add(w, x.trace);
    auto f = s.figures();
    CHECK(f.served == w.jobs.size());
    CHECK(x.run_twice == 0);
    CHECK(x.audit.jobs == w.jobs.size());
    CHECK(x.audit.beyond == 0);
    CHECK(f.mean > last);
    last = f.mean;
  }
}

TEST_CASE("without delay two levels start jobs as one heap would",
          "[bench][sched]") {
  auto w = seed_workload({.jobs = 2'000, .slots = 4, .fixed_load = 0.8}, 1);
  // No preference for short jobs: no terms to lag behind.
  two_level_options by_arrival{.boost = {.boost_m = 0}, .delay_s = 0};
  auto x = serve_two_level(w, by_arrival);
  auto first_come = fcfs_order(w);
  auto y = serve(w, first_come);
  double largest = 0;
  for (size_t i = 0; i < w.jobs.size(); ++i)
    largest =
      std::max(largest, std::abs(x.trace.jobs[i].start - y.jobs[i].start));
  CHECK(largest < 0.005); // microseconds, rounded once per job
}

TEST_CASE(
  "a dispatcher that dies all the time loses no job and runs none twice",
  "[bench][sched]") {
  auto w = seed_workload({.jobs = 5'000, .slots = 16, .fixed_load = 0.5}, 2);
  for (double delay_s : {0.0002, 0.05}) {
    auto x = serve_two_level(
      w, {.delay_s = delay_s, .kill_every_s = 1.3, .down_s = 0.2});
    run_summary s;
    s.add(w, x.trace);
    CHECK(s.figures().served == w.jobs.size());
    CHECK(x.run_twice == 0);
  }
}

TEST_CASE("workers follow a demand that wanders", "[bench][sched]") {
  auto w = drift_workload({.hours = 0.5}, 1);
  CHECK_THAT(w.load(), WithinRel(0.8, 0.05));
  auto mean = [&](const pool_outcome& x) {
    run_summary s;
    s.add(w, x.trace);
    CHECK(s.figures().served == w.jobs.size());
    return s.figures().mean;
  };
  auto fixed = serve_pool(w, {.allocates = false});
  auto moving = serve_pool(w, {.load_s = 2});
  CHECK(fixed.moves == 0);
  CHECK(moving.moves > 0);
  CHECK(mean(moving) < 0.1 * mean(fixed));
}

TEST_CASE("the same seeds give the same figures", "[bench][sched]") {
  auto once = run_g5(two_seeds());
  auto again = run_g5(two_seeds());
  REQUIRE(once.lines.size() == again.lines.size());
  for (size_t i = 0; i < once.lines.size(); ++i)
    CHECK(once.lines[i].measured == again.lines[i].measured);
}

TEST_CASE("short runs of the gates come near them and starve nobody",
          "[bench][sched]") {
  struct step {
    gate_result (*run)(const run_options&);
    double slack;
  };
  std::vector<gate_result> results;
  // G5: half an hour is too short for FCFS to get as bad as in the hour.
  for (auto [run, slack] :
       {step{run_g1, 0.2}, step{run_g2, 2}, step{run_g5, 1.5}}) {
    results.push_back(run(two_seeds()));
    for (const auto& l : results.back().lines) {
      INFO(results.back().name << " " << l.what << ": " << l.measured << ", "
                               << l.limit);
      CHECK(nearly(l, slack));
    }
  }
  auto starvation = starvation_gate(results);
  CHECK(starvation.passed());
  CHECK(starvation.audit.jobs > 1'000'000);
  CHECK(starvation.audit.waited > 0);
}

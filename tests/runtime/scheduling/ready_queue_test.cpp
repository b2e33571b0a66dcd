#include "runtime/scheduling/ready_queue.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>
#include <set>
#include <tuple>
#include <unordered_map>

namespace troupe::runtime {
namespace {

job_id id_number(uint64_t n) {
  // Ids of one shard in order of n, with a low half that scatters.
  return job_id{(1'700'000'000'000'000 + n) << 10, n * 0x9E3779B97F4A7C15u};
}

// The sorted reference.
class sorted_queue {
public:
  struct job {
    std::string model;
    std::string tenant;
    int64_t key;
    int64_t work_us;
  };

  bool push(const job& j, const job_id& id) {
    if (!jobs_.emplace(id, j).second)
      return false;
    order_[j.model].insert({j.key, id});
    return true;
  }
  bool remove(const job_id& id) {
    auto it = jobs_.find(id);
    if (it == jobs_.end())
      return false;
    order_[it->second.model].erase({it->second.key, id});
    jobs_.erase(it);
    return true;
  }
  std::vector<job_id> heads(const std::string& model, size_t n,
                            const std::string& tenant = {}) {
    std::vector<job_id> found;
    for (const auto& [key, id] : order_[model]) {
      if (found.size() == n)
        break;
      if (tenant.empty() || jobs_.at(id).tenant == tenant)
        found.push_back(id);
    }
    return found;
  }
  std::pair<uint64_t, int64_t> ahead(const job_id& id) {
    std::pair<uint64_t, int64_t> sum{};
    for (const auto& [key, other] : order_[jobs_.at(id).model]) {
      if (other == id)
        break;
      ++sum.first;
      sum.second += jobs_.at(other).work_us;
    }
    return sum;
  }
  size_t size(const std::string& model) { return order_[model].size(); }
  size_t size() const { return jobs_.size(); }
  const auto& jobs() const { return jobs_; }

private:
  std::unordered_map<job_id, job> jobs_;
  std::map<std::string, std::set<std::pair<int64_t, job_id>>> order_;
};

std::vector<job_id> ids_of(const std::vector<queue_head>& heads) {
  std::vector<job_id> ids;
  for (const auto& h : heads)
    ids.push_back(h.id);
  return ids;
}

TEST_CASE("a queue orders by key, then by job id, over all tenants",
          "[runtime][scheduling]") {
  ready_queue queue;
  REQUIRE(queue.push("m", "b", 5, id_number(3)));
  REQUIRE(queue.push("m", "a", 5, id_number(2)));
  REQUIRE(queue.push("m", "a", -9, id_number(4), 7));
  REQUIRE(queue.push("other", "a", -99, id_number(1)));
  CHECK(ids_of(queue.heads("m", 9))
        == std::vector{id_number(4), id_number(2), id_number(3)});
  CHECK(ids_of(queue.heads("m", "b", 9)) == std::vector{id_number(3)});
  auto first = queue.pop("m");
  REQUIRE(first);
  CHECK(first->id == id_number(4));
  CHECK(first->tenant == "a");
  CHECK(first->work_us == 7);
  CHECK(queue.size("m") == 2);
  CHECK(queue.size("m", "a") == 1);
  CHECK(queue.size() == 3);
}

TEST_CASE("a job waits once and leaves once", "[runtime][scheduling]") {
  ready_queue queue;
  CHECK(queue.push("m", "a", 1, id_number(1)));
  CHECK_FALSE(queue.push("m", "a", 0, id_number(1)));
  CHECK_FALSE(queue.push("n", "b", 0, id_number(1)));
  CHECK(queue.head("m")->key == 1);
  CHECK(queue.remove(id_number(1)));
  CHECK_FALSE(queue.remove(id_number(1)));
  CHECK_FALSE(queue.contains(id_number(1)));
  CHECK(queue.push("m", "a", 1, id_number(1))); // A requeue keeps its key.
  CHECK(queue.contains(id_number(1)));
}

TEST_CASE("unknown models, tenants and jobs are empty answers",
          "[runtime][scheduling]") {
  ready_queue queue;
  queue.push("m", "a", 1, id_number(1));
  CHECK_FALSE(queue.head("x"));
  CHECK_FALSE(queue.pop("x"));
  CHECK(queue.heads("x", 5).empty());
  CHECK(queue.heads("m", "x", 5).empty());
  CHECK(queue.heads("m", 0).empty());
  CHECK(queue.size("x") == 0);
  CHECK(queue.size("m", "x") == 0);
  CHECK(queue.work_us("x") == 0);
  CHECK(queue.tenants("x").empty());
  CHECK_FALSE(queue.position(id_number(2)));
  CHECK(queue.models() == std::vector<std::string_view>{"m"});
  CHECK(queue.tenants("m") == std::vector<std::string_view>{"a"});
}

TEST_CASE("extreme keys keep their order", "[runtime][scheduling]") {
  ready_queue queue;
  queue.push("m", "a", INT64_MAX, id_number(1));
  queue.push("m", "a", INT64_MIN, id_number(2));
  queue.push("m", "a", 0, id_number(3));
  CHECK(ids_of(queue.heads("m", 3))
        == std::vector{id_number(2), id_number(3), id_number(1)});
  CHECK(queue.position(id_number(1))->jobs_ahead == 2);
}

TEST_CASE("any history of pushes and removals equals a sorted reference",
          "[runtime][scheduling]") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    ready_queue queue;
    sorted_queue reference;
    // Few keys: ties and their tombstones matter most.
    auto keys = 1 + random() % (seed % 2 == 0 ? 5 : 1'000'000'000);
    auto ids = 50 + random() % 2000;
    for (int step = 0; step < 3000; ++step) {
      auto id = id_number(random() % ids);
      if (random() % 100 < (step / 500 % 2 == 0 ? 70u : 30u)) {
        sorted_queue::job j{.model = "m" + std::to_string(random() % 3),
                            .tenant = "t" + std::to_string(random() % 4),
                            .key = static_cast<int64_t>(random() % keys)
                                   - static_cast<int64_t>(keys / 2),
                            .work_us = static_cast<int64_t>(random() % 1000)};
        REQUIRE(queue.push(j.model, j.tenant, j.key, id, j.work_us)
                == reference.push(j, id));
      } else {
        REQUIRE(queue.remove(id) == reference.remove(id));
      }
      auto model = "m" + std::to_string(random() % 3);
      auto tenant = "t" + std::to_string(random() % 4);
      REQUIRE(queue.size() == reference.size());
      REQUIRE(queue.size(model) == reference.size(model));
      REQUIRE(ids_of(queue.heads(model, 7)) == reference.heads(model, 7));
      REQUIRE(ids_of(queue.heads(model, tenant, 3))
              == reference.heads(model, 3, tenant));
      if (step % 16 == 0 && queue.contains(id)) {
        auto [jobs, work] = reference.ahead(id);
        auto place = queue.position(id);
        REQUIRE(place->exact);
        REQUIRE(place->jobs_ahead == jobs);
        REQUIRE(place->work_ahead_us == work);
      }
    }
    for (auto model : {"m0", "m1", "m2"})
      while (auto h = queue.pop(model)) {
        REQUIRE(h->id == reference.heads(model, 1).front());
        reference.remove(h->id);
      }
    REQUIRE(queue.size() == 0);
    REQUIRE(reference.size() == 0);
  }
}

TEST_CASE("a long queue estimates a place within one bucket of keys",
          "[runtime][scheduling]") {
  ready_queue queue;
  constexpr int64_t gap_us = 10'000; // 100 jobs/s: 420 in a bucket.
  constexpr uint64_t jobs = 20'000;
  for (uint64_t n = 0; n < jobs; ++n)
    queue.push("m", n % 3 == 0 ? "a" : "b", static_cast<int64_t>(n) * gap_us,
               id_number(n), 100);
  uint64_t worst = 0;
  for (uint64_t n = 0; n < jobs; n += 7) {
    auto place = queue.position(id_number(n));
    REQUIRE(place);
    REQUIRE_FALSE(place->exact);
    auto error =
      place->jobs_ahead > n ? place->jobs_ahead - n : n - place->jobs_ahead;
    worst = std::max(worst, error);
    auto work = static_cast<int64_t>(place->jobs_ahead) * 100;
    REQUIRE(place->work_ahead_us >= work);
    REQUIRE(place->work_ahead_us < work + 100);
  }
  CHECK(worst <= 420);
}

TEST_CASE("a queued job costs at most 120 bytes, and churn adds nothing",
          "[runtime][scheduling]") {
  ready_queue queue;
  constexpr uint64_t jobs = 200'000;
  for (uint64_t n = 0; n < jobs; ++n)
    queue.push("m", "a", static_cast<int64_t>(n) * 1000, id_number(n));
  auto full = queue.memory_bytes();
  CHECK(full / jobs <= 120);
  // The same number of jobs, each replaced twice.
  for (uint64_t n = 0; n < 2 * jobs; ++n) {
    queue.remove(id_number(n));
    queue.push("m", "a", static_cast<int64_t>(n + jobs) * 1000,
               id_number(n + jobs));
  }
  CHECK(queue.size() == jobs);
  CHECK(queue.memory_bytes() <= full * 5 / 4);
  // Cancelled from the back, no head ever surfaces: trimming must.
  for (uint64_t n = 3 * jobs - 1; n > 2 * jobs; --n)
    queue.remove(id_number(n));
  for (uint64_t n = 1; n < jobs; ++n) {
    queue.push("m", "a", static_cast<int64_t>(n + 3 * jobs) * 1000,
               id_number(n + 3 * jobs));
    queue.remove(id_number(n + 3 * jobs));
  }
  CHECK(queue.size() == 1);
  CHECK(queue.memory_bytes() <= full * 5 / 4);
}

} // namespace
} // namespace troupe::runtime

#include "tests/bench/core_speed.hpp"

#include "runtime/rng.hpp"
#include "runtime/scheduling/dispatch_core.hpp"
#include "runtime/scheduling/ready_queue.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace troupe::bench {
namespace {

namespace rt = troupe::runtime;

constexpr const char* model = "m";
constexpr int64_t key_range_us = int64_t{3600} * 1'000'000;

struct queued {
  rt::job_id id;
  int64_t key = 0;
  uint32_t tenant = 0;
};

std::string tenant_name(uint32_t n) {
  return "tenant-" + std::to_string(n);
}

template <class Work>
double timed(histogram& into, Work work) {
  const auto begin = now();
  work();
  const auto took = now() - begin;
  into.add(took);
  return to_seconds(took);
}

} // namespace

queue_speed measure_ready_queue(uint64_t jobs, uint32_t tenants,
                                uint64_t seed) {
  rt::seeded_rng random{seed};
  uint64_t next = 0;
  auto make = [&] {
    ++next;
    return queued{rt::job_id{next << 10, random.next()},
                  static_cast<int64_t>(random.below(key_range_us)),
                  static_cast<uint32_t>(random.below(tenants))};
  };
  std::vector<std::string> names;
  for (uint32_t t = 0; t < tenants; ++t)
    names.push_back(tenant_name(t));
  std::vector<queued> all(jobs);
  for (auto& x : all)
    x = make();

  queue_speed r;
  rt::ready_queue queue;
  const auto begin = now();
  for (const auto& x : all)
    queue.push(model, names[x.tenant], x.key, x.id, 1000);
  r.rebuild_s = to_seconds(now() - begin);
  r.bytes_per_job =
    static_cast<double>(queue.memory_bytes()) / static_cast<double>(jobs);

  double push_s = 0;
  double pop_s = 0;
  for (uint64_t n = 0; n < jobs; ++n) {
    auto x = make();
    push_s += timed(
      r.push, [&] { queue.push(model, names[x.tenant], x.key, x.id, 1000); });
    // As a lease does: the dispatcher names a head of one tenant.
    auto t = static_cast<uint32_t>(random.below(tenants));
    pop_s += timed(r.pop, [&] {
      auto heads = queue.heads(model, names[t], 1);
      if (!heads.empty())
        queue.remove(heads.front().id);
    });
  }
  r.push_mean_us = push_s / static_cast<double>(jobs) * 1e6;
  r.pop_mean_us = pop_s / static_cast<double>(jobs) * 1e6;
  return r;
}

pick_speed measure_picks(uint32_t tenants, uint16_t shards, uint64_t picks,
                         uint64_t seed) {
  constexpr uint32_t slots = 1024;
  rt::seeded_rng random{seed};
  rt::dispatch_core core{{}};
  rt::mono_time time{std::chrono::hours{1}};
  uint64_t next = 0;
  auto head = [&](rt::shard_id shard) {
    ++next;
    return rt::announced_head{
      .id = rt::job_id{next << 10 | shard.value, random.next()},
      .key = static_cast<int64_t>(random.below(key_range_us)),
      .work_s = 0.5 + random.unit(),
      .overdue_at = time + std::chrono::hours{1}};
  };
  pick_speed r;
  auto begin = now();
  for (uint16_t s = 0; s < shards; ++s) {
    std::vector<rt::announced_queue> queues;
    for (uint32_t t = 0; t < tenants; ++t)
      queues.push_back({tenant_name(t), {head({s})}});
    core.announce({s}, queues);
  }
  r.announce_s = to_seconds(now() - begin);
  for (int w = 0; w < 4; ++w)
    core.register_worker("worker/m/" + std::to_string(w), 1, slots / 4, {},
                         time);
  begin = now();
  while (r.picks < picks) {
    time += std::chrono::milliseconds{1};
    for (const auto& o : core.pick(time, 64)) {
      ++r.picks;
      rt::attempt_id id{o.job, 1, o.after_attempt + 1};
      core.granted({id, o.worker, o.stamp}, time);
      core.announce(o.shard, {{o.tenant, {head(o.shard)}}});
      core.freed(o.worker, id, std::chrono::milliseconds{900});
    }
  }
  auto took = to_seconds(now() - begin);
  r.picks_per_s = static_cast<double>(r.picks) / took;
  r.mean_us = took / static_cast<double>(r.picks) * 1e6;
  return r;
}

} // namespace troupe::bench

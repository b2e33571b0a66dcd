#include "tests/bench/commands.hpp"
#include "tests/bench/http_client.hpp"
#include "tests/bench/node_under_test.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <stdexcept>

namespace troupe::bench {

namespace {

// Accepts `count` jobs and returns their ids, sorted.
std::vector<std::string> fill(child_process& node, uint64_t seed,
                              uint64_t count) {
  const load_plan plan{.port = node.gateway_port(),
                       .connections = 64,
                       .warmup_s = 0,
                       .duration_s = 600,
                       .requests_max = count,
                       .requests = job_requests(seed, 256, "sim", 1024)};
  std::vector<std::string> ids;
  ids.reserve(count);
  const auto got = run_load(plan, [&](std::string_view body) {
    ids.emplace_back(json_string(body, "id"));
  });
  if (got.errors > 0 || ids.size() != count)
    throw std::runtime_error{"filling the node failed: " + got.first_error};
  std::sort(ids.begin(), ids.end());
  return ids;
}

// Ids of all live jobs, by paging through the list as a client would.
std::vector<std::string> live_jobs(const child_process& node) {
  std::vector<std::string> ids;
  std::string after;
  for (;;) {
    auto target = std::string{"/v1/jobs?status=queued&status=in_progress"
                              "&order=asc&limit=100"};
    if (!after.empty())
      target += "&after=" + after;
    const auto page = fetch(node.gateway_port(), "GET", target, {}, 30.0);
    if (page.status != 200)
      throw std::runtime_error{"listing failed: " + page.body.substr(0, 300)};
    const auto json = boost::json::parse(page.body).as_object();
    for (const auto& job : json.at("data").as_array())
      ids.emplace_back(job.at("id").as_string());
    if (!json.at("has_more").as_bool())
      break;
    after = std::string{json.at("last_id").as_string()};
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

} // namespace

int bench_recover(const bench_options& options, uint64_t jobs) {
  const scratch_dir scratch{options.scratch};
  const node_setup setup{.dir = scratch.sub("node")};
  auto node = start_node(options, setup);
  const auto resident_empty = node->resident_bytes();
  const auto accepted = fill(*node, options.seed, jobs);
  const auto resident_live = node->resident_bytes();

  std::vector<double> ready_s, resident;
  for (uint32_t repeat = 0; repeat < options.repeats; ++repeat) {
    node->kill();
    node = std::make_unique<child_process>(node->arguments(),
                                           scratch.sub("node/node.log"));
    node->await_listening(60.0);
    ready_s.push_back(await_ready(*node, 60.0));
    resident.push_back(static_cast<double>(node->resident_bytes()));
  }
  const auto live = live_jobs(*node);
  std::vector<std::string> lost;
  std::set_difference(accepted.begin(), accepted.end(), live.begin(),
                      live.end(), std::back_inserter(lost));
  const auto sync = measure_fdatasync(scratch.path(), 1.0);

  report out{"recover: SIGKILL with " + std::to_string(jobs)
             + " queued jobs, exec to ready"};
  out.columns({"measure", "value"});
  out.row({"exec to /readyz 200, s (median)", fixed(median(ready_s), 3)});
  out.row({"slowest of them, s",
           fixed(*std::max_element(ready_s.begin(), ready_s.end()), 3)});
  out.row({"accepted", std::to_string(accepted.size())});
  out.row({"live after the last restart", std::to_string(live.size())});
  out.row({"lost", std::to_string(lost.size())});
  const auto mib = [](double bytes) { return fixed(bytes / (1 << 20), 1); };
  out.row({"resident MiB: empty", mib(static_cast<double>(resident_empty))});
  out.row({"resident MiB: full", mib(static_cast<double>(resident_live))});
  out.row({"resident MiB: full, after restart", mib(median(resident))});
  out.note("fdatasync in the same run: p50 "
           + fixed(to_ms(sync.quantile(0.5)), 3) + " ms, p99 "
           + fixed(to_ms(sync.quantile(0.99)), 3) + " ms");
  out.figure("fdatasync_p50_ms", to_ms(sync.quantile(0.5)));
  out.figure("ready_s", median(ready_s));
  out.figure("accepted", static_cast<double>(accepted.size()));
  out.figure("live_after", static_cast<double>(live.size()));
  out.figure("lost", static_cast<double>(lost.size()));
  out.figure("resident_empty_bytes", static_cast<double>(resident_empty));
  out.figure("resident_full_bytes", static_cast<double>(resident_live));
  out.figure("resident_restarted_bytes", median(resident));
  out.aim_at_most("exec to ready", median(ready_s), 3.0, "s");
  out.aim_at_most("acknowledged jobs lost", static_cast<double>(lost.size()), 0,
                  "");
  out.aim_at_most(
    "jobs live beyond the acknowledged",
    static_cast<double>(live.size() - std::min(live.size(), accepted.size())),
    0, "");
  return out.finish(options);
}

} // namespace troupe::bench

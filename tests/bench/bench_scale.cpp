// A node with a million queued jobs: what accepting and dispatching cost then,
// beside the same with ten thousand; its memory; how soon it is back after kill -9.
// The model `sim` works through its queue all the time, slowly; `probe` is idle,
// and shows what the backlog of another model costs.
#include "tests/bench/commands.hpp"
#include "tests/bench/http_client.hpp"
#include "tests/bench/node_under_test.hpp"

#include <stdexcept>

#include <unistd.h>

namespace troupe::bench {
namespace {

constexpr uint32_t slots = 8;
constexpr double service_s = 0.05;
constexpr uint64_t few_jobs = 10'000;

/// One histogram of the node's, cumulative.
struct sampled {
  std::vector<std::pair<double, double>> buckets; ///< Upper end, s; count.
  double count = 0;
  double sum = 0;
};

double number_after(std::string_view text, size_t at) {
  return std::stod(std::string{text.substr(at, 32)});
}

sampled scrape(const child_process& node, const std::string& name) {
  const auto answer = fetch(node.admin_port(), "GET", "/metrics", {}, 30.0);
  const std::string& text = answer.body;
  sampled s;
  const std::string bucket = name + "_bucket{model=\"sim\",le=\"";
  for (auto at = text.find(bucket); at != std::string::npos;
       at = text.find(bucket, at + 1)) {
    const auto edge = at + bucket.size();
    const auto end = text.find("\"} ", edge);
    const auto le = text.substr(edge, end - edge);
    s.buckets.emplace_back(le == "+Inf" ? 1e9 : std::stod(le),
                           number_after(text, end + 3));
  }
  const auto value = [&](const std::string& series) {
    const auto at = text.find(series);
    return at == std::string::npos ? 0.0
                                   : number_after(text, at + series.size());
  };
  s.count = value(name + "_count{model=\"sim\"} ");
  s.sum = value(name + "_sum{model=\"sim\"} ");
  return s;
}

/// What came between two scrapes.
double mean_between(const sampled& a, const sampled& b) {
  return b.count > a.count ? (b.sum - a.sum) / (b.count - a.count) : 0;
}

struct level {
  uint64_t queued = 0;
  double accept_p50_ms = 0;
  double accept_p99_ms = 0;
  double lease_mean_ms = 0; ///< Order to answer.
  double leases_per_s = 0;  ///< Of 160 that the slots can do.
  double probe_p50_ms = 0;  ///< Submit to end on the idle model.
  double probe_p99_ms = 0;
  double resident = 0;
  uint64_t errors = 0;
};

class scale_bench {
public:
  scale_bench(const bench_options& options, uint64_t jobs)
    : options_{options}, jobs_{jobs}, scratch_{options.scratch} {
    node_ = start_node(
      options_,
      {.dir = scratch_.sub("node"),
       .slots = slots,
       .service_s = service_s,
       .tokens = 0,
       .more_scheduling =
         "  classes: { standard: { backlog_limit_s: 30000000 } }\n",
       .more_models = "  - name: probe\n    backend: simulated\n    slots: 4\n"
                      "    simulated: { service: constant, median_s: 0.001, "
                      "p95_s: 0.001, tokens: 0, seed: 1 }\n"});
    empty_bytes_ = static_cast<double>(node_->resident_bytes());
  }

  level measure(uint64_t queued) {
    const auto begin = now();
    fill_to(queued);
    fill_s_ = to_seconds(now() - begin);
    level x{.queued = queued};
    x.resident = static_cast<double>(node_->resident_bytes());
    settle();
    const auto before = scrape(*node_, "troupe_sched_lease_seconds");
    const auto since = now();
    const auto got = run_load(
      {.port = node_->gateway_port(),
       .connections = 64,
       .rate_per_s = 500,
       .duration_s = options_.duration_s,
       .requests = job_requests(options_.seed + queued, 256, "sim", 1024)});
    const auto after = scrape(*node_, "troupe_sched_lease_seconds");
    x.leases_per_s = (after.count - before.count) / to_seconds(now() - since);
    x.lease_mean_ms = mean_between(before, after) * 1e3;
    x.accept_p50_ms = to_ms(got.latency.quantile(0.5));
    x.accept_p99_ms = to_ms(got.latency.quantile(0.99));
    x.errors = got.errors;
    filled_ += got.ok;
    probe(x);
    return x;
  }

  /// Resident with so many queued, bytes.
  double resident_at(uint64_t queued) {
    fill_to(queued);
    settle();
    return resident_bytes();
  }

  double restart_s() {
    node_->kill();
    node_ = std::make_unique<child_process>(node_->arguments(),
                                            scratch_.sub("node/node.log"));
    node_->await_listening(120.0);
    return await_ready(*node_, 120.0);
  }

  double empty_bytes() const noexcept { return empty_bytes_; }
  double resident_bytes() const {
    return static_cast<double>(node_->resident_bytes());
  }
  double fill_s() const noexcept { return fill_s_; }

private:
  void fill_to(uint64_t queued) {
    if (filled_ >= queued)
      return;
    const auto got =
      run_load({.port = node_->gateway_port(),
                .connections = 64,
                .warmup_s = 0,
                .duration_s = 3600,
                .requests_max = queued - filled_,
                .requests = job_requests(options_.seed, 256, "sim", 1024)});
    if (got.errors > 0)
      throw std::runtime_error{"filling the node failed: " + got.first_error};
    filled_ += got.ok;
  }

  /// The store flushes and compacts what the filling left, and the kernel writes
  /// it: not what is measured. Until the node writes little more than it must.
  void settle() const {
    constexpr uint64_t calm_bytes_per_s = 2 << 20;
    const auto limit = now() + from_seconds(options_.quick ? 5 : 120);
    ::sync();
    poller pause;
    for (uint64_t before = node_->written_bytes(); now() < limit;) {
      pause_for(pause, 2);
      const auto written = node_->written_bytes();
      if (written - before < 2 * calm_bytes_per_s)
        break;
      before = written;
    }
    ::sync();
    pause_for(pause, options_.quick ? 0 : 3);
  }
  static void pause_for(poller& pause, double seconds) {
    const auto until = now() + from_seconds(seconds);
    while (now() < until)
      pause.poll_until(until);
  }

  /// One job at a time on the idle model; its answer is its end.
  void probe(level& x) const {
    std::vector<std::string> requests;
    for (int i = 0; i < 64; ++i) {
      const auto body = R"({"model":"probe","task":"chat","input":"p)"
                        + std::to_string(i) + "\"}";
      requests.push_back("POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                         "Prefer: wait=10\r\nContent-Type: application/json\r\n"
                         "Content-Length: "
                         + std::to_string(body.size()) + "\r\n\r\n" + body);
    }
    const auto got = run_load({.port = node_->gateway_port(),
                               .connections = 1,
                               .duration_s = options_.duration_s,
                               .expected_status = 200,
                               .requests = std::move(requests)});
    x.errors += got.errors;
    x.probe_p50_ms = to_ms(got.latency.quantile(0.5));
    x.probe_p99_ms = to_ms(got.latency.quantile(0.99));
  }

  bench_options options_;
  uint64_t jobs_;
  scratch_dir scratch_;
  std::unique_ptr<child_process> node_;
  uint64_t filled_ = 0;
  double empty_bytes_ = 0;
  double fill_s_ = 0;
};

void print_ratio(report& out, const std::string& what, double few, double many,
                 const std::string& unit) {
  out.row({what, fixed(few, 3), fixed(many, 3),
           fixed(few > 0 ? many / few : 0, 2), unit});
}

} // namespace

int bench_scale(const bench_options& options, uint64_t jobs) {
  scale_bench bench{options, jobs};
  const auto few = bench.measure(few_jobs);
  // By then the store's buffers and the resident requests are as large as they
  // get: what comes after is the jobs' own.
  const auto half = bench.resident_at(jobs / 2);
  const auto many = bench.measure(jobs);
  const auto fill_s = bench.fill_s();
  const auto ready_s = bench.restart_s();
  const auto added = static_cast<double>(many.queued - few.queued);
  const auto per_job_with_buffers = (many.resident - few.resident) / added;
  const auto per_job =
    (many.resident - half) / static_cast<double>(jobs - jobs / 2);
  const auto per_job_restarted =
    (bench.resident_bytes() - bench.empty_bytes()) / static_cast<double>(jobs);

  report out{"scale: " + std::to_string(jobs) + " queued jobs on one node"};
  out.columns(
    {"measure", std::to_string(few_jobs), std::to_string(jobs), "x", ""});
  print_ratio(out, "accept at 500/s, p50", few.accept_p50_ms,
              many.accept_p50_ms, "ms");
  print_ratio(out, "accept at 500/s, p99", few.accept_p99_ms,
              many.accept_p99_ms, "ms");
  print_ratio(out, "lease, order to answer, mean", few.lease_mean_ms,
              many.lease_mean_ms, "ms");
  print_ratio(out, "leases of 8 slots of 50 ms", few.leases_per_s,
              many.leases_per_s, "/s");
  print_ratio(out, "idle model, submit to end, p50", few.probe_p50_ms,
              many.probe_p50_ms, "ms");
  print_ratio(out, "idle model, submit to end, p99", few.probe_p99_ms,
              many.probe_p99_ms, "ms");
  out.columns({"measure", "value"});
  out.row({"filling the second half, s", fixed(fill_s, 1)});
  out.row({"resident per queued job, second half, bytes", fixed(per_job, 0)});
  out.row({"the same with the store's buffers and cached requests, bytes",
           fixed(per_job_with_buffers, 0)});
  out.row({"the same after the restart, bytes", fixed(per_job_restarted, 0)});
  out.row({"SIGKILL, exec to ready, s", fixed(ready_s, 2)});
  out.aim_at_most("accept p99, many over few",
                  many.accept_p99_ms / few.accept_p99_ms, 1.2, "x");
  out.aim_at_most("lease, many over few",
                  many.lease_mean_ms / few.lease_mean_ms, 1.2, "x");
  out.aim_at_most("idle model p50, many over few",
                  many.probe_p50_ms / few.probe_p50_ms, 1.2, "x");
  out.aim_at_most("resident per queued job", per_job, 1024, "bytes");
  out.aim_at_most("exec to ready", ready_s, 20, "s");
  out.aim_at_most("requests that went wrong",
                  static_cast<double>(few.errors + many.errors), 0, "");
  return out.finish(options);
}

} // namespace troupe::bench

#include "tests/bench/commands.hpp"
#include "tests/bench/http_client.hpp"
#include "tests/bench/node_under_test.hpp"
#include "tests/bench/sse_stream.hpp"
#include "tests/bench/stream_run.hpp"

#include <algorithm>
#include <stdexcept>

namespace troupe::bench {

namespace {

struct samples {
  std::vector<double> overhead_p50, overhead_p99, first_p50, events_per_job;
  std::vector<double> delay_p50, delay_p99, delay_p999, delivered_per_s;
  std::vector<double> node_cores;
  std::vector<double> bytes_per_stream, bytes_per_job;
};

// Streams that only wait: opened on queued jobs.
class idle_streams final : public sse_listener {
public:
  idle_streams(uint16_t port, const std::vector<std::string>& jobs) {
    for (const auto& id : jobs)
      streams_.push_back(std::make_unique<sse_stream>(loop_, port, id, *this));
    const auto limit = now() + from_seconds(30);
    while (seen_ < jobs.size() && now() < limit)
      loop_.poll_until(limit);
    if (seen_ < jobs.size())
      throw std::runtime_error{"only " + std::to_string(seen_) + " of "
                               + std::to_string(jobs.size())
                               + " streams opened; " + trouble_};
  }
  void on_event(sse_stream& from, std::string_view, std::string_view) override {
    if (from.events() == 1)
      ++seen_;
  }
  void on_end(sse_stream& from) override { trouble_ = from.trouble(); }

private:
  poller loop_;
  std::vector<std::unique_ptr<sse_stream>> streams_;
  size_t seen_ = 0;
  std::string trouble_;
};

class stream_bench {
public:
  explicit stream_bench(const bench_options& options)
    : options_(options), scratch_(options.scratch) {}

  void run() {
    for (uint32_t repeat = 0; repeat < options_.repeats; ++repeat) {
      const auto sync = measure_fdatasync(scratch_.path(), 1.0);
      sync_p50_.push_back(to_ms(sync.quantile(0.5)));
      sync_p99_.push_back(to_ms(sync.quantile(0.99)));
      const auto name = std::to_string(repeat);
      measure_overhead(scratch_.sub("overhead" + name));
      measure_delay(scratch_.sub("delay" + name));
      measure_memory(scratch_.sub("memory" + name));
    }
  }

  int print() const {
    report out{"stream: overhead, event delay, memory"};
    out.columns({"measure", "value", "unit"});
    line(out, "overhead_p50_ms", "overhead p50, 10 jobs/s x 20 events", 3, "ms",
         got_.overhead_p50);
    line(out, "overhead_p99_ms", "overhead p99", 3, "ms", got_.overhead_p99);
    line(out, "first_output_p50_ms", "submission to first output, p50", 3, "ms",
         got_.first_p50);
    line(out, "events_per_job", "output events per job", 1, "",
         got_.events_per_job);
    line(out, "delay_p50_ms", "event delay p50, 1,000 streams x 5/s", 3, "ms",
         got_.delay_p50);
    line(out, "delay_p99_ms", "event delay p99", 3, "ms", got_.delay_p99);
    line(out, "delay_p999_ms", "event delay p99.9", 3, "ms", got_.delay_p999);
    line(out, "delivered_per_s", "events delivered per second", 0, "",
         got_.delivered_per_s);
    line(out, "node_cores", "node's CPU meanwhile", 2, "cores",
         got_.node_cores);
    line(out, "bytes_per_stream", "resident per open stream", 0, "bytes",
         got_.bytes_per_stream);
    line(out, "bytes_per_job", "resident per queued job of 1 KiB", 0, "bytes",
         got_.bytes_per_job);
    out.note("fdatasync in the same run: p50 " + fixed(median(sync_p50_), 3)
             + " ms, p99 " + fixed(median(sync_p99_), 3) + " ms");
    out.figure("fdatasync_p50_ms", median(sync_p50_));
    if (!trouble_.empty())
      out.note("first error: " + trouble_);
    out.aim_at_most("overhead p50", median(got_.overhead_p50), 1.5, "ms");
    out.aim_at_most("overhead p99", median(got_.overhead_p99), 6.0, "ms");
    out.aim_at_most("resident per open stream", median(got_.bytes_per_stream),
                    8 * 1024, "bytes");
    out.aim_at_most("resident per queued job beyond its 1 KiB payload",
                    median(got_.bytes_per_job) - 1024, 2 * 1024, "bytes");
    out.aim_at_most("jobs or streams that went wrong",
                    static_cast<double>(errors_), 0, "");
    return out.finish(options_);
  }

private:
  static void line(report& out, const std::string& key,
                   const std::string& label, int digits,
                   const std::string& unit, const std::vector<double>& values) {
    out.row({label, fixed(median(values), digits), unit});
    out.figure(key, median(values));
  }

  void measure_overhead(const std::string& dir) {
    auto node = start_node(options_, {.dir = dir, .slots = 64});
    const auto seconds = std::max(options_.duration_s * 2, 5.0);
    const auto got = run_streams({.port = node->gateway_port(),
                                  .seed = options_.seed,
                                  .jobs = static_cast<uint64_t>(seconds * 10),
                                  .rate_per_s = 10});
    got_.overhead_p50.push_back(to_ms(got.overhead.quantile(0.5)));
    got_.overhead_p99.push_back(to_ms(got.overhead.quantile(0.99)));
    got_.first_p50.push_back(to_ms(got.first_output.quantile(0.5)));
    got_.events_per_job.push_back(
      static_cast<double>(got.output_events)
      / static_cast<double>(std::max<uint64_t>(got.finished, 1)));
    note_errors(got);
  }

  void measure_delay(const std::string& dir) {
    auto node = start_node(options_, {.dir = dir, .slots = 1024});
    const auto watch = std::max(options_.duration_s, 3.0);
    const auto service = watch + 20;
    const auto cpu = node->cpu_seconds();
    const auto begin = now();
    const auto got = run_streams({.port = node->gateway_port(),
                                  .seed = options_.seed,
                                  .jobs = 1000,
                                  .rate_per_s = 250,
                                  .service_s = service,
                                  .tokens = static_cast<uint32_t>(service * 5),
                                  .settle_s = 1,
                                  .watch_s = watch});
    // Over the ramp as well, so a little low.
    got_.node_cores.push_back((node->cpu_seconds() - cpu)
                              / to_seconds(now() - begin));
    got_.delay_p50.push_back(to_ms(got.delay.quantile(0.5)));
    got_.delay_p99.push_back(to_ms(got.delay.quantile(0.99)));
    got_.delay_p999.push_back(to_ms(got.delay.quantile(0.999)));
    got_.delivered_per_s.push_back(static_cast<double>(got.output_events)
                                   / got.seconds);
    note_errors(got);
    if (got.open_at_end != 1000) {
      ++errors_;
      trouble_ = std::to_string(got.open_at_end) + " of 1000 streams open";
    }
  }

  // A busy node first, so that the store's buffers are full and the growth is
  // the jobs' own.
  void measure_memory(const std::string& dir) {
    auto node = start_node(options_, {.dir = dir});
    const uint64_t warm = options_.quick ? 10'000 : 60'000;
    const uint64_t more = options_.quick ? 10'000 : 60'000;
    submit(*node, warm);
    const auto before = static_cast<double>(node->resident_bytes());
    const auto ids = submit(*node, more);
    const auto after = static_cast<double>(node->resident_bytes());
    got_.bytes_per_job.push_back((after - before) / static_cast<double>(more));
    const std::vector<std::string> watched{ids.begin(), ids.begin() + 1000};
    // The store's cache first, which is not the streams' own.
    for (const auto& id : watched)
      if (fetch(node->gateway_port(), "GET", "/v1/jobs/" + id + "/events")
            .status
          != 200)
        throw std::runtime_error{"reading events of a queued job failed"};
    const auto closed = static_cast<double>(node->resident_bytes());
    const idle_streams open{node->gateway_port(), watched};
    const auto opened = static_cast<double>(node->resident_bytes());
    got_.bytes_per_stream.push_back((opened - closed) / 1000);
  }

  std::vector<std::string> submit(child_process& node, uint64_t count) {
    std::vector<std::string> ids;
    const auto got =
      run_load({.port = node.gateway_port(),
                .connections = 64,
                .warmup_s = 0,
                .duration_s = 300,
                .requests_max = count,
                .requests = job_requests(options_.seed, 256, "sim", 1024)},
               [&](std::string_view body) {
                 ids.emplace_back(json_string(body, "id"));
               });
    if (got.errors > 0)
      throw std::runtime_error{"filling the queue failed: " + got.first_error};
    return ids;
  }

  void note_errors(const stream_result& got) {
    errors_ += got.errors;
    if (trouble_.empty())
      trouble_ = got.first_error;
  }

  const bench_options& options_;
  scratch_dir scratch_;
  samples got_;
  std::vector<double> sync_p50_, sync_p99_;
  uint64_t errors_ = 0;
  std::string trouble_;
};

} // namespace

int bench_stream(const bench_options& options) {
  stream_bench bench{options};
  bench.run();
  return bench.print();
}

} // namespace troupe::bench

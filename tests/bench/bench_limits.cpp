#include "tests/bench/child_process.hpp"
#include "tests/bench/commands.hpp"
#include "tests/bench/job_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <stdexcept>

namespace troupe::bench {

namespace {

// Records per second when one writer commits batches of 64 x 1 KiB.
double measure_batches(const std::string& dir, double seconds) {
  std::filesystem::create_directories(dir);
  job_log log{dir};
  const std::vector<std::string> records(64, std::string(1024, 'r'));
  const auto begin = now();
  const auto end = begin + from_seconds(seconds);
  uint64_t written = 0;
  while (now() < end) {
    log.commit(records);
    written += records.size();
  }
  return static_cast<double>(written) / to_seconds(now() - begin);
}

struct sample_set {
  std::vector<double> rate, p50, p99;
};

class limits_bench {
public:
  explicit limits_bench(const bench_options& options)
    : options_(options), scratch_(options.scratch) {}

  void run() {
    for (uint32_t i = 0; i < options_.repeats; ++i) {
      const auto half = options_.duration_s / 2;
      const auto sync = measure_fdatasync(scratch_.path(), half);
      sync_p50_.push_back(to_ms(sync.quantile(0.5)));
      sync_p99_.push_back(to_ms(sync.quantile(0.99)));
      const auto name = std::to_string(i);
      batches_.push_back(measure_batches(scratch_.sub("batches" + name), half));
      measure_ceiling(scratch_.sub("ceiling" + name));
    }
  }

  int print() const {
    report out{"limits"};
    out.columns({"limit", "per second", "p50 ms", "p99 ms"});
    out.row({"fdatasync of a 4 KiB append", fixed(1000 / median(sync_p50_), 0),
             fixed(median(sync_p50_), 3), fixed(median(sync_p99_), 3)});
    out.row({"RocksDB, synced batches of 64 x 1 KiB",
             fixed(median(batches_), 0), "", ""});
    out.figure("fdatasync_p50_ms", median(sync_p50_));
    out.figure("fdatasync_p99_ms", median(sync_p99_));
    out.figure("rocksdb_batch64_records_per_s", median(batches_));
    for (const auto& [connections, got] : closed_) {
      const auto n = std::to_string(connections);
      line(out, "ceiling, " + n + " connections", "ceiling_c" + n, got);
    }
    line(out, "ceiling, 500/s", "ceiling_r500", paced_);
    out.figure("errors", static_cast<double>(errors_));
    if (errors_ > 0)
      out.note("ERRORS: " + std::to_string(errors_) + " requests went wrong");
    return out.finish(options_);
  }

private:
  void measure_ceiling(const std::string& dir) {
    child_process server{{own_executable(), "ceiling-server", "--dir", dir},
                         scratch_.sub("ceiling.log")};
    server.await_listening();
    load_plan plan{.port = server.gateway_port(),
                   .connections = 64,
                   .rate_per_s = 500,
                   .duration_s = options_.duration_s,
                   .requests = job_requests(options_.seed, 256, "sim", 1024)};
    keep(paced_, run_load(plan));
    plan.rate_per_s = 0;
    for (const uint32_t connections : {1U, 16U, 64U, 256U}) {
      plan.connections = connections;
      keep(closed_[connections], run_load(plan));
    }
  }

  void keep(sample_set& to, const load_result& got) {
    to.rate.push_back(got.per_second());
    to.p50.push_back(to_ms(got.latency.quantile(0.5)));
    to.p99.push_back(to_ms(got.latency.quantile(0.99)));
    errors_ += got.errors;
  }

  static void line(report& out, const std::string& label,
                   const std::string& key, const sample_set& got) {
    out.row({label, fixed(median(got.rate), 0), fixed(median(got.p50), 3),
             fixed(median(got.p99), 3)});
    out.figure(key + "_per_s", median(got.rate));
    out.figure(key + "_p50_ms", median(got.p50));
    out.figure(key + "_p99_ms", median(got.p99));
  }

  const bench_options& options_;
  scratch_dir scratch_;
  std::vector<double> sync_p50_, sync_p99_, batches_;
  std::map<uint32_t, sample_set> closed_;
  sample_set paced_;
  uint64_t errors_ = 0;
};

} // namespace

histogram measure_fdatasync(const std::string& dir, double seconds) {
  const auto path = dir + "/fdatasync.probe";
  const int fd =
    ::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0)
    throw std::runtime_error{"cannot write " + path};
  const std::array<char, 4096> block{};
  histogram latency;
  const auto end = now() + from_seconds(seconds);
  while (now() < end) {
    const auto begin = now();
    if (::write(fd, block.data(), block.size())
          != static_cast<ssize_t>(block.size())
        || ::fdatasync(fd) != 0)
      throw std::runtime_error{"cannot sync " + path};
    latency.add(now() - begin);
  }
  ::close(fd);
  std::filesystem::remove(path);
  return latency;
}

int bench_limits(const bench_options& options) {
  limits_bench bench{options};
  bench.run();
  return bench.print();
}

} // namespace troupe::bench

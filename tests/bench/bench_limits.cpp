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

} // namespace

histogram measure_fdatasync(const std::string& dir, double seconds) {
  const auto path = dir + "/fdatasync.probe";
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC,
                        0600);
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
  const scratch_dir scratch{options.scratch};
  std::vector<double> sync_p50, sync_p99, batches;
  std::map<uint32_t, sample_set> closed;
  sample_set paced;
  uint64_t errors = 0;
  for (uint32_t i = 0; i < options.repeats; ++i) {
    const auto sync = measure_fdatasync(scratch.path(), options.duration_s / 2);
    sync_p50.push_back(to_ms(sync.quantile(0.5)));
    sync_p99.push_back(to_ms(sync.quantile(0.99)));
    const auto name = std::to_string(i);
    batches.push_back(
      measure_batches(scratch.sub("batches" + name), options.duration_s / 2));
    child_process server{{own_executable(), "ceiling-server", "--dir",
                          scratch.sub("ceiling" + name)},
                         scratch.sub("ceiling.log")};
    server.await_listening();
    load_plan plan{.port = server.gateway_port(),
                   .duration_s = options.duration_s,
                   .requests = job_requests(options.seed, 256, "sim", 1024)};
    const auto keep = [&](sample_set& to, const load_result& got) {
      to.rate.push_back(got.per_second());
      to.p50.push_back(to_ms(got.latency.quantile(0.5)));
      to.p99.push_back(to_ms(got.latency.quantile(0.99)));
      errors += got.errors;
    };
    plan.connections = 64;
    plan.rate_per_s = 500;
    keep(paced, run_load(plan));
    plan.rate_per_s = 0;
    for (const uint32_t connections : {1U, 16U, 64U, 256U}) {
      plan.connections = connections;
      keep(closed[connections], run_load(plan));
    }
  }
  report out{"limits"};
  out.columns({"limit", "per second", "p50 ms", "p99 ms"});
  out.row({"fdatasync of a 4 KiB append", fixed(1000 / median(sync_p50), 0),
           fixed(median(sync_p50), 3), fixed(median(sync_p99), 3)});
  out.row({"RocksDB, synced batches of 64 x 1 KiB", fixed(median(batches), 0),
           "", ""});
  out.figure("fdatasync_p50_ms", median(sync_p50));
  out.figure("fdatasync_p99_ms", median(sync_p99));
  out.figure("rocksdb_batch64_records_per_s", median(batches));
  const auto line = [&](const std::string& label, const std::string& key,
                        const sample_set& got) {
    out.row({label, fixed(median(got.rate), 0), fixed(median(got.p50), 3),
             fixed(median(got.p99), 3)});
    out.figure(key + "_per_s", median(got.rate));
    out.figure(key + "_p50_ms", median(got.p50));
    out.figure(key + "_p99_ms", median(got.p99));
  };
  for (const auto& [connections, got] : closed) {
    const auto n = std::to_string(connections);
    line("ceiling, " + n + " connections", "ceiling_c" + n, got);
  }
  line("ceiling, 500/s", "ceiling_r500", paced);
  out.figure("errors", static_cast<double>(errors));
  if (errors > 0)
    out.note("ERRORS: " + std::to_string(errors) + " requests went wrong");
  return out.finish(options);
}

} // namespace troupe::bench

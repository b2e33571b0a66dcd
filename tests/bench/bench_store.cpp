// The embedded store beside a bare RocksDB batch, and how fast a crashed store
// is ready again.
#include "runtime/job_codec.hpp"
#include "runtime/rng.hpp"
#include "runtime/storage/rocksdb_store.hpp"
#include "tests/bench/child_process.hpp"
#include "tests/bench/commands.hpp"
#include "tests/bench/job_log.hpp"
#include "tests/bench/stopwatch.hpp"

#include <array>
#include <filesystem>
#include <stdexcept>

namespace troupe::bench {

namespace {

namespace rt = troupe::runtime;
namespace fs = std::filesystem;

constexpr uint16_t shards = 64;
constexpr size_t batches_per_commit = 64;
constexpr size_t payload_bytes = 1024;

template <class T>
T need(rt::result<T> x) {
  if (!x)
    throw std::runtime_error{x.error().context};
  return std::move(*x);
}

std::unique_ptr<rt::store> open(const std::string& dir) {
  rt::rocksdb_config config;
  config.directory = dir;
  config.shards = shards;
  return need(rt::open_rocksdb_store(config));
}

/// Makes what a shard commits when it admits a job with a 1 KiB input.
class admissions {
public:
  explicit admissions(uint64_t seed) : random_{seed} {}

  rt::shard_batch next(rt::shard_id shard, uint64_t epoch) {
    rt::job_spec spec;
    now_us_ += 50;
    spec.id = rt::job_id::make(rt::wall_from_us(now_us_), shard, random_);
    spec.model = "sim";
    spec.text = std::string(payload_bytes, 'p');
    const auto record = rt::make_record(spec);
    const std::array events{
      rt::event{0, record.created_at, rt::job_created{record}},
      rt::event{1, record.created_at, rt::job_queued{0, 0.0}}};
    return {shard,
            epoch,
            {rt::put_spec{spec.id, rt::encode(spec)},
             rt::put_record{spec.id, true, rt::encode(record)},
             rt::append_events{spec.id, 0, 2, rt::encode_events(events)}}};
  }

private:
  rt::seeded_rng random_;
  int64_t now_us_ = 1'767'225'600'000'000;
};

struct rates {
  double per_s = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

template <class Commit>
rates repeat_for(double seconds, Commit commit) {
  histogram latency;
  const auto begin = now();
  const auto end = begin + from_seconds(seconds);
  while (now() < end) {
    const auto start = now();
    commit();
    latency.add(now() - start);
  }
  const auto spent = to_seconds(now() - begin);
  return {static_cast<double>(latency.count() * batches_per_commit) / spent,
          to_ms(latency.quantile(0.5)), to_ms(latency.quantile(0.99))};
}

rates measure_raw(const std::string& dir, double seconds) {
  fs::create_directories(dir);
  job_log log{dir};
  const std::vector<std::string> records(batches_per_commit,
                                         std::string(payload_bytes, 'r'));
  return repeat_for(seconds, [&] { log.commit(records); });
}

std::array<uint64_t, shards> acquire_all(rt::store& store) {
  std::array<uint64_t, shards> epochs{};
  for (uint16_t i = 0; i < shards; ++i)
    epochs[i] = need(store.acquire({i}, "bench"));
  return epochs;
}

rates measure_store(const std::string& dir, double seconds, uint64_t seed) {
  const auto store = open(dir);
  const auto epochs = acquire_all(*store);
  admissions source{seed};
  return repeat_for(seconds, [&] {
    std::vector<rt::shard_batch> batches;
    for (uint16_t i = 0; i < batches_per_commit; ++i)
      batches.push_back(source.next({i}, epochs[i]));
    for (auto& answer : store->commit(batches))
      need(answer);
  });
}

double measure_encoding(uint64_t seed) {
  admissions source{seed};
  constexpr int count = 20'000;
  size_t ops = 0;
  const auto begin = now();
  for (int i = 0; i < count; ++i)
    ops += source.next({1}, 1).ops.size();
  return to_seconds(now() - begin) * 1e6 / static_cast<double>(ops);
}

/// A crash image: the files of a store that is still open.
void fill(const std::string& dir, const std::string& image, size_t jobs,
          uint64_t seed) {
  const auto store = open(dir);
  const auto epochs = acquire_all(*store);
  admissions source{seed};
  for (size_t done = 0; done < jobs;) {
    std::vector<rt::shard_batch> batches;
    for (size_t i = 0; i < 512 && done < jobs; ++i, ++done) {
      const auto shard = static_cast<uint16_t>(done % shards);
      batches.push_back(source.next({shard}, epochs[shard]));
    }
    for (auto& answer : store->commit(batches))
      need(answer);
  }
  fs::copy(dir, image, fs::copy_options::recursive);
}

struct recovery {
  double open_s = 0;
  double load_s = 0;
};

recovery measure_recovery(const std::string& image, const std::string& dir,
                          size_t jobs) {
  fs::remove_all(dir);
  fs::copy(image, dir, fs::copy_options::recursive);
  const auto begin = now();
  const auto store = open(dir);
  const auto opened = now();
  size_t live = 0;
  const rt::load_visitor visitor{[&](rt::job_record&&) { ++live; }, {}};
  for (uint16_t i = 0; i < shards; ++i) {
    need(store->acquire({i}, "bench"));
    need(store->load({i}, visitor));
  }
  if (live != jobs)
    throw std::runtime_error{"jobs are missing"};
  return {to_seconds(opened - begin), to_seconds(now() - opened)};
}

} // namespace

int bench_store(const bench_options& options) {
  const scratch_dir scratch{options.scratch};
  std::array<std::vector<double>, 3> raw, ours;
  std::vector<double> open_s, load_s, total_s, encode_us;
  const auto keep = [](auto& to, const rates& got) {
    to[0].push_back(got.per_s);
    to[1].push_back(got.p50_ms);
    to[2].push_back(got.p99_ms);
  };
  const size_t jobs = options.quick ? 10'000 : 100'000;
  fill(scratch.sub("filled"), scratch.sub("image"), jobs, options.seed);
  for (uint32_t i = 0; i < options.repeats; ++i) {
    const auto name = std::to_string(i);
    keep(raw, measure_raw(scratch.sub("raw" + name), options.duration_s));
    keep(ours, measure_store(scratch.sub("store" + name), options.duration_s,
                             options.seed));
    encode_us.push_back(measure_encoding(options.seed));
    const auto got =
      measure_recovery(scratch.sub("image"), scratch.sub("copy"), jobs);
    open_s.push_back(got.open_s);
    load_s.push_back(got.load_s);
    total_s.push_back(got.open_s + got.load_s);
  }
  report out{"store"};
  out.columns(
    {"64 batches per synced commit", "per second", "p50 ms", "p99 ms"});
  for (const auto& [name, got] :
       {std::pair{"bare batch of 64 x 1 KiB", &raw},
        std::pair{"store: spec, record, events, index, ledger", &ours}})
    out.row({name, fixed(median((*got)[0]), 0), fixed(median((*got)[1]), 3),
             fixed(median((*got)[2]), 3)});
  out.columns(
    {"after a crash, " + std::to_string(jobs) + " live jobs", "seconds"});
  out.row({"open (log replay)", fixed(median(open_s), 3)});
  out.row({"acquire and load of 64 shards", fixed(median(load_s), 3)});
  out.figure("raw_per_s", median(raw[0]));
  out.figure("store_per_s", median(ours[0]));
  out.figure("open_s", median(open_s));
  out.figure("load_s", median(load_s));
  out.aim_at_least("store to bare batch", median(ours[0]) / median(raw[0]), 0.4,
                   "x");
  out.aim_at_most("building and encoding one operation", median(encode_us), 3.0,
                  "us");
  out.aim_at_most("open and load", median(total_s), 1.5, "s");
  return out.finish(options);
}

} // namespace troupe::bench

#include "runtime/job_codec.hpp"
#include "runtime/storage/memory_store.hpp"
#include "runtime/storage/rocksdb_tables.hpp"
#include "tests/runtime/storage/rocksdb_host.hpp"
#include "tests/runtime/storage/store_reading_suite.hpp"

#include <catch2/catch_test_macros.hpp>
#include <rocksdb/db.h>

#include <array>
#include <thread>

using namespace troupe::runtime;
using namespace troupe::tests;

namespace {

/// Small memtables, so that a test also meets flushes and compactions.
rocksdb_config small() {
  rocksdb_config config;
  config.block_cache_bytes = 1u << 20;
  config.memtables_bytes_max = 1u << 20;
  config.log_bytes_max = 1u << 20;
  return config;
}

/// A random batch of a shard, at times with several operations on one job.
shard_batch random_batch(job_samples& samples, shard_id shard, uint64_t epoch,
                         std::vector<job_id>& jobs,
                         std::map<job_id, uint64_t>& next_seq) {
  if (jobs.empty() || samples.chance(3)) {
    jobs.push_back(samples.id(shard));
    next_seq[jobs.back()] = 2;
    return admission(samples, shard, epoch, jobs.back());
  }
  shard_batch batch{shard, epoch, {}};
  for (auto n = samples.below(4); n > 0; --n) {
    const auto id = jobs[samples.below(jobs.size())];
    const auto status = static_cast<job_status>(1 + samples.below(7));
    const auto count = 1 + samples.below(6);
    switch (samples.below(6)) {
      case 0:
        batch.ops.push_back(put_output{id, encode(samples.output())});
        break;
      case 1:
        batch.ops.push_back(put_idempotency{std::to_string(samples.below(20)),
                                            encode(samples.idempotency(id))});
        break;
      case 2:
        batch.ops.push_back(
          drop_idempotency{std::to_string(samples.below(20))});
        break;
      case 3:
        batch.ops.push_back(put_record{id, !is_terminal(status),
                                       encode(samples.record(id, status))});
        break;
      case 4:
        if (samples.chance(4)) {
          next_seq[id] = 0;
          batch.ops.push_back(retire_job{id, false});
        }
        break;
      default:
        batch.ops.push_back(append_events{
          id, next_seq[id], static_cast<uint32_t>(count),
          encode_events(samples.events(next_seq[id], count, id))});
        next_seq[id] += count;
        break;
    }
  }
  return batch;
}

} // namespace

TEST_CASE("the RocksDB store does what every store must do",
          "[runtime][storage][rocksdb]") {
  for (const auto suite : {store_suite(), store_reading_suite()})
    for (const auto& x : suite)
      DYNAMIC_SECTION(x.name) {
        rocksdb_host host;
        x.run(host);
      }
}

TEST_CASE("the RocksDB store answers as the memory store does",
          "[runtime][storage][rocksdb]") {
  const uint64_t seed = 4711;
  INFO("seed " << seed);
  job_samples samples{seed};
  auto config = small();
  config.durability = durability::os;
  rocksdb_host host{config};
  memory_store model;
  constexpr std::array<shard_id, 3> shards{shard_id{0}, {31}, {63}};
  std::array<uint64_t, 3> epochs{};
  std::array<std::vector<job_id>, 3> jobs;
  std::map<job_id, uint64_t> next_seq;
  for (int round = 0; round < 6; ++round) {
    for (size_t i = 0; i < shards.size(); ++i) {
      epochs[i] = host.get().acquire(shards[i], "n").value();
      REQUIRE(model.acquire(shards[i], "n").value() == epochs[i]);
    }
    for (int commit = 0; commit < 60; ++commit) {
      std::vector<shard_batch> batches;
      for (auto n = samples.below(8); n > 0; --n) {
        const auto i = samples.below(shards.size());
        const auto epoch = samples.chance(10) ? epochs[i] + 1 : epochs[i];
        batches.push_back(
          random_batch(samples, shards[i], epoch, jobs[i], next_seq));
      }
      const auto ours = host.get().commit(batches);
      const auto theirs = model.commit(batches);
      for (size_t i = 0; i < batches.size(); ++i) {
        REQUIRE(ours[i].has_value() == theirs[i].has_value());
        if (ours[i])
          REQUIRE(ours[i]->seq == theirs[i]->seq);
      }
    }
    host.restart();
    for (size_t i = 0; i < shards.size(); ++i) {
      REQUIRE(load_image(host.get(), shards[i])
              == load_image(model, shards[i]));
      for (const auto id : jobs[i])
        REQUIRE(read_everything(host.get(), id) == read_everything(model, id));
    }
  }
}

TEST_CASE("the ledger ring survives more commits than it holds",
          "[runtime][storage][rocksdb]") {
  auto config = small();
  config.durability = durability::os;
  rocksdb_host host{config};
  constexpr shard_id busy{7};
  constexpr shard_id idle{8};
  const auto epoch = host.get().acquire(busy, "n").value();
  const auto other = host.get().acquire(idle, "n").value();
  const std::array both{shard_batch{busy, epoch, {}},
                        shard_batch{idle, other, {}}};
  REQUIRE(host.get().commit(both)[1]->seq == 1);
  REQUIRE(host.get().commit(both)[1]->seq == 2);
  uint64_t seq = 2;
  // Restarts at the moment the idle shard's entries leave the ring, and around.
  for (const uint64_t commits : {4093, 1, 1, 1, 1, 5000}) {
    const auto now = host.get().acquire(busy, "n").value();
    const std::array one{shard_batch{busy, now, {}}};
    for (uint64_t i = 0; i < commits; ++i)
      REQUIRE(host.get().commit(one)[0]->seq == ++seq);
    host.restart();
    REQUIRE(load_image(host.get(), busy).last_seq == seq);
    REQUIRE(load_image(host.get(), idle).last_seq == 2);
  }
  const auto late = host.get().acquire(idle, "n").value();
  const std::array one{shard_batch{idle, late, {}}};
  CHECK(host.get().commit(one)[0]->seq == 3);
  host.restart();
  CHECK(load_image(host.get(), idle).last_seq == 3);
}

TEST_CASE("readers on other threads see whole commits",
          "[runtime][storage][rocksdb]") {
  auto config = small();
  config.durability = durability::os;
  rocksdb_host host{config};
  auto& store = host.get();
  constexpr shard_id shard{2};
  job_samples samples{3};
  const auto epoch = store.acquire(shard, "n").value();
  std::vector<job_id> ids;
  for (int i = 0; i < 400; ++i)
    ids.push_back(samples.id(shard));
  std::atomic<bool> stop = false;
  std::atomic<size_t> seen = 0;
  std::atomic<size_t> torn = 0;
  std::thread reader{[&] { // tidy: seams: the test's second thread
    while (!stop)
      for (const auto id : ids)
        if (store.record(id)) {
          ++seen;
          torn += !store.spec(id) || store.events(id, 0, 10)->size() != 2;
        }
  }};
  for (const auto id : ids)
    REQUIRE(store.commit(std::array{admission(samples, shard, epoch, id)})[0]
              .has_value());
  while (seen < ids.size())
    std::this_thread::yield();
  stop = true;
  reader.join();
  CHECK(torn == 0);
}

TEST_CASE("the RocksDB store says what it is", "[runtime][storage][rocksdb]") {
  rocksdb_host host;
  const auto health = host.get().health();
  CHECK(health.kind == "rocksdb");
  CHECK(health.durability == "fsync");
  CHECK(health.free_bytes > 0);
  CHECK(health.free_bytes < ~uint64_t{0});
  auto config = small();
  config.durability = durability::os;
  rocksdb_host other{config};
  CHECK(other.get().health().durability == "os");
}

TEST_CASE("a shard beyond the configured number is refused",
          "[runtime][storage][rocksdb]") {
  auto config = small();
  config.shards = 4;
  rocksdb_host host{config};
  auto& store = host.get();
  CHECK(store.acquire({3}, "n").has_value());
  CHECK(store.acquire({4}, "n").error().code == errc::invalid_argument);
  CHECK(store.load({4}, {}).error().code == errc::invalid_argument);
  CHECK(store.renew({4}, 1).error().code == errc::invalid_argument);
  const std::array batches{shard_batch{{4}, 1, {}}};
  CHECK(store.commit(batches)[0].error().code == errc::invalid_argument);
  for (const uint16_t shards : {0, 1025}) {
    config.shards = shards;
    CHECK(open_at(config, host.path()).error().code == errc::config_invalid);
  }
}

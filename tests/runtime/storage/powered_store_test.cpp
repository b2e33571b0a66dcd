#include "tests/runtime/storage/store_suite.hpp"
#include "tests/support/powered_store.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>

using namespace troupe::runtime;
using namespace troupe::tests;

namespace {

constexpr shard_id shard{1};

/// The second commit loses the power.
struct fixture {
  explicit fixture(bool applied) {
    epoch = store.acquire(shard, "node").value();
    store.cut_at(1, applied);
    first = samples.id(shard);
    second = samples.id(shard);
  }

  result<commit_stamp> admit(job_id id) {
    const std::array batches{admission(samples, shard, epoch, id)};
    return store.commit(batches)[0];
  }

  job_samples samples{1};
  powered_store store;
  uint64_t epoch = 0;
  job_id first;
  job_id second;
};

} // namespace

TEST_CASE("without power the store takes nothing more",
          "[runtime][storage][simulation]") {
  for (const bool applied : {false, true}) {
    fixture f{applied};
    CHECK(f.admit(f.first)->seq == 1);
    CHECK(f.admit(f.second).error().code == errc::io_error);
    CHECK(f.store.off());
    CHECK(f.admit(f.second).error().code == errc::io_error);
    CHECK(f.store.acquire(shard, "node").error().code == errc::io_error);
    CHECK(f.store.record(f.first).has_value());
  }
}

TEST_CASE("a crash in the middle of a commit leaves all of it or nothing",
          "[runtime][storage][simulation]") {
  for (const bool applied : {false, true}) {
    fixture f{applied};
    (void)f.admit(f.first);
    (void)f.admit(f.second);
    powered_store after{f.store.contents()};
    CHECK(load_image(after, shard).live.size() == (applied ? 2 : 1));
    CHECK(after.spec(f.second).has_value() == applied);
    // The lease went with the process.
    const std::array batches{shard_batch{shard, f.epoch, {}}};
    CHECK(after.commit(batches)[0].error().code == errc::stale_epoch);
    CHECK(after.acquire(shard, "node").value() == f.epoch + 1);
  }
}

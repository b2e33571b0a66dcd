#include "tests/runtime/storage/store_suite.hpp"
#include "tests/support/simulated_store.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>

using namespace troupe::runtime;
using namespace troupe::tests;

namespace {

constexpr shard_id shard{1};

struct fixture {
  explicit fixture(commit_fault fault) {
    epoch = store.acquire(shard, "node").value();
    store.on_commit = [fault](uint64_t n) {
      return n == 1 ? fault : commit_fault::none;
    };
    first = samples.id(shard);
    second = samples.id(shard);
  }

  result<commit_stamp> admit(job_id id) {
    const std::array batches{admission(samples, shard, epoch, id)};
    return store.commit(batches)[0];
  }

  job_samples samples{1};
  simulated_store store;
  uint64_t epoch = 0;
  job_id first;
  job_id second;
};

} // namespace

TEST_CASE("a failed commit is seen by nobody and stops the store",
          "[runtime][storage][simulation]") {
  for (const auto fault : {commit_fault::error_lost, commit_fault::full,
                           commit_fault::error_applied}) {
    fixture f{fault};
    CHECK(f.admit(f.first)->seq == 1);
    const auto failed = f.admit(f.second);
    REQUIRE(failed.has_error());
    CHECK(failed.error().code
          == (fault == commit_fault::full ? errc::disk_full : errc::io_error));
    CHECK(f.store.failed());
    CHECK(f.admit(f.second).has_error()); // Would have succeeded: n is 2.
    CHECK(f.store.acquire(shard, "node").has_error());
    CHECK(f.store.record(f.second).has_error());
    CHECK(f.store.record(f.first).has_value());
  }
}

TEST_CASE("a crash in the middle of a commit leaves all of it or nothing",
          "[runtime][storage][simulation]") {
  for (const auto fault :
       {commit_fault::error_lost, commit_fault::error_applied}) {
    fixture f{fault};
    (void)f.admit(f.first);
    (void)f.admit(f.second);
    const auto after = f.store.restarted();
    const bool applied = fault == commit_fault::error_applied;
    CHECK(load_image(*after, shard).live.size() == (applied ? 2 : 1));
    CHECK(after->spec(f.second).has_value() == applied);
    CHECK(after->acquire(shard, "node").value() == f.epoch + 1);
  }
}

#include "runtime/job_codec.hpp"
#include "runtime/storage/tiered_store.hpp"

#include <catch2/catch_test_macros.hpp>

namespace troupe::runtime {
namespace {

using namespace std::chrono_literals;

struct fixture {
  job_id put(store& where, int n, bool live = true) {
    job_record r;
    r.id =
      job_id::make(wall_from_us(1'000'000'000'000 + n * 1'000'000), {}, random);
    r.model = "m";
    r.status = live ? job_status::queued : job_status::completed;
    ids.push_back(r.id);
    write(where, r, live);
    return r.id;
  }
  void write(store& where, const job_record& r, bool live) {
    shard_batch batch{.shard = {}, .epoch = epoch};
    batch.ops.push_back(put_record{r.id, live, encode(r)});
    REQUIRE(where.commit({&batch, 1}).at(0).has_value());
  }
  void end(store& where, job_id id) {
    auto r = *all.record(id);
    r.status = job_status::completed;
    write(where, r, false);
  }
  size_t live() {
    size_t n = 0;
    auto summary = all.load({}, {.on_live_job = [&](job_record&&) { ++n; }});
    REQUIRE(summary.has_value());
    CHECK(summary->live_jobs == n);
    return n;
  }

  manual_clock clock;
  seeded_rng random{5};
  memory_store disk;
  tiered_store all{disk, clock};
  uint64_t epoch = *all.acquire({}, "a");
  std::vector<job_id> ids;
};

TEST_CASE("an ephemeral job never reaches the disk, and a new owner has it",
          "[runtime][storage]") {
  fixture f;
  auto kept = f.put(f.all, 1);
  auto quick = f.put(f.all.ephemeral(), 2);
  CHECK(f.disk.record(kept).has_value());
  CHECK_FALSE(f.disk.record(quick).has_value());
  CHECK(f.all.record(quick).has_value());
  CHECK(f.live() == 2);
  // The shard's actor died: its successor writes on, the old one cannot.
  auto old = f.epoch;
  f.epoch = *f.all.acquire({}, "a");
  CHECK(f.live() == 2);
  f.end(f.all.ephemeral(), quick);
  CHECK(f.live() == 1);
  shard_batch stale{.shard = {}, .epoch = old};
  stale.ops.push_back(put_output{quick, encode(job_output{})});
  auto answer = f.all.ephemeral().commit({&stale, 1}).at(0);
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == errc::stale_epoch);
}

TEST_CASE("an ended ephemeral job can be read for a minute, then is gone",
          "[runtime][storage]") {
  fixture f;
  auto id = f.put(f.all.ephemeral(), 1);
  f.end(f.all.ephemeral(), id);
  f.clock.advance(59s);
  f.put(f.all.ephemeral(), 2);
  CHECK(f.all.record(id).has_value());
  f.clock.advance(1s);
  f.put(f.all.ephemeral(), 3);
  CHECK(f.all.record(id).error().code == errc::not_found);
  CHECK(f.live() == 2);
}

TEST_CASE("a list has both kinds in order, ephemeral ones while they live",
          "[runtime][storage]") {
  for (bool descending : {true, false}) {
    CAPTURE(descending);
    fixture f;
    std::vector<job_id> wanted;
    for (int n = 0; n < 60; ++n) {
      bool quick = n % 3 == 0;
      bool live = n % 2 == 0;
      auto id =
        f.put(quick ? static_cast<store&>(f.all.ephemeral()) : f.all, n, live);
      if (!quick || live)
        wanted.push_back(id);
    }
    std::sort(wanted.begin(), wanted.end());
    if (descending)
      std::reverse(wanted.begin(), wanted.end());
    job_query query{
      .filter = {.all_tenants = true}, .descending = descending, .limit = 7};
    std::vector<job_id> seen;
    for (bool more = true; more;) {
      auto page = f.all.list(query);
      REQUIRE(page.has_value());
      for (const auto& r : page->records)
        seen.push_back(r.id);
      more = page->has_more;
      if (!more)
        break;
      REQUIRE((!page->records.empty() || page->scanned_to));
      query.after =
        page->records.empty() ? page->scanned_to : page->records.back().id;
      REQUIRE(seen.size() <= 60);
    }
    CHECK(seen == wanted);
  }
}

} // namespace
} // namespace troupe::runtime

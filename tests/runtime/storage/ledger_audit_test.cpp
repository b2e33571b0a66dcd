#include "runtime/storage/ledger_audit.hpp"
#include "tests/support/job_samples.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe::runtime;

namespace {

/// A random history of 5 shards and what a store keeps of it.
struct history {
  explicit history(uint64_t seed, uint64_t commits) : samples{seed} {
    rows.resize(5);
    for (auto& row : rows)
      row.epoch = 1;
    last_commit.resize(5);
    for (uint64_t commit = 1; commit <= commits; ++commit) {
      ledger_line line{commit, {}};
      for (uint16_t i = 0; i < rows.size(); ++i) {
        // The last shard commits twice in all.
        if (i == 4 ? (commit != 2 && commit != 3) : samples.chance(2))
          continue;
        ++ends[i];
        last_commit[i] = commit;
        line.entries.push_back(
          {{i}, 1, ends[i], static_cast<uint32_t>(commit)});
      }
      for (uint16_t i = 0; i < rows.size(); ++i)
        if (last_commit[i] != 0 && last_commit[i] + ledger_ring == commit)
          rows[i].last_seq = ends[i];
      if (lines.size() == ledger_ring)
        lines.erase(lines.begin());
      lines.push_back(std::move(line));
    }
  }

  troupe::tests::job_samples samples;
  std::vector<shard_row> rows;
  std::vector<ledger_line> lines;
  std::vector<uint64_t> last_commit;
  uint64_t ends[5] = {};
};

} // namespace

TEST_CASE("an empty ledger is healthy", "[runtime][storage][ledger]") {
  const auto state = audit(std::vector<shard_row>(3), {}, {});
  CHECK(state.next_commit == 1);
  for (const auto& shard : state.shards) {
    CHECK(shard.row.damage.empty());
    CHECK(shard.last_commit == 0);
  }
}

TEST_CASE("a whole ledger is healthy and says where shards end",
          "[runtime][storage][ledger]") {
  for (const uint64_t commits : {1, 30, 4095, 4096, 4097, 4100, 6000}) {
    const history h{commits, commits};
    const auto state = audit(h.rows, h.lines, {});
    CHECK(state.next_commit == commits + 1);
    for (size_t i = 0; i < 5; ++i) {
      INFO("shard " << i << " after " << commits);
      CHECK(state.shards[i].row.damage == "");
      CHECK(state.shards[i].row.last_seq == h.ends[i]);
    }
  }
}

TEST_CASE("no missing line makes a history shorter without a word",
          "[runtime][storage][ledger]") {
  for (const uint64_t commits : {40, 4096, 4110}) {
    history h{commits, commits};
    for (int i = 0; i < 60; ++i) {
      auto lines = h.lines;
      // Any but the newest, which only the mark can miss.
      for (auto n = 1 + h.samples.below(3); n > 0; --n)
        lines.erase(
          lines.begin()
          + static_cast<ptrdiff_t>(h.samples.below(lines.size() - 1)));
      const auto state = audit(h.rows, lines, {});
      for (size_t k = 0; k < 5; ++k)
        REQUIRE((!state.shards[k].row.damage.empty()
                 || state.shards[k].row.last_seq == h.ends[k]));
    }
  }
}

TEST_CASE("a lost newest line is told by the mark",
          "[runtime][storage][ledger]") {
  history h{1, 50};
  shard_marks marks;
  for (uint16_t i = 0; i < 5; ++i)
    marks[{i}] = {1, h.ends[i], static_cast<uint32_t>(h.last_commit[i])};
  for (const auto& shard : audit(h.rows, h.lines, marks).shards)
    CHECK(shard.row.damage == "");
  const auto lost = h.lines.back();
  h.lines.pop_back();
  const auto state = audit(h.rows, h.lines, marks);
  for (const auto& entry : lost.entries)
    CHECK(state.shards[entry.shard.value].row.damage.find("had been synced")
          != std::string::npos);
}

TEST_CASE("damage of an earlier start stays", "[runtime][storage][ledger]") {
  history h{1, 50};
  h.rows[2].damage = "once";
  CHECK(audit(h.rows, h.lines, {}).shards[2].row.damage == "once");
}

#include "runtime/storage/ledger_audit.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace troupe::runtime {
namespace {

struct hole_range {
  uint64_t first = 0;
  uint64_t last = 0;
};

/// One shard's entries, met in the order of commits.
class shard_audit {
public:
  shard_audit(const shard_row& row, const shard_mark& mark) noexcept
    : row_{row}, mark_{mark} {}

  void meet(uint64_t commit, const ledger_line::entry& entry) {
    const auto number = "commit " + std::to_string(entry.seq);
    if (first_commit_ == 0) {
      first_commit_ = commit;
      first_seq_ = entry.seq;
    } else if (entry.seq != last_seq_ + 1) {
      blame("commit " + std::to_string(last_seq_ + 1)
            + " is missing from the ledger");
    }
    if (entry.epoch < epoch_ || entry.epoch > row_.epoch)
      blame(number + " has an epoch out of order");
    if (entry.seq == mark_.seq && entry.ops_crc != mark_.line_crc)
      blame(number + " is not the one that had been synced");
    last_commit_ = commit;
    last_seq_ = entry.seq;
    epoch_ = entry.epoch;
  }

  /// `from_start`: the ring still has the very first commit.
  shard_state finish(bool from_start, const std::optional<hole_range>& holes) {
    const bool met = first_commit_ != 0;
    const auto end = std::max(row_.last_seq, last_seq_);
    if (met && from_start && first_seq_ != 1 && !holes)
      blame("commit 1 is missing from the ledger");
    if (row_.last_seq > last_seq_ && (met || from_start))
      blame("ends at commit " + std::to_string(last_seq_)
            + " of the ledger, but its row says "
            + std::to_string(row_.last_seq));
    if (end < mark_.seq)
      blame("ends at commit " + std::to_string(end) + ", but "
            + std::to_string(mark_.seq) + " had been synced");
    if (row_.epoch < mark_.epoch)
      blame("is at epoch " + std::to_string(row_.epoch) + ", but "
            + std::to_string(mark_.epoch) + " had been synced");
    if (holes && !spans(*holes))
      blame("ledger line " + std::to_string(holes->first)
            + " is missing and may have been its own");
    auto row = row_;
    row.last_seq = end;
    if (row.damage.empty())
      row.damage = damage_;
    return {std::move(row), last_commit_};
  }

private:
  /// Dense entries on both sides prove that a hole held none of this shard.
  bool spans(const hole_range& holes) const noexcept {
    const bool before = first_commit_ != 0
                        && (first_commit_ < holes.first || first_seq_ == 1
                            || first_seq_ <= row_.last_seq + 1);
    return before && last_commit_ > holes.last;
  }
  void blame(std::string why) {
    if (damage_.empty())
      damage_ = std::move(why);
  }

  const shard_row& row_;
  shard_mark mark_;
  uint64_t first_commit_ = 0;
  uint64_t first_seq_ = 0;
  uint64_t last_commit_ = 0;
  uint64_t last_seq_ = 0;
  uint64_t epoch_ = 1;
  std::string damage_;
};

std::optional<hole_range> find_holes(const std::vector<ledger_line>& lines,
                                     uint64_t last) {
  std::optional<hole_range> holes;
  uint64_t expected = last > ledger_ring ? last - ledger_ring + 1 : 1;
  for (const auto& line : lines) {
    if (line.commit > expected) {
      if (!holes)
        holes = hole_range{expected, 0};
      holes->last = line.commit - 1;
    }
    expected = line.commit + 1;
  }
  return holes;
}

} // namespace

ledger_state audit(std::vector<shard_row> rows, std::vector<ledger_line> lines,
                   const shard_marks& marks) {
  std::sort(lines.begin(), lines.end(),
            [](const auto& a, const auto& b) { return a.commit < b.commit; });
  const uint64_t last = lines.empty() ? 0 : lines.back().commit;
  // A slot of the ring that kept an older line is as good as missing.
  std::erase_if(lines, [last](const auto& line) {
    return line.commit + ledger_ring <= last;
  });
  std::vector<shard_audit> audits;
  for (uint16_t i = 0; i < rows.size(); ++i) {
    const auto mark = marks.find({i});
    audits.emplace_back(rows[i],
                        mark == marks.end() ? shard_mark{} : mark->second);
  }
  for (const auto& line : lines)
    for (const auto& entry : line.entries)
      if (entry.shard.value < audits.size())
        audits[entry.shard.value].meet(line.commit, entry);
  const auto holes = find_holes(lines, last);
  ledger_state state;
  state.next_commit = last + 1;
  for (auto& one : audits)
    state.shards.push_back(one.finish(last <= ledger_ring, holes));
  return state;
}

} // namespace troupe::runtime

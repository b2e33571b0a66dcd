// Keys and small values of the RocksDB store. Job values are job_codec's.
//
//     family        key                            value
//     ------------  -----------------------------  -------------------------
//     spec          job id (16)                    encode(job_spec)
//     record        job id (16)                    encode(job_record)
//     output        job id (16)                    encode(job_output)
//     event         job id (16) | first seq (8)    encode_events
//     live          shard (2) | job id (16)        empty
//     idempotency   shard (2) | key                encode(idempotency_entry)
//     ledger        commit mod 4096 (2)            ledger line, below
//     shard         shard (2)                      shard row, below
//     run           run id (16)                    encode(replay_run)
//     value         shard (2) | name               as put
//     budget        shard (2) | tenant             encode(tenant_record)
//
// Numbers are big-endian, so that records are in order of acceptance and chunks
// in order of the stream. The ledger is a ring with one line for each of the
// last 4,096 synced writes, overwritten in place; when a shard's latest entry
// is about to be overwritten, its row takes over. One line for all batches of a
// commit: an entry per batch would cost a random insertion each.
//
//     ledger line  | version 1 | commit 8 | entry 22 | entry 22 | ... |
//     entry        | shard 2 | epoch 8 | seq 8 | crc32c of the operations 4 |
//     shard row    | version 1 | epoch 8 | last seq 8 | size 1 | owner | damage
//     |
//
// A row's last seq may be behind the ring; never ahead of it. `damage` says why
// the shard is quarantined; it outlives the ring's evidence.
#pragma once

#include "runtime/ids.hpp"
#include "runtime/storage/store.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

enum class family : uint8_t {
  spec,
  record,
  output,
  event,
  live,
  idempotency,
  ledger,
  shard,
  run,
  value,
  budget
};
inline constexpr std::array<std::string_view, 11> family_names = {
  "spec",   "record", "output", "event", "live",  "idempotency",
  "ledger", "shard",  "run",    "value", "budget"};

struct shard_row {
  uint64_t epoch = 0;
  uint64_t last_seq = 0;
  std::string owner; ///< Empty: released, or never acquired. At most 255 bytes.
  std::string damage; ///< Empty: healthy.
};

/// One write of the database: what it committed of which shard.
struct ledger_line {
  struct entry {
    shard_id shard;
    uint64_t epoch = 0;
    uint64_t seq = 0;
    uint32_t ops_crc = 0;
  };
  uint64_t commit = 0; ///< Dense from 1 over all shards.
  std::vector<entry> entries;
};

inline constexpr uint64_t ledger_ring = 4096;

/// A key of fixed size, at most 26 bytes, that costs no allocation.
class row_key {
public:
  void add(std::string_view bytes) noexcept;
  void add_number(uint64_t value, size_t bytes) noexcept;
  operator std::string_view() const noexcept { return {bytes_.data(), size_}; }
  std::string str() const { return std::string{std::string_view{*this}}; }

private:
  std::array<char, 26> bytes_;
  size_t size_ = 0;
};

row_key job_key(job_id id) noexcept;
row_key event_key(job_id id, uint64_t first_seq) noexcept;
row_key live_key(shard_id shard, job_id id) noexcept;
std::string idempotency_key(shard_id shard, std::string_view key);
std::string value_key(shard_id shard, std::string_view name);
std::string ledger_key(uint64_t commit);
std::string shard_key(shard_id shard);
/// The first key after every key that starts with `prefix`, which is neither
/// empty nor all ones.
std::string prefix_end(std::string prefix);

std::string encode(const shard_row& x);
std::string encode(const ledger_line& x);
// nullopt: damaged.
std::optional<shard_row> decode_shard_row(std::string_view bytes);
std::optional<ledger_line> decode_ledger_line(std::string_view bytes);

/// Over kinds, keys and bytes of all operations in order.
uint32_t checksum(const std::vector<store_op>& ops);

} // namespace troupe::runtime

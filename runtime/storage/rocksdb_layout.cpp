#include "runtime/storage/rocksdb_layout.hpp"

#include "runtime/storage/byte_order.hpp"
#include "runtime/storage/crc32c.hpp"

namespace troupe::runtime {
namespace {

constexpr char value_version = 1;
constexpr size_t row_bytes_min = 17;
constexpr size_t line_bytes = 21;

class op_checksum {
public:
  explicit op_checksum(uint32_t crc) noexcept : crc_{crc} {}

  void operator()(const put_spec& x) { job('s', x.id), add(x.bytes); }
  void operator()(const put_record& x) {
    job(x.live ? 'l' : 'r', x.id), add(x.bytes);
  }
  void operator()(const append_events& x) {
    job('e', x.id), add(event_key(x.id, x.first_seq)), add(x.bytes);
  }
  void operator()(const put_output& x) { job('o', x.id), add(x.bytes); }
  void operator()(const put_idempotency& x) {
    add("i"), add(x.key), add(x.bytes);
  }
  void operator()(const drop_idempotency& x) { add("d"), add(x.key); }
  void operator()(const retire_job& x) { job(x.keep_record ? 't' : 'x', x.id); }

  uint32_t value() const noexcept { return crc_; }

private:
  void add(std::string_view bytes) { crc_ = crc32c(bytes, crc_); }
  void job(char kind, job_id id) {
    const auto bytes = id.bytes();
    add({&kind, 1});
    add({bytes.data(), bytes.size()});
  }

  uint32_t crc_;
};

} // namespace

std::string job_key(job_id id) {
  const auto bytes = id.bytes();
  return {bytes.data(), bytes.size()};
}

std::string event_key(job_id id, uint64_t first_seq) {
  auto key = job_key(id);
  append_big_endian(key, first_seq);
  return key;
}

std::string live_key(shard_id shard, job_id id) {
  return shard_key(shard) + job_key(id);
}

std::string idempotency_key(shard_id shard, std::string_view key) {
  return shard_key(shard) += key;
}

std::string ledger_key(shard_id shard, uint64_t seq) {
  auto key = shard_key(shard);
  append_big_endian(key, static_cast<uint16_t>(seq % ledger_ring));
  return key;
}

std::string shard_key(shard_id shard) {
  std::string key;
  append_big_endian(key, shard.value);
  return key;
}

std::string prefix_end(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xFF')
    prefix.pop_back();
  if (!prefix.empty())
    ++prefix.back();
  return prefix;
}

std::string encode(const shard_row& x) {
  std::string out{value_version};
  append_big_endian(out, x.epoch);
  append_big_endian(out, x.last_seq);
  return out += x.owner;
}

std::string encode(const ledger_line& x) {
  std::string out{value_version};
  append_big_endian(out, x.seq);
  append_big_endian(out, x.epoch);
  append_big_endian(out, x.ops_crc);
  return out;
}

std::optional<shard_row> decode_shard_row(std::string_view bytes) {
  if (bytes.size() < row_bytes_min || bytes[0] != value_version)
    return std::nullopt;
  return shard_row{read_big_endian<uint64_t>(bytes, 1),
                   read_big_endian<uint64_t>(bytes, 9),
                   std::string{bytes.substr(row_bytes_min)}};
}

std::optional<ledger_line> decode_ledger_line(std::string_view bytes) {
  if (bytes.size() != line_bytes || bytes[0] != value_version)
    return std::nullopt;
  return ledger_line{read_big_endian<uint64_t>(bytes, 1),
                     read_big_endian<uint64_t>(bytes, 9),
                     read_big_endian<uint32_t>(bytes, 17)};
}

uint32_t checksum(const std::vector<store_op>& ops) {
  op_checksum sum{0};
  for (const auto& op : ops)
    std::visit(sum, op);
  return sum.value();
}

} // namespace troupe::runtime

#include "runtime/storage/rocksdb_layout.hpp"

#include "runtime/storage/byte_order.hpp"
#include "runtime/storage/crc32c.hpp"

#include <algorithm>
#include <cstddef>

namespace troupe::runtime {
namespace {

constexpr char value_version = 1;
constexpr size_t row_bytes_min = 18;
constexpr size_t line_bytes_min = 9;
constexpr size_t entry_bytes = 22;

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
  void operator()(const put_run& x) { job('p', x.id), add(x.bytes); }
  void operator()(const put_value& x) { add("v"), add(x.name), add(x.bytes); }
  void operator()(const put_idempotency& x) {
    add("i"), add(x.key), add(x.bytes);
  }
  void operator()(const put_budget& x) { add("b"), add(x.key), add(x.bytes); }
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

void row_key::add(std::string_view bytes) noexcept {
  TROUPE_ASSERT(bytes.size() <= bytes_.size() - size_);
  std::copy(bytes.begin(), bytes.end(),
            bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += bytes.size();
}

void row_key::add_number(uint64_t value, size_t bytes) noexcept {
  TROUPE_ASSERT(bytes <= bytes_.size() - size_);
  for (size_t i = bytes; i-- > 0;)
    bytes_[size_++] = static_cast<char>(value >> (8 * i) & 0xFF);
}

row_key job_key(job_id id) noexcept {
  const auto bytes = id.bytes();
  row_key key;
  key.add({bytes.data(), bytes.size()});
  return key;
}

row_key event_key(job_id id, uint64_t first_seq) noexcept {
  auto key = job_key(id);
  key.add_number(first_seq, sizeof(first_seq));
  return key;
}

row_key live_key(shard_id shard, job_id id) noexcept {
  row_key key;
  key.add_number(shard.value, sizeof(shard.value));
  key.add(job_key(id));
  return key;
}

std::string idempotency_key(shard_id shard, std::string_view key) {
  return shard_key(shard) += key;
}

std::string value_key(shard_id shard, std::string_view name) {
  return shard_key(shard) += name;
}

std::string ledger_key(uint64_t commit) {
  std::string key;
  append_big_endian(key, static_cast<uint16_t>(commit % ledger_ring));
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
  const auto owner = std::string_view{x.owner}.substr(0, 255);
  append_big_endian(out, static_cast<uint8_t>(owner.size()));
  out += owner;
  return out += x.damage;
}

std::string encode(const ledger_line& x) {
  std::string out{value_version};
  out.reserve(line_bytes_min + x.entries.size() * entry_bytes);
  append_big_endian(out, x.commit);
  for (const auto& entry : x.entries) {
    append_big_endian(out, entry.shard.value);
    append_big_endian(out, entry.epoch);
    append_big_endian(out, entry.seq);
    append_big_endian(out, entry.ops_crc);
  }
  return out;
}

std::optional<shard_row> decode_shard_row(std::string_view bytes) {
  if (bytes.size() < row_bytes_min || bytes[0] != value_version)
    return std::nullopt;
  const size_t owner_size = read_big_endian<uint8_t>(bytes, 17);
  if (bytes.size() < row_bytes_min + owner_size)
    return std::nullopt;
  return shard_row{read_big_endian<uint64_t>(bytes, 1),
                   read_big_endian<uint64_t>(bytes, 9),
                   std::string{bytes.substr(row_bytes_min, owner_size)},
                   std::string{bytes.substr(row_bytes_min + owner_size)}};
}

std::optional<ledger_line> decode_ledger_line(std::string_view bytes) {
  if (bytes.size() < line_bytes_min || bytes[0] != value_version
      || (bytes.size() - line_bytes_min) % entry_bytes != 0)
    return std::nullopt;
  ledger_line line{read_big_endian<uint64_t>(bytes, 1), {}};
  for (size_t at = line_bytes_min; at < bytes.size(); at += entry_bytes)
    line.entries.push_back({{read_big_endian<uint16_t>(bytes, at)},
                            read_big_endian<uint64_t>(bytes, at + 2),
                            read_big_endian<uint64_t>(bytes, at + 10),
                            read_big_endian<uint32_t>(bytes, at + 18)});
  return line;
}

uint32_t checksum(const std::vector<store_op>& ops) {
  op_checksum sum{0};
  for (const auto& op : ops)
    std::visit(sum, op);
  return sum.value();
}

} // namespace troupe::runtime

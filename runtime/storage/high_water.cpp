#include "runtime/storage/high_water.hpp"

#include "runtime/storage/byte_order.hpp"
#include "runtime/storage/crc32c.hpp"

#include <optional>

namespace troupe::runtime {
namespace {

// One slot; the second one starts at `slot_bytes`. Numbers are big-endian.
//
//     +-------+------------+-------+--------------------------------+-------+
//     | magic | generation | count | count x mark                   | crc32c|
//     |   4   |     8      |   2   | shard 2, epoch 8, seq 8, crc 4 |   4   |
//     +-------+------------+-------+--------------------------------+-------+
//
// The checksum covers all before it. The valid slot with the higher generation
// counts.
constexpr std::string_view magic = "TRHW";
constexpr size_t slot_bytes = 32 * 1024; ///< 1,024 marks need 22.5 KiB.
constexpr size_t header_bytes = 14;
constexpr size_t mark_bytes = 22;

struct slot {
  uint64_t generation = 0;
  shard_marks marks;
};

std::string encode_slot(const slot& x) {
  std::string out{magic};
  append_big_endian(out, x.generation);
  append_big_endian(out, static_cast<uint16_t>(x.marks.size()));
  for (const auto& [shard, mark] : x.marks) {
    append_big_endian(out, shard.value);
    append_big_endian(out, mark.epoch);
    append_big_endian(out, mark.seq);
    append_big_endian(out, mark.line_crc);
  }
  append_big_endian(out, crc32c(out));
  return out;
}

std::optional<slot> decode_slot(std::string_view bytes) {
  if (bytes.size() < header_bytes || bytes.substr(0, 4) != magic)
    return std::nullopt;
  const size_t count = read_big_endian<uint16_t>(bytes, 12);
  const size_t end = header_bytes + count * mark_bytes;
  if (bytes.size() < end + 4
      || read_big_endian<uint32_t>(bytes, end) != crc32c(bytes.substr(0, end)))
    return std::nullopt;
  slot x{read_big_endian<uint64_t>(bytes, 4), {}};
  for (size_t at = header_bytes; at < end; at += mark_bytes)
    x.marks[{read_big_endian<uint16_t>(bytes, at)}] = {
      read_big_endian<uint64_t>(bytes, at + 2),
      read_big_endian<uint64_t>(bytes, at + 10),
      read_big_endian<uint32_t>(bytes, at + 18)};
  return x;
}

} // namespace

result<void> high_water_file::create(const std::string& path) {
  auto bytes = encode_slot({0, {}});
  bytes.resize(slot_bytes, '\0');
  bytes += encode_slot({1, {}});
  bytes.resize(2 * slot_bytes, '\0');
  return replace_file(path, bytes);
}

result<high_water_file> high_water_file::open(const std::string& path) {
  auto file = posix_file::open(path, posix_file::mode::write);
  if (!file)
    return file.error();
  const auto bytes = file->read(0, 2 * slot_bytes);
  if (!bytes)
    return bytes.error();
  high_water_file opened{std::move(*file)};
  bool valid = false;
  const std::string_view all = *bytes;
  for (const size_t at : {size_t{0}, slot_bytes}) {
    if (at >= all.size())
      continue;
    auto x = decode_slot(all.substr(at, slot_bytes));
    if (!x || (valid && x->generation < opened.generation_))
      continue;
    valid = true;
    opened.generation_ = x->generation;
    opened.marks_ = std::move(x->marks);
  }
  if (!valid)
    return fail(errc::corruption, path + ": neither slot is whole");
  return opened;
}

result<void> high_water_file::write(const shard_marks& marks) {
  const auto next = generation_ + 1;
  // Generation 0 is in the first slot, 1 in the second, and so on in turn.
  if (auto ok = file_.write(next % 2 * slot_bytes, encode_slot({next, marks}));
      !ok)
    return ok;
  if (auto ok = file_.sync(); !ok)
    return ok;
  generation_ = next;
  marks_ = marks;
  return {};
}

} // namespace troupe::runtime

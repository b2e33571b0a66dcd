#include "runtime/poison_list.hpp"

#include "runtime/sha256.hpp"
#include "runtime/storage/byte_order.hpp"

namespace troupe::runtime {
namespace {

constexpr std::string_view prefix = "poison/";
constexpr char value_version = 1;
constexpr size_t job_id_bytes = 16;
constexpr size_t value_bytes = 1 + 8 + job_id_bytes;

/// With its length, so that no two requests give the same bytes.
void add_text(std::string& to, std::string_view text) {
  append_big_endian(to, static_cast<uint64_t>(text.size()));
  to += text;
}

} // namespace

std::string poison_digest(const std::string& model, const job_spec& spec) {
  std::string bytes;
  add_text(bytes, model);
  bytes += static_cast<char>(spec.task);
  add_text(bytes, spec.text);
  for (const auto& m : spec.messages) {
    add_text(bytes, m.role);
    add_text(bytes, m.content);
  }
  return sha256(bytes);
}

std::string poison_name(std::string_view digest) {
  return std::string{prefix} += digest;
}

std::optional<std::string> digest_of_poison(std::string_view name) {
  if (!name.starts_with(prefix) || name.size() != prefix.size() + sha256_size)
    return std::nullopt;
  return std::string{name.substr(prefix.size())};
}

std::string encode(const poison_entry& x) {
  std::string out{value_version};
  append_big_endian(out, static_cast<uint64_t>(to_us(x.until)));
  auto id = x.job.bytes();
  return out.append(id.data(), id.size());
}

std::optional<poison_entry> decode_poison(std::string_view bytes) {
  if (bytes.size() != value_bytes || bytes[0] != value_version)
    return std::nullopt;
  auto id = job_id::from_bytes(bytes.substr(value_bytes - job_id_bytes));
  if (!id)
    return std::nullopt;
  auto us = static_cast<int64_t>(read_big_endian<uint64_t>(bytes, 1));
  return poison_entry{.until = wall_from_us(us), .job = *id};
}

void poison_list::add(const std::string& digest, const poison_entry& x) {
  if (auto known = by_digest_.find(digest); known != by_digest_.end()) {
    if (known->second.first.until >= x.until)
      return;
    drop(known->second.second);
  }
  by_digest_.emplace(digest, std::pair{x, by_end_.emplace(x.until, digest)});
  while (by_digest_.size() > most_)
    drop(by_end_.begin());
}

std::optional<poison_entry> poison_list::find(const std::string& digest,
                                              wall_time now) const {
  auto it = by_digest_.find(digest);
  if (it == by_digest_.end() || it->second.first.until <= now)
    return std::nullopt;
  return it->second.first;
}

void poison_list::expire(wall_time now) {
  while (!by_end_.empty() && by_end_.begin()->first <= now)
    drop(by_end_.begin());
}

void poison_list::drop(order::iterator at) {
  by_digest_.erase(at->second);
  by_end_.erase(at);
}

} // namespace troupe::runtime

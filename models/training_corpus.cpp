#include "models/training_corpus.hpp"

#include "runtime/rng.hpp"

#include <fstream>
#include <sstream>
#include <utility>

namespace troupe::models {

namespace {

/// FNV-1a: the same split on every machine.
uint64_t hash_of(std::string_view text) {
  uint64_t h = 14695981039346656037ULL;
  for (char c : text)
    h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return h ^ h >> 32;
}

std::string_view family_of(std::string_view record) {
  constexpr std::string_view lead = "Package: ";
  if (record.starts_with(lead))
    record.remove_prefix(lead.size());
  auto line = record.substr(0, record.find('\n'));
  // "lib" and language prefixes alone do not make a family.
  auto from = line.find('-') < 7 ? line.find('-') + 1 : 0;
  return line.substr(0, line.find_first_of("-0123456789", from));
}

} // namespace

runtime::result<std::vector<std::string>>
read_records(const std::string& path) {
  // tidy: seams: read by the training tool only
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file)
    return runtime::fail(runtime::errc::io_error, path + ": cannot be read");
  auto all = std::move(text).str();
  std::vector<std::string> records;
  for (size_t at = 0; at < all.size();) {
    auto end = all.find("\f\n", at);
    if (end == std::string::npos)
      end = all.size();
    records.push_back(all.substr(at, end - at));
    at = end + 2;
  }
  if (records.empty())
    return runtime::fail(runtime::errc::config_invalid,
                         path + ": has no record");
  return records;
}

corpus_split split_corpus(std::vector<std::string> records) {
  corpus_split made;
  for (auto& r : records)
    (hash_of(family_of(r)) % 100 == 0 ? made.held_out : made.training)
      .push_back(std::move(r));
  return made;
}

runtime::result<token_rows>
token_rows::encode(const std::vector<std::string>& records,
                   const tokenizer& words, token_id separator) {
  token_rows made;
  made.records_.reserve(records.size());
  for (const auto& r : records) {
    auto ids = words.encode(r, {.parse_special = false, .add_special = false});
    if (!ids)
      return ids.error();
    ids->insert(ids->begin(), separator);
    made.tokens_ += ids->size();
    made.records_.push_back(std::move(*ids));
  }
  return made;
}

std::vector<std::vector<token_id>> token_rows::rows(uint64_t seed,
                                                    size_t row_tokens) const {
  std::vector<size_t> order(records_.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  runtime::seeded_rng random{seed};
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[random.below(i)]);
  std::vector<std::vector<token_id>> made;
  std::vector<token_id> row;
  for (auto at : order)
    for (auto id : records_[at]) {
      row.push_back(id);
      if (row.size() == row_tokens) {
        made.push_back(std::move(row));
        row.clear();
      }
    }
  return made;
}

} // namespace troupe::models

#include "models/bpe_trainer.hpp"

#include "models/byte_alphabet.hpp"
#include "models/token_splitter.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <numeric>
#include <optional>
#include <queue>
#include <unordered_map>
#include <unordered_set>

namespace troupe::models {

const std::string_view bpe_split_pattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

namespace {

using pair_key = uint64_t;

pair_key key_of(uint32_t left, uint32_t right) {
  return uint64_t{left} << 32 | right;
}

struct word {
  std::vector<uint32_t> ids;
  uint64_t count = 0;
};

struct candidate {
  uint64_t count;
  pair_key pair;
  bool operator<(const candidate& other) const {
    return count != other.count ? count < other.count : pair > other.pair;
  }
};

/// The state of one training run: words as id sequences and how often each
/// neighbouring pair occurs.
class merger {
public:
  void add(word w) {
    auto at = static_cast<uint32_t>(words_.size());
    for (size_t i = 0; i + 1 < w.ids.size(); ++i) {
      auto pair = key_of(w.ids[i], w.ids[i + 1]);
      counts_[pair] += w.count;
      where_[pair].insert(at);
    }
    words_.push_back(std::move(w));
  }

  void start() {
    for (const auto& [pair, count] : counts_)
      queue_.push({count, pair});
  }

  /// The most frequent pair that occurs at least twice.
  std::optional<pair_key> next() {
    while (!queue_.empty()) {
      auto top = queue_.top();
      queue_.pop();
      auto now = counts_[top.pair];
      if (now == top.count)
        return now >= 2 ? std::optional{top.pair} : std::nullopt;
      if (now != 0)
        queue_.push({now, top.pair}); // stale: it shrank since
    }
    return std::nullopt;
  }

  void merge(pair_key pair, uint32_t id) {
    auto places = std::move(where_[pair]);
    where_.erase(pair);
    std::unordered_set<pair_key> grown;
    for (auto at : places)
      merge_in(words_[at], at, pair, id, grown);
    counts_[pair] = 0;
    for (auto p : grown)
      queue_.push({counts_[p], p});
  }

private:
  void merge_in(word& w, uint32_t at, pair_key pair, uint32_t id,
                std::unordered_set<pair_key>& grown) {
    for (size_t i = 0; i + 1 < w.ids.size(); ++i)
      counts_[key_of(w.ids[i], w.ids[i + 1])] -= w.count;
    std::vector<uint32_t> merged;
    for (size_t i = 0; i < w.ids.size(); ++i) {
      if (i + 1 < w.ids.size() && key_of(w.ids[i], w.ids[i + 1]) == pair) {
        merged.push_back(id);
        ++i;
      } else {
        merged.push_back(w.ids[i]);
      }
    }
    w.ids = std::move(merged);
    for (size_t i = 0; i + 1 < w.ids.size(); ++i) {
      auto p = key_of(w.ids[i], w.ids[i + 1]);
      counts_[p] += w.count;
      if (w.ids[i] == id || w.ids[i + 1] == id) {
        where_[p].insert(at);
        grown.insert(p);
      }
    }
  }

  std::vector<word> words_;
  std::unordered_map<pair_key, uint64_t> counts_;
  std::unordered_map<pair_key, std::unordered_set<uint32_t>> where_;
  std::priority_queue<candidate> queue_;
};

/// Byte tokens are numbered in the order of their characters, as Hugging
/// Face's trainer does.
std::vector<unsigned char> bytes_by_character() {
  std::vector<unsigned char> bytes(256);
  std::iota(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
  std::sort(bytes.begin(), bytes.end(), [](auto a, auto b) {
    return alphabet_character(a) < alphabet_character(b);
  });
  return bytes;
}

boost::json::array added_tokens(const std::vector<std::string>& special) {
  boost::json::array added;
  for (size_t i = 0; i < special.size(); ++i)
    added.push_back({{"id", i},
                     {"content", special[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  return added;
}

boost::json::object byte_level() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", false}};
}

/// Every text starts with the first special token, as it does in the packed
/// training stream.
boost::json::value text_start(const std::vector<std::string>& special) {
  if (special.empty())
    return nullptr;
  boost::json::object token{
    {"SpecialToken", boost::json::object{{"id", special[0]}, {"type_id", 0}}}};
  auto text = [](const char* name) {
    return boost::json::object{
      {"Sequence", boost::json::object{{"id", name}, {"type_id", 0}}}};
  };
  boost::json::object known{
    {special[0],
     boost::json::object{{"id", special[0]},
                         {"ids", boost::json::array{0}},
                         {"tokens", boost::json::array{special[0]}}}}};
  return boost::json::object{
    {"type", "TemplateProcessing"},
    {"single", boost::json::array{token, text("A")}},
    {"pair", boost::json::array{token, text("A"), text("B")}},
    {"special_tokens", std::move(known)}};
}

std::string document(const std::vector<std::string>& special,
                     boost::json::object vocabulary,
                     boost::json::array merges) {
  boost::json::object split{
    {"type", "Split"},
    {"pattern", boost::json::object{{"Regex", bpe_split_pattern}}},
    {"behavior", "Isolated"},
    {"invert", false}};
  boost::json::object model{{"type", "BPE"},
                            {"dropout", nullptr},
                            {"unk_token", nullptr},
                            {"continuing_subword_prefix", nullptr},
                            {"end_of_word_suffix", nullptr},
                            {"fuse_unk", false},
                            {"byte_fallback", false},
                            {"ignore_merges", false},
                            {"vocab", std::move(vocabulary)},
                            {"merges", std::move(merges)}};
  boost::json::object root{
    {"version", "1.0"},
    {"truncation", nullptr},
    {"padding", nullptr},
    {"added_tokens", added_tokens(special)},
    {"normalizer", nullptr},
    {"pre_tokenizer",
     boost::json::object{
       {"type", "Sequence"},
       {"pretokenizers", boost::json::array{std::move(split), byte_level()}}}},
    {"post_processor", text_start(special)},
    {"decoder", byte_level()},
    {"model", std::move(model)}};
  return boost::json::serialize(root) + "\n";
}

} // namespace

runtime::result<void> bpe_trainer::add(std::string_view text) {
  static const auto splitter = token_splitter::compile(bpe_split_pattern);
  if (!splitter)
    return splitter.error();
  return splitter->split(text, [this](std::string_view piece) {
    auto at = pieces_.find(piece);
    if (at == pieces_.end())
      at = pieces_.emplace(std::string{piece}, 0).first;
    ++at->second;
  });
}

runtime::result<std::string>
bpe_trainer::train(uint32_t vocabulary_size,
                   const std::vector<std::string>& special_tokens) const {
  auto fixed = static_cast<uint32_t>(special_tokens.size()) + 256;
  if (vocabulary_size < fixed)
    return runtime::fail(runtime::errc::invalid_argument,
                         "a vocabulary needs at least " + std::to_string(fixed)
                           + " entries");
  std::vector<std::string> spelled = special_tokens; // id -> spelling
  std::vector<uint32_t> id_of_byte(256);
  for (auto byte : bytes_by_character()) {
    id_of_byte[byte] = static_cast<uint32_t>(spelled.size());
    char c = static_cast<char>(byte);
    spelled.push_back(to_alphabet({&c, 1}));
  }
  merger state;
  for (const auto& [piece, count] : pieces_) {
    word w;
    w.count = count;
    for (char c : piece)
      w.ids.push_back(id_of_byte[static_cast<unsigned char>(c)]);
    state.add(std::move(w));
  }
  state.start();
  boost::json::array merges;
  std::unordered_map<std::string, uint32_t> id_of;
  for (size_t i = 0; i < spelled.size(); ++i)
    id_of.emplace(spelled[i], static_cast<uint32_t>(i));
  while (spelled.size() < vocabulary_size) {
    auto pair = state.next();
    if (!pair)
      break;
    const auto& left = spelled[*pair >> 32];
    const auto& right = spelled[*pair & 0xFFFFFFFF];
    merges.emplace_back(left + " " + right);
    // Two ways to the same text share one entry.
    auto whole = left + right;
    auto [at, fresh] =
      id_of.try_emplace(whole, static_cast<uint32_t>(spelled.size()));
    if (fresh)
      spelled.push_back(std::move(whole));
    state.merge(*pair, at->second);
  }
  boost::json::object vocabulary;
  for (size_t i = 0; i < spelled.size(); ++i)
    vocabulary[spelled[i]] = i;
  return document(special_tokens, std::move(vocabulary), std::move(merges));
}

} // namespace troupe::models

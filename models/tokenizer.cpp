#include "models/tokenizer.hpp"

#include "models/tokenizer_model.hpp"
#include "models/utf8.hpp"

#include <fstream>
#include <queue>
#include <sstream>

namespace troupe::models {

namespace {

using detail::merge_key;
using detail::tokenizer_model;

constexpr std::streamoff file_bytes_max = 64 << 20;

/// A possible merge of the symbol at `left` with its right neighbour.
struct candidate {
  uint32_t rank;
  uint32_t left;
  token_id left_id; ///< To notice that the symbol changed since.
  token_id right_id;
  token_id result;
  bool operator<(const candidate& other) const { // the queue's top is smallest
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};

/// Merges one piece: n log n in its bytes, whatever the merges.
class piece_merger {
public:
  piece_merger(const tokenizer_model& model, std::string_view piece)
    : model_(model) {
    auto count = static_cast<uint32_t>(piece.size());
    symbols_.resize(count);
    for (uint32_t i = 0; i < count; ++i)
      symbols_[i] = {model.byte_ids[static_cast<unsigned char>(piece[i])],
                     i == 0 ? none : i - 1, i + 1 == count ? none : i + 1};
    for (uint32_t i = 0; i + 1 < count; ++i)
      consider(i);
  }

  void run() {
    while (!queue_.empty()) {
      auto top = queue_.top();
      queue_.pop();
      auto& left = symbols_[top.left];
      if (left.id != top.left_id || left.next == none
          || symbols_[left.next].id != top.right_id)
        continue;
      auto right = left.next;
      left.id = top.result;
      left.next = symbols_[right].next;
      if (left.next != none)
        symbols_[left.next].previous = top.left;
      symbols_[right].id = dead;
      if (left.previous != none)
        consider(left.previous);
      consider(top.left);
    }
  }

  void append_to(std::vector<token_id>& ids) const {
    for (uint32_t i = 0; i != none; i = symbols_[i].next)
      ids.push_back(symbols_[i].id);
  }

private:
  static constexpr uint32_t none = 0xFFFFFFFF;
  static constexpr token_id dead = -1;
  struct symbol {
    token_id id;
    uint32_t previous;
    uint32_t next;
  };

  void consider(uint32_t left) {
    auto right = symbols_[left].next;
    if (right == none)
      return;
    auto at =
      model_.merges.find(merge_key(symbols_[left].id, symbols_[right].id));
    if (at != model_.merges.end())
      queue_.push({at->second.rank, left, symbols_[left].id, symbols_[right].id,
                   at->second.result});
  }

  const tokenizer_model& model_;
  std::vector<symbol> symbols_;
  std::priority_queue<candidate> queue_;
};

void encode_piece(const tokenizer_model& model, std::string_view piece,
                  std::vector<token_id>& ids) {
  if (piece.size() == 1) {
    ids.push_back(model.byte_ids[static_cast<unsigned char>(piece[0])]);
    return;
  }
  if (model.ignore_merges) {
    auto at = model.by_bytes.find(std::string{piece});
    if (at != model.by_bytes.end()) {
      ids.push_back(at->second);
      return;
    }
  }
  piece_merger merger{model, piece};
  merger.run();
  merger.append_to(ids);
}

/// Applies the pre-tokenizers from `at` on, then merges.
runtime::result<void> encode_stage(const tokenizer_model& model, size_t at,
                                   std::string_view text,
                                   std::vector<token_id>& ids) {
  if (at == model.stages.size()) {
    encode_piece(model, text, ids);
    return {};
  }
  const auto& stage = model.stages[at];
  std::string spaced;
  if (stage.prefix_space && text.front() != ' ') {
    spaced = " " + std::string{text};
    text = spaced;
  }
  if (!stage.splitter)
    return encode_stage(model, at + 1, text, ids);
  runtime::result<void> outcome;
  auto split = stage.splitter->split(text, [&](std::string_view piece) {
    if (outcome)
      outcome = encode_stage(model, at + 1, piece, ids);
  });
  return split ? outcome : split;
}

/// Where the next added token starts in `text`, and which.
const detail::added_token* next_added(const tokenizer_model& model,
                                      std::string_view text, bool parse_special,
                                      size_t& at) {
  const detail::added_token* found = nullptr;
  at = std::string_view::npos;
  for (const auto& token : model.added) {
    if (token.special && !parse_special)
      continue;
    auto where = text.find(token.content);
    // Longest first, so that an equal position keeps the longer one.
    if (where < at) {
      at = where;
      found = &token;
    }
  }
  return found;
}

} // namespace

struct tokenizer::impl {
  tokenizer_model model;
};

tokenizer::tokenizer(std::unique_ptr<const impl> loaded)
  : impl_(std::move(loaded)) {}
tokenizer::tokenizer(tokenizer&&) noexcept = default;
tokenizer& tokenizer::operator=(tokenizer&&) noexcept = default;
tokenizer::~tokenizer() = default;

runtime::result<tokenizer> tokenizer::load(const std::string& path) {
  // tidy: seams: model files are read once, at start
  std::ifstream file{path, std::ios::binary | std::ios::ate};
  if (!file)
    return runtime::fail(runtime::errc::io_error, path + ": cannot be opened");
  if (file.tellg() > file_bytes_max)
    return runtime::fail(runtime::errc::config_invalid,
                         path + ": is larger than 64 MiB");
  std::ostringstream text;
  file.seekg(0);
  text << file.rdbuf();
  if (!file)
    return runtime::fail(runtime::errc::io_error, path + ": cannot be read");
  return parse(text.str(), path);
}

runtime::result<tokenizer> tokenizer::parse(std::string_view json,
                                            std::string_view name) {
  auto model = detail::parse_tokenizer(json, name);
  if (!model)
    return model.error();
  return tokenizer{std::make_unique<const impl>(impl{std::move(*model)})};
}

runtime::result<std::vector<token_id>>
tokenizer::encode(std::string_view text, encode_options options) const {
  const auto& model = impl_->model;
  if (!valid_utf8(text))
    return runtime::fail(runtime::errc::validation_failed,
                         "the text is not UTF-8");
  std::vector<token_id> ids;
  if (options.add_special)
    ids = model.before;
  while (!text.empty()) {
    size_t at = 0;
    const auto* added = next_added(model, text, options.parse_special, at);
    auto plain = text.substr(0, added ? at : text.size());
    if (!plain.empty())
      if (auto ok = encode_stage(model, 0, plain, ids); !ok)
        return ok.error();
    if (!added)
      break;
    ids.push_back(added->id);
    text.remove_prefix(at + added->content.size());
  }
  if (options.add_special)
    ids.insert(ids.end(), model.after.begin(), model.after.end());
  return ids;
}

std::string_view tokenizer::bytes_of(token_id id) const noexcept {
  const auto& bytes = impl_->model.bytes;
  auto at = static_cast<size_t>(id);
  return id >= 0 && at < bytes.size() ? std::string_view{bytes[at]}
                                      : std::string_view{};
}

std::string tokenizer::decode(const std::vector<token_id>& ids) const {
  std::string text;
  for (auto id : ids)
    text += bytes_of(id);
  return text;
}

std::optional<token_id> tokenizer::find(std::string_view spelling) const {
  const auto& by = impl_->model.by_spelling;
  auto at = by.find(std::string{spelling});
  return at == by.end() ? std::nullopt : std::optional{at->second};
}

bool tokenizer::is_special(token_id id) const noexcept {
  const auto& special = impl_->model.special;
  auto at = static_cast<size_t>(id);
  return id >= 0 && at < special.size() && special[at];
}

uint32_t tokenizer::size() const noexcept {
  return static_cast<uint32_t>(impl_->model.bytes.size());
}

} // namespace troupe::models

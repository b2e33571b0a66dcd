#include "models/tokenizer_model.hpp"

#include "models/byte_alphabet.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace troupe::models::detail {

namespace {

namespace json = boost::json;

constexpr uint32_t vocabulary_max = 2'000'000;

/// GPT-2's pattern, which ByteLevel with `use_regex` stands for.
constexpr std::string_view byte_level_pattern =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"
  "|\\s+(?!\\S)|\\s+";

/// Reads fields and says where it was when one is wrong.
class reader {
public:
  reader(std::string_view name, tokenizer_model& into)
    : name_(name), into_(into) {}

  runtime::result<void> read(const json::value& root) {
    const auto* object = root.if_object();
    if (!object)
      return wrong("", "is not an object");
    const auto* model = child(*object, "model");
    if (!model || !model->is_object())
      return wrong("model", "is missing or not an object");
    if (auto ok = read_model(model->get_object()); !ok)
      return ok;
    if (auto ok = read_added(*object); !ok)
      return ok;
    if (!absent(*object, "normalizer"))
      return unsupported("normalizer", type_of(object->at("normalizer")));
    if (!absent(*object, "pre_tokenizer"))
      if (auto ok = read_splitter(object->at("pre_tokenizer"), "pre_tokenizer");
          !ok)
        return ok;
    if (!absent(*object, "post_processor"))
      if (auto ok = read_around(object->at("post_processor"), "post_processor");
          !ok)
        return ok;
    if (const auto* decoder = child(*object, "decoder");
        !decoder || type_of(*decoder) != "ByteLevel")
      return unsupported("decoder", decoder ? type_of(*decoder) : "none");
    return {};
  }

private:
  static const json::value* child(const json::object& o, std::string_view key) {
    return o.if_contains(key);
  }
  static bool absent(const json::object& o, std::string_view key) {
    const auto* v = child(o, key);
    return !v || v->is_null();
  }
  static bool truthy(const json::object& o, std::string_view key) {
    const auto* v = child(o, key);
    return v && v->is_bool() && v->get_bool();
  }
  static bool blank(const json::object& o, std::string_view key) {
    const auto* v = child(o, key);
    return !v || v->is_null() || (v->is_string() && v->get_string().empty());
  }
  static std::string type_of(const json::value& v) {
    if (const auto* o = v.if_object())
      if (const auto* type = child(*o, "type"); type && type->is_string())
        return std::string{type->get_string()};
    return "(no type)";
  }
  runtime::failure wrong(std::string_view where, std::string_view what) const {
    return runtime::fail(runtime::errc::config_invalid,
                         name_ + ": " + std::string{where} + " "
                           + std::string{what});
  }
  runtime::failure unsupported(std::string_view where,
                               std::string_view what) const {
    return runtime::fail(runtime::errc::unsupported,
                         name_ + ": " + std::string{where} + " \""
                           + std::string{what} + "\" is not supported");
  }

  runtime::result<token_id> id_from(const json::value& v,
                                    const std::string& where) const {
    const auto* number = v.if_int64();
    if (!number || *number < 0 || *number >= vocabulary_max)
      return wrong(where,
                   "is not an id of 0.." + std::to_string(vocabulary_max - 1));
    return static_cast<token_id>(*number);
  }

  void place(token_id id, std::string bytes) {
    auto at = static_cast<size_t>(id);
    if (into_.bytes.size() <= at) {
      into_.bytes.resize(at + 1);
      into_.special.resize(at + 1);
    }
    into_.bytes[at] = std::move(bytes);
  }

  runtime::result<void> read_model(const json::object& model) {
    const auto* type = child(model, "type");
    if (type && (!type->is_string() || type->get_string() != "BPE"))
      return unsupported("model.type", json::serialize(*type));
    for (auto key :
         {"unk_token", "continuing_subword_prefix", "end_of_word_suffix"})
      if (!blank(model, key))
        return unsupported("model." + std::string{key},
                           json::serialize(*child(model, key)));
    if (truthy(model, "byte_fallback"))
      return unsupported("model.byte_fallback", "true");
    into_.ignore_merges = truthy(model, "ignore_merges");
    if (auto ok = read_vocabulary(model); !ok)
      return ok;
    return read_merges(model);
  }

  runtime::result<void> read_vocabulary(const json::object& model) {
    const auto* vocab = child(model, "vocab");
    if (!vocab || !vocab->is_object())
      return wrong("model.vocab", "is missing or not an object");
    if (vocab->get_object().size() > vocabulary_max)
      return wrong("model.vocab", "has too many entries");
    for (const auto& [key, value] : vocab->get_object()) {
      std::string spelled{key};
      auto id = id_from(value, "model.vocab[\"" + spelled + "\"]");
      if (!id)
        return id.error();
      // Entries outside of the alphabet can only be added tokens.
      auto bytes = from_alphabet(spelled);
      if (bytes)
        into_.by_bytes.emplace(*bytes, *id);
      place(*id, bytes.value_or(spelled));
      into_.by_spelling.emplace(std::move(spelled), *id);
    }
    for (int b = 0; b < 256; ++b) {
      char c = static_cast<char>(b);
      auto at = into_.by_bytes.find(std::string{c});
      if (at == into_.by_bytes.end())
        return wrong("model.vocab", "has no token for byte " + std::to_string(b)
                                      + " (is it byte-level?)");
      into_.byte_ids[static_cast<size_t>(b)] = at->second;
    }
    return {};
  }

  runtime::result<void> read_merges(const json::object& model) {
    const auto* merges = child(model, "merges");
    if (!merges || !merges->is_array())
      return wrong("model.merges", "is missing or not an array");
    uint32_t rank = 0;
    for (const auto& entry : merges->get_array()) {
      auto where = "model.merges[" + std::to_string(rank) + "]";
      std::string left;
      std::string right;
      if (const auto* line = entry.if_string()) {
        auto space = line->find(' ');
        if (space == json::string::npos)
          return wrong(where, "is not two tokens");
        left = std::string{line->subview(0, space)};
        right = std::string{line->subview(space + 1)};
      } else if (const auto* two = entry.if_array(); two && two->size() == 2
                                                     && (*two)[0].is_string()
                                                     && (*two)[1].is_string()) {
        left = std::string{(*two)[0].get_string()};
        right = std::string{(*two)[1].get_string()};
      } else {
        return wrong(where, "is not two tokens");
      }
      if (auto ok = add_merge(left, right, rank, where); !ok)
        return ok;
      ++rank;
    }
    return {};
  }

  runtime::result<void> add_merge(const std::string& left,
                                  const std::string& right, uint32_t rank,
                                  const std::string& where) {
    std::array<token_id, 3> ids{};
    const std::array<std::string, 3> texts{left, right, left + right};
    for (size_t i = 0; i < 3; ++i) {
      auto at = into_.by_spelling.find(texts[i]);
      if (at == into_.by_spelling.end())
        return wrong(where,
                     "names \"" + texts[i] + "\", which the vocabulary lacks");
      ids[i] = at->second;
    }
    into_.merges.try_emplace(merge_key(ids[0], ids[1]),
                             merge_rule{rank, ids[2]});
    return {};
  }

  runtime::result<void> read_added(const json::object& root) {
    if (absent(root, "added_tokens"))
      return {};
    const auto* list = root.at("added_tokens").if_array();
    if (!list)
      return wrong("added_tokens", "is not an array");
    for (size_t i = 0; i < list->size(); ++i) {
      auto where = "added_tokens[" + std::to_string(i) + "]";
      const auto* token = (*list)[i].if_object();
      const auto* content = token ? child(*token, "content") : nullptr;
      const auto* id = token ? child(*token, "id") : nullptr;
      if (!content || !content->is_string() || content->get_string().empty()
          || !id)
        return wrong(where, "lacks content or id");
      for (auto key : {"lstrip", "rstrip", "single_word"})
        if (truthy(*token, key))
          return unsupported(where + "." + key, "true");
      auto number = id_from(*id, where + ".id");
      if (!number)
        return number.error();
      bool special = truthy(*token, "special");
      std::string text{content->get_string()};
      place(*number, special ? std::string{} : text);
      into_.special[static_cast<size_t>(*number)] = special;
      into_.by_spelling.insert_or_assign(text, *number);
      into_.added.push_back({std::move(text), *number, special});
    }
    std::stable_sort(into_.added.begin(), into_.added.end(),
                     [](const auto& a, const auto& b) {
                       return a.content.size() > b.content.size();
                     });
    return {};
  }

  runtime::result<void> add_splitter(std::string_view pattern,
                                     const std::string& where,
                                     bool prefix_space = false) {
    auto splitter = token_splitter::compile(pattern);
    if (!splitter)
      return wrong(where, splitter.error().context);
    into_.stages.push_back({prefix_space, std::move(*splitter)});
    return {};
  }

  runtime::result<void> read_splitter(const json::value& v,
                                      const std::string& where) {
    auto type = type_of(v);
    if (!v.is_object())
      return wrong(where, "is not an object");
    const auto& object = v.get_object();
    if (type == "Sequence") {
      const auto* list = child(object, "pretokenizers");
      if (!list || !list->is_array())
        return wrong(where + ".pretokenizers", "is missing or not an array");
      for (size_t i = 0; i < list->get_array().size(); ++i)
        if (auto ok =
              read_splitter(list->get_array()[i], where + ".pretokenizers["
                                                    + std::to_string(i) + "]");
            !ok)
          return ok;
      return {};
    }
    if (type == "ByteLevel") {
      bool prefix_space = truthy(object, "add_prefix_space");
      const auto* regex = child(object, "use_regex");
      if (!regex || !regex->is_bool() || regex->get_bool())
        return add_splitter(byte_level_pattern, where, prefix_space);
      if (prefix_space)
        into_.stages.push_back({true, std::nullopt});
      return {};
    }
    if (type == "Digits")
      return add_splitter(
        truthy(object, "individual_digits") ? "\\p{N}" : "\\p{N}+", where);
    if (type == "Split")
      return read_split(object, where);
    return unsupported(where + ".type", type);
  }

  runtime::result<void> read_split(const json::object& object,
                                   const std::string& where) {
    const auto* behavior = child(object, "behavior");
    if (!behavior || !behavior->is_string()
        || behavior->get_string() != "Isolated" || truthy(object, "invert"))
      return unsupported(where, "Split other than Isolated");
    const auto* pattern = child(object, "pattern");
    const auto* regex = pattern && pattern->is_object()
                          ? child(pattern->get_object(), "Regex")
                          : nullptr;
    if (!regex || !regex->is_string())
      return unsupported(where + ".pattern", "other than Regex");
    return add_splitter(std::string_view{regex->get_string()},
                        where + ".pattern.Regex");
  }

  runtime::result<void> read_around(const json::value& v,
                                    const std::string& where) {
    auto type = type_of(v);
    if (!v.is_object())
      return wrong(where, "is not an object");
    if (type == "ByteLevel")
      return {}; // offsets only
    const auto& object = v.get_object();
    if (type == "Sequence") {
      const auto* list = child(object, "processors");
      if (!list || !list->is_array())
        return wrong(where + ".processors", "is missing or not an array");
      for (size_t i = 0; i < list->get_array().size(); ++i)
        if (auto ok =
              read_around(list->get_array()[i],
                          where + ".processors[" + std::to_string(i) + "]");
            !ok)
          return ok;
      return {};
    }
    if (type == "TemplateProcessing")
      return read_template(object, where);
    return unsupported(where + ".type", type);
  }

  runtime::result<void> read_template(const json::object& object,
                                      const std::string& where) {
    const auto* single = child(object, "single");
    if (!single || !single->is_array())
      return wrong(where + ".single", "is missing or not an array");
    bool text_seen = false;
    for (const auto& part : single->get_array()) {
      const auto* o = part.if_object();
      if (o && child(*o, "Sequence")) {
        text_seen = true;
        continue;
      }
      const auto* special = o ? child(*o, "SpecialToken") : nullptr;
      const auto* id = special && special->is_object()
                         ? child(special->get_object(), "id")
                         : nullptr;
      auto at = id && id->is_string()
                  ? into_.by_spelling.find(std::string{id->get_string()})
                  : into_.by_spelling.end();
      if (at == into_.by_spelling.end())
        return wrong(where + ".single", "has a part that is no known token");
      (text_seen ? into_.after : into_.before).push_back(at->second);
    }
    return {};
  }

  std::string name_;
  tokenizer_model& into_;
};

} // namespace

runtime::result<tokenizer_model> parse_tokenizer(std::string_view text,
                                                 std::string_view name) {
  boost::system::error_code ec;
  auto root = json::parse(text, ec);
  if (ec)
    return runtime::fail(runtime::errc::config_invalid,
                         std::string{name} + ": not JSON: " + ec.message());
  tokenizer_model model;
  if (auto ok = reader{name, model}.read(root); !ok)
    return ok.error();
  return model;
}

} // namespace troupe::models::detail

#include "runtime/config_reader.hpp"

#include "runtime/config_values.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace troupe::runtime {
namespace {

constexpr size_t list_items_max = 1000;

struct place {
  uint32_t line = 1;
  uint32_t column = 1;
};

/// Nodes made by hand or for missing values have no mark: then `otherwise`.
place place_of(const YAML::Node& node, place otherwise) {
  auto mark = node.Mark();
  if (mark.line < 0 || mark.column < 0)
    return otherwise;
  return {static_cast<uint32_t>(mark.line) + 1,
          static_cast<uint32_t>(mark.column) + 1};
}

/// Quoted scalars are texts, never numbers: yaml-cpp tags them "!".
bool is_plain_scalar(const YAML::Node& node) {
  return node.IsScalar() && node.Tag() != "!";
}

} // namespace

struct config_reader::state {
  std::filesystem::path directory;
  std::vector<config_problem> problems;
  std::map<std::string, place, std::less<>> places;
  std::set<std::string> misread; ///< Keys whose values are not the text's.
  bool is_yaml = true;

  void note(place at, std::string key, std::string reason) {
    problems.push_back({at.line, at.column, std::move(key), std::move(reason)});
  }
};

/// Walks the table of keys beside the tree of YAML nodes.
class config_reader::visitor final : public config_visitor {
public:
  visitor(state& to, const YAML::Node& root) : state_{to} {
    scopes_.push_back({root, "", {1, 1}, {}});
  }

  /// Opens the current node as a map; false (and noted) if it is none.
  bool open() {
    const auto& here = scopes_.back();
    if (here.node.IsNull() || here.node.IsMap())
      return true;
    state_.note(here.at, here.path, "must be a map of keys");
    return false;
  }

  /// Notes keys that nobody asked for, and those that come twice.
  void close() {
    const auto& here = scopes_.back();
    if (!here.node.IsMap())
      return;
    std::set<std::string> seen;
    for (const auto& pair : here.node) {
      auto at = place_of(pair.first, here.at);
      if (!pair.first.IsScalar()) {
        state_.note(at, here.path, "a key must be one word");
        continue;
      }
      auto name = pair.first.Scalar();
      if (!seen.insert(name).second)
        state_.note(at, path_of(name), "stands there twice");
      else if (!here.known.contains(name))
        state_.note(at, path_of(printable(name)),
                    "unknown key" + did_you_mean(name, here.known));
    }
  }

  void real(key_text key, double& value, real_range range) override {
    if (auto found = find(key.name))
      take(*found, key.name, read_real(scalar_of(*found), range), value);
  }
  void seconds(key_text key, duration& value, real_range range) override {
    if (auto found = find(key.name))
      take(*found, key.name, read_seconds(scalar_of(*found), range), value);
  }
  void text(key_text key, std::string& value, text_rule rule) override {
    auto found = find(key.name);
    if (!found)
      return;
    if (!found->node.IsScalar())
      return wrong(*found, key.name, "must be a text");
    take(*found, key.name,
         read_text(found->node.Scalar(), rule, state_.directory), value);
  }
  void required_text(key_text key, std::string& value,
                     text_rule rule) override {
    text(key, value, rule);
    if (!has(key.name))
      state_.note(scopes_.back().at, path_of(key.name), "is required");
  }
  void names(key_text key, std::vector<std::string>& values,
             size_t count_max) override {
    auto found = find(key.name);
    if (!found || !sequence(*found, key.name, count_max))
      return;
    values.clear();
    for (const auto& item : found->node) {
      std::string name;
      located here{item, place_of(item, found->at)};
      if (!item.IsScalar())
        wrong(here, key.name, "must be a list of names");
      else if (take(here, key.name,
                    read_text(item.Scalar(), text_rule::name, {}), name))
        values.push_back(name);
    }
  }
  void address(key_text key, listen_address& value) override {
    auto found = find(key.name);
    if (!found)
      return;
    auto parsed = found->node.IsScalar()
                    ? listen_address::parse(found->node.Scalar())
                    : std::nullopt;
    if (parsed)
      value = *parsed;
    else
      wrong(*found, key.name,
            "must be ADDRESS:PORT with an IP address or localhost, e.g. "
            "127.0.0.1:8080, [::1]:8080 or localhost:0");
  }

protected:
  void on_integer(key_text key, uint64_t& value, integer_range range) override {
    if (auto found = find(key.name))
      take(*found, key.name, read_integer(scalar_of(*found), range), value);
  }
  void on_choice(key_text key, size_t& index, word_list words) override {
    if (auto found = find(key.name))
      take(*found, key.name, read_word(text_of(*found), words), index);
  }
  void on_choices(key_text key, std::vector<size_t>& indices,
                  word_list words) override {
    auto found = find(key.name);
    if (!found || !sequence(*found, key.name, 2 * words.size()))
      return;
    indices.clear();
    for (const auto& item : found->node) {
      located here{item, place_of(item, found->at)};
      size_t index = 0;
      if (take(here, key.name, read_word(text_of(here), words), index))
        indices.push_back(index);
    }
  }
  void on_section(key_text key, const std::function<void()>& body) override {
    auto found = find(key.name);
    if (!found)
      return;
    inside({found->node, path_of(key.name), found->at, {}}, body);
  }
  void on_optional_section(key_text key, bool& present,
                           const std::function<void()>& body) override {
    if (has(key.name))
      present = true;
    on_section(key, body);
  }
  void on_list(key_text key, size_t, const std::function<void(size_t)>& resize,
               const std::function<void(size_t)>& item) override {
    auto found = find(key.name);
    if (!found || !sequence(*found, key.name, list_items_max))
      return;
    resize(found->node.size());
    for (size_t i = 0; i < found->node.size(); ++i) {
      auto node = found->node[i];
      auto path = path_of(key.name) + "[" + std::to_string(i) + "]";
      auto at = place_of(node, found->at);
      state_.places.emplace(path, at);
      inside({node, path, at, {}}, [&] { item(i); });
    }
  }

private:
  struct located {
    YAML::Node node;
    place at;
  };
  struct scope {
    YAML::Node node;
    std::string path;
    place at;
    std::set<std::string, std::less<>> known;
  };

  void inside(scope next, const std::function<void()>& body) {
    scopes_.push_back(std::move(next));
    if (open()) {
      body();
      close();
    }
    scopes_.pop_back();
  }

  std::string path_of(std::string_view name) const {
    const auto& path = scopes_.back().path;
    return path.empty() ? std::string{name} : path + "." + std::string{name};
  }

  bool has(std::string_view name) const {
    const auto& node = scopes_.back().node;
    if (!node.IsMap())
      return false;
    for (const auto& pair : node)
      if (pair.first.IsScalar() && pair.first.Scalar() == name)
        return true;
    return false;
  }

  /// The value of a key of the current map, if the text has it.
  std::optional<located> find(std::string_view name) {
    auto& here = scopes_.back();
    here.known.insert(std::string{name});
    if (!here.node.IsMap())
      return std::nullopt;
    for (const auto& pair : here.node) {
      if (!pair.first.IsScalar() || pair.first.Scalar() != name)
        continue;
      auto key_at = place_of(pair.first, here.at);
      auto at = pair.second.IsNull() ? key_at : place_of(pair.second, key_at);
      state_.places.emplace(path_of(name), at);
      return located{pair.second, at};
    }
    return std::nullopt;
  }

  static std::optional<std::string> scalar_of(const located& x) {
    if (!is_plain_scalar(x.node))
      return std::nullopt;
    return x.node.Scalar();
  }

  /// Words are texts: quotes make no difference.
  static std::optional<std::string> text_of(const located& x) {
    if (!x.node.IsScalar())
      return std::nullopt;
    return x.node.Scalar();
  }

  bool sequence(const located& x, std::string_view name, size_t count_max) {
    if (!x.node.IsSequence())
      wrong(x, name, "must be a list");
    else if (x.node.size() > count_max)
      wrong(x, name, "has more than " + std::to_string(count_max) + " items");
    else
      return true;
    return false;
  }

  void wrong(const located& x, std::string_view name, std::string reason) {
    state_.misread.insert(path_of(name));
    state_.note(x.at, path_of(name), std::move(reason));
  }

  template <class T>
  bool take(const located& x, std::string_view name, value_or_reason<T> read,
            T& value) {
    if (!read.value) {
      wrong(x, name, std::move(read.reason));
      return false;
    }
    value = std::move(*read.value);
    return true;
  }

  state& state_;
  std::vector<scope> scopes_;
};

config_reader::config_reader(std::filesystem::path directory)
  : state_{std::make_unique<state>()} {
  state_->directory = std::move(directory);
}

config_reader::~config_reader() = default;

config config_reader::read(std::string_view text) {
  config value;
  try {
    auto documents = YAML::LoadAll(std::string{text});
    if (documents.size() > 1)
      state_->note(place_of(documents[1], {}), "",
                   "a second document: there must be one only");
    YAML::Node root{YAML::NodeType::Map};
    if (!documents.empty() && !documents.front().IsNull())
      root = documents.front();
    visitor walk{*state_, root};
    if (walk.open()) {
      describe(walk, value);
      walk.close();
    }
  } catch (const YAML::Exception& e) {
    place at;
    if (e.mark.line >= 0)
      at = {static_cast<uint32_t>(e.mark.line) + 1,
            static_cast<uint32_t>(e.mark.column) + 1};
    state_->is_yaml = false;
    state_->note(at, "", "this is not YAML: " + printable(e.msg));
  }
  return value;
}

void config_reader::report(const std::string& key, const std::string& reason) {
  // What follows from a value that could not be read is only an echo of it.
  if (!state_->is_yaml || state_->misread.contains(key))
    return;
  place at;
  for (std::string_view part = key; !part.empty();) {
    if (auto found = state_->places.find(part); found != state_->places.end()) {
      at = found->second;
      break;
    }
    auto cut = part.find_last_of(".[");
    part = cut == std::string_view::npos ? "" : part.substr(0, cut);
  }
  state_->note(at, key, reason);
}

std::vector<config_problem> config_reader::problems() const {
  auto list = state_->problems;
  auto order = [](const config_problem& x) {
    return std::tie(x.line, x.column, x.key, x.reason);
  };
  std::sort(list.begin(), list.end(),
            [&](const auto& a, const auto& b) { return order(a) < order(b); });
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

} // namespace troupe::runtime

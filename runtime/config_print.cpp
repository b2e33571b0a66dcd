#include "runtime/config_schema.hpp"
#include "runtime/config_values.hpp"

namespace troupe::runtime {
namespace {

/// As JSON, which is YAML too.
std::string in_quotes(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  for (auto c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (byte < 0x20 || byte == 0x7F)
      ((out += "\\x") += digits[byte >> 4]) += digits[byte & 15];
    else
      out += c;
  }
  return out + '"';
}

std::string list_text(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const auto& x : items)
    out += (out.size() > 1 ? ", " : "") + x;
  return out + "]";
}

std::vector<std::string> words_at(const std::vector<size_t>& indices,
                                  word_list words) {
  std::vector<std::string> out;
  for (auto i : indices)
    out.emplace_back(words[i]);
  return out;
}

class printer final : public config_visitor {
public:
  std::string take() { return std::move(out_); }

  void real(key_text key, double& value, real_range) override {
    line(key, number_text(value));
  }
  void seconds(key_text key, duration& value, real_range) override {
    line(key, seconds_text(value));
  }
  void text(key_text key, std::string& value, text_rule) override {
    if (!value.empty())
      line(key, in_quotes(value));
  }
  void required_text(key_text key, std::string& value,
                     text_rule rule) override {
    text(key, value, rule);
  }
  void names(key_text key, std::vector<std::string>& values, size_t) override {
    std::vector<std::string> items;
    for (const auto& x : values)
      items.push_back(in_quotes(x));
    line(key, list_text(items));
  }
  void address(key_text key, listen_address& value) override {
    line(key, in_quotes(value.str()));
  }

protected:
  void on_integer(key_text key, uint64_t& value, integer_range) override {
    line(key, std::to_string(value));
  }
  void on_choice(key_text key, size_t& index, word_list words) override {
    line(key, std::string{words[index]});
  }
  void on_choices(key_text key, std::vector<size_t>& indices,
                  word_list words) override {
    line(key, list_text(words_at(indices, words)));
  }
  void on_section(key_text key, const std::function<void()>& body) override {
    line(key, "");
    indent_ += 2;
    body();
    indent_ -= 2;
  }
  void on_optional_section(key_text key, bool& present,
                           const std::function<void()>& body) override {
    if (present)
      on_section(key, body);
  }
  void on_list(key_text key, size_t size, const std::function<void(size_t)>&,
               const std::function<void(size_t)>& item) override {
    line(key, size == 0 ? "[]" : "");
    indent_ += 4;
    for (size_t i = 0; i < size; ++i) {
      dash_ = true;
      item(i);
    }
    indent_ -= 4;
    dash_ = false;
  }

private:
  void line(key_text key, const std::string& value) {
    out_ += std::string(dash_ ? indent_ - 2 : indent_, ' ');
    if (dash_)
      out_ += "- ";
    dash_ = false;
    ((out_ += key.name) += value.empty() ? ":" : ": ") += value;
    out_ += '\n';
  }

  std::string out_;
  size_t indent_ = 0;
  bool dash_ = false; ///< The next line starts an item of a list.
};

/// Lists the keys; defaults are those of fresh structs.
class lister final : public config_visitor {
public:
  std::vector<config_key> take() { return std::move(keys_); }

  void real(key_text key, double& value, real_range range) override {
    add(key, "number", number_text(value), describe_range(range));
  }
  void seconds(key_text key, duration& value, real_range range) override {
    add(key, "seconds", seconds_text(value), describe_range(range));
  }
  void text(key_text key, std::string& value, text_rule rule) override {
    add(key, type_of(rule), value.empty() ? "\"\"" : value, range_of(rule));
  }
  void required_text(key_text key, std::string&, text_rule rule) override {
    add(key, type_of(rule), "required", range_of(rule));
  }
  void names(key_text key, std::vector<std::string>&,
             size_t count_max) override {
    add(key, "list of names", "[]",
        "at most " + std::to_string(count_max) + " names");
  }
  void address(key_text key, listen_address& value) override {
    add(key, "address", value.str(), "loopback:port");
  }

protected:
  void on_integer(key_text key, uint64_t& value, integer_range range) override {
    add(key, "integer", std::to_string(value), describe_range(range));
  }
  void on_choice(key_text key, size_t& index, word_list words) override {
    add(key, "word", std::string{words[index]}, describe_words(words));
  }
  void on_choices(key_text key, std::vector<size_t>& indices,
                  word_list words) override {
    add(key, "list of words", list_text(words_at(indices, words)),
        describe_words(words));
  }
  void on_section(key_text key, const std::function<void()>& body) override {
    nested(std::string{key.name}, body);
  }
  void on_optional_section(key_text key, bool&,
                           const std::function<void()>& body) override {
    on_section(key, body);
  }
  void on_list(key_text key, size_t, const std::function<void(size_t)>& resize,
               const std::function<void(size_t)>& item) override {
    resize(1);
    nested(std::string{key.name} + "[]", [&] { item(0); });
    resize(0);
  }

private:
  static std::string type_of(text_rule rule) {
    bool is_name = rule == text_rule::name || rule == text_rule::optional_name;
    return is_name ? "name" : "path";
  }
  static std::string range_of(text_rule rule) {
    switch (rule) {
      case text_rule::name:
        return "1 to 128 of A-Z a-z 0-9 . _ : / @ -";
      case text_rule::optional_name:
        return "empty, or 1 to 128 of A-Z a-z 0-9 . _ : / @ -";
      case text_rule::folder_path:
        return "a folder";
      case text_rule::file_path:
        return "a file";
    }
    return {};
  }
  void nested(const std::string& name, const std::function<void()>& body) {
    auto before = prefix_;
    prefix_ += name + ".";
    body();
    prefix_ = before;
  }
  void add(key_text key, std::string type, std::string initial,
           std::string range) {
    keys_.push_back({prefix_ + std::string{key.name}, std::move(type),
                     std::move(initial), std::move(range),
                     std::string{key.about}});
  }

  std::vector<config_key> keys_;
  std::string prefix_;
};

} // namespace

std::string print_effective(const config& value) {
  auto copy = value;
  printer to;
  describe(to, copy);
  return to.take();
}

std::vector<config_key> config_keys() {
  config defaults;
  lister to;
  describe(to, defaults);
  return to.take();
}

} // namespace troupe::runtime

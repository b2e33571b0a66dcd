#include "runtime/config_schema.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace troupe::runtime {
namespace {

namespace json = boost::json;

class json_printer final : public config_visitor {
public:
  json::object take() { return std::move(here_); }

  void real(key_text key, double& value, real_range) override {
    here_[key.name] = value;
  }
  void seconds(key_text key, duration& value, real_range) override {
    here_[key.name] = static_cast<double>(value.count()) / 1e6;
  }
  void text(key_text key, std::string& value, text_rule) override {
    if (!value.empty())
      here_[key.name] = value;
  }
  void required_text(key_text key, std::string& value,
                     text_rule rule) override {
    text(key, value, rule);
  }
  void names(key_text key, std::vector<std::string>& values, size_t) override {
    here_[key.name] = json::array(values.begin(), values.end());
  }
  void address(key_text key, listen_address& value) override {
    here_[key.name] = value.str();
  }

protected:
  void on_integer(key_text key, uint64_t& value, integer_range) override {
    here_[key.name] = value;
  }
  void on_choice(key_text key, size_t& index, word_list words) override {
    here_[key.name] = words[index];
  }
  void on_choices(key_text key, std::vector<size_t>& indices,
                  word_list words) override {
    json::array items;
    for (auto i : indices)
      items.emplace_back(words[i]);
    here_[key.name] = std::move(items);
  }
  void on_section(key_text key, const std::function<void()>& body) override {
    auto inner = nested(body);
    here_[key.name] = std::move(inner);
  }
  void on_optional_section(key_text key, bool& present,
                           const std::function<void()>& body) override {
    if (present)
      on_section(key, body);
  }
  void on_list(key_text key, size_t size, const std::function<void(size_t)>&,
               const std::function<void(size_t)>& item) override {
    json::array items;
    for (size_t i = 0; i < size; ++i)
      items.emplace_back(nested([&] { item(i); }));
    here_[key.name] = std::move(items);
  }

private:
  json::object nested(const std::function<void()>& body) {
    auto outer = std::exchange(here_, {});
    body();
    return std::exchange(here_, std::move(outer));
  }

  json::object here_;
};

} // namespace

std::string print_effective_json(const config& value) {
  auto copy = value;
  json_printer to;
  describe(to, copy);
  return json::serialize(to.take());
}

} // namespace troupe::runtime

// The one table of configuration keys, told to whoever wants to know: the reader
// that fills a `config` from YAML, the printer and the reference. `describe`
// names every key with its place in the struct, its range and one line about
// it; a visitor decides what happens.
#pragma once

#include "runtime/config.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

struct integer_range {
  uint64_t min = 0;
  uint64_t max = UINT64_MAX;
};
/// Inclusive.
struct real_range {
  double min = 0.0;
  double max = 0.0;
};
/// What a text may be.
enum class text_rule : uint8_t {
  name,          ///< 1..128 of letters, digits and `._:/@-`.
  optional_name, ///< Likewise, or empty.
  folder_path,   ///< Relative to the file's folder.
  file_path      ///< Likewise.
};
using word_list = std::span<const std::string_view>;
/// A key's name and the line about it; static texts.
struct key_text {
  std::string_view name;
  std::string_view about;
};

/// Called once per key in the order of the table. Values may be changed.
class config_visitor {
public:
  virtual ~config_visitor() = default;

  template <class Int>
  void integer(key_text key, Int& value, integer_range range) {
    uint64_t wide = value;
    on_integer(key, wide, range);
    value = static_cast<Int>(wide);
  }
  template <class Enum>
  void choice(key_text key, Enum& value, word_list words) {
    auto index = static_cast<size_t>(value);
    on_choice(key, index, words);
    value = static_cast<Enum>(index);
  }
  template <class Enum>
  void choices(key_text key, std::vector<Enum>& values, word_list words) {
    std::vector<size_t> indices;
    for (auto x : values)
      indices.push_back(static_cast<size_t>(x));
    on_choices(key, indices, words);
    values.clear();
    for (auto i : indices)
      values.push_back(static_cast<Enum>(i));
  }
  /// `body` describes the keys of the section.
  template <class T>
  void section(key_text key, T& value) {
    on_section(key, [&] { describe(*this, value); });
  }
  /// Present or not. Visitors that need its keys make one.
  template <class T>
  void optional_section(key_text key, std::optional<T>& value) {
    bool present = value.has_value();
    T item = value.value_or(T{});
    on_optional_section(key, present, [&] { describe(*this, item); });
    if (present)
      value = std::move(item);
    else
      value.reset();
  }
  /// `size` items are described one by one; the visitor may change the number.
  template <class T>
  void list(key_text key, std::vector<T>& items) {
    on_list(
      key, items.size(), [&](size_t size) { items.resize(size); },
      [&](size_t index) { describe(*this, items[index]); });
  }

  virtual void real(key_text key, double& value, real_range range) = 0;
  /// The range is in seconds.
  virtual void seconds(key_text key, duration& value, real_range range) = 0;
  virtual void text(key_text key, std::string& value, text_rule rule) = 0;
  /// A key that must be given.
  virtual void required_text(key_text key, std::string& value,
                             text_rule rule) = 0;
  virtual void names(key_text key, std::vector<std::string>& values,
                     size_t count_max) = 0;
  virtual void address(key_text key, listen_address& value) = 0;

protected:
  virtual void on_integer(key_text key, uint64_t& value,
                          integer_range range) = 0;
  virtual void on_choice(key_text key, size_t& index, word_list words) = 0;
  virtual void on_choices(key_text key, std::vector<size_t>& indices,
                          word_list words) = 0;
  virtual void on_section(key_text key, const std::function<void()>& body) = 0;
  virtual void on_optional_section(key_text key, bool& present,
                                   const std::function<void()>& body) = 0;
  virtual void on_list(key_text key, size_t size,
                       const std::function<void(size_t)>& resize,
                       const std::function<void(size_t)>& item) = 0;
};

// One per section.
void describe(config_visitor& v, config& x);
void describe(config_visitor& v, node_settings& x);
void describe(config_visitor& v, gateway_settings& x);
void describe(config_visitor& v, limit_settings& x);
void describe(config_visitor& v, admin_settings& x);
void describe(config_visitor& v, store_settings& x);
void describe(config_visitor& v, model_settings& x);
void describe(config_visitor& v, simulated_settings& x);
void describe(config_visitor& v, pool_settings& x);
void describe(config_visitor& v, alias_settings& x);
void describe(config_visitor& v, tenant_settings& x);
void describe(config_visitor& v, preemption_settings& x);
void describe(config_visitor& v, budget_settings& x);
void describe(config_visitor& v, engine_settings& x);
void describe(config_visitor& v, queue_settings& x);
void describe(config_visitor& v, scheduling_settings& x);
void describe(config_visitor& v, boost_m_settings& x);
void describe(config_visitor& v, allocator_settings& x);
void describe(config_visitor& v, tiers_settings& x);
void describe(config_visitor& v, tier_settings& x);
void describe(config_visitor& v, classes_settings& x);
void describe(config_visitor& v, class_settings& x);
void describe(config_visitor& v, breaker_options& x);
void describe(config_visitor& v, retry_options& x);
void describe(config_visitor& v, poison_settings& x);
void describe(config_visitor& v, admission_settings& x);
void describe(config_visitor& v, preemption_settings& x);
void describe(config_visitor& v, drain_settings& x);
void describe(config_visitor& v, log_settings& x);

} // namespace troupe::runtime

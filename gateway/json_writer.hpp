// Appends JSON to a string without building a tree: the same calls give the
// same bytes, always. The caller keeps brackets balanced.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::gateway {

/// `out` outlives the writer; what it already holds stays.
class json_writer {
public:
  explicit json_writer(std::string& out) noexcept : out_{out} {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  /// `name` is plain ASCII that needs no escaping.
  void key(std::string_view name);
  /// Like `key`, for names that come from outside.
  void key_escaped(std::string_view name);

  /// Bytes that are no UTF-8 become U+FFFD.
  void text(std::string_view value);
  void number(double value); ///< Shortest form; null when not finite.
  template <std::integral T>
  void number(T value) {
    if constexpr (std::is_signed_v<T>)
      integer(static_cast<int64_t>(value));
    else
      natural(static_cast<uint64_t>(value));
  }
  void boolean(bool value) { raw(value ? "true" : "false"); }
  void null() { raw("null"); }
  /// One complete JSON value.
  void raw(std::string_view json);

  // key and value at once.
  void text(std::string_view name, std::string_view value) {
    key(name);
    text(value);
  }
  void number(std::string_view name, double value) {
    key(name);
    number(value);
  }
  template <std::integral T>
  void number(std::string_view name, T value) {
    key(name);
    number(value);
  }
  void boolean(std::string_view name, bool value) {
    key(name);
    boolean(value);
  }
  void null(std::string_view name) {
    key(name);
    null();
  }
  void raw(std::string_view name, std::string_view json) {
    key(name);
    raw(json);
  }

private:
  void open(char bracket);
  void close(char bracket);
  void separate();
  void integer(int64_t value);
  void natural(uint64_t value);
  void quote(std::string_view value);

  std::string& out_;
  bool need_comma_ = false;
};

/// Length of the UTF-8 sequence at the front of `text`; 0 when it is none.
size_t utf8_sequence(std::string_view text) noexcept;

} // namespace troupe::gateway

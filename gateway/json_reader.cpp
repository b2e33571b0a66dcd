#include "gateway/json_reader.hpp"

#include "gateway/json_writer.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <limits>
#include <vector>

namespace troupe::gateway {

namespace json = boost::json;
using runtime::errc;
using runtime::fail;

namespace {

// Feeds a value_stack like boost::json::parser does, and remembers the keys of
// every open object, since the stack itself lets the last of two win.
struct tree_handler {
  static constexpr size_t max_object_size = json::object::max_size();
  static constexpr size_t max_array_size = json::array::max_size();
  static constexpr size_t max_key_size = json::string::max_size();
  static constexpr size_t max_string_size = json::string::max_size();
  using error = json::error_code;

  std::array<unsigned char, 2048> room; ///< The stack's, while it suffices.
  json::value_stack stack{json::storage_ptr{}, room.data(), room.size()};
  std::vector<std::string> keys; ///< Of all open objects, innermost last.
  std::vector<size_t> starts;    ///< Where each open object's keys begin.
  std::string part;              ///< Of a key that comes in pieces.
  std::string duplicate;
  bool has_duplicate = false;

  bool on_document_begin(error&) { return true; }
  bool on_document_end(error&) { return true; }
  bool on_object_begin(error&) {
    starts.push_back(keys.size());
    return true;
  }
  bool on_object_end(size_t n, error& ec) {
    const auto first = keys.begin() + static_cast<ptrdiff_t>(starts.back());
    std::sort(first, keys.end());
    const auto twice = std::adjacent_find(first, keys.end());
    if (twice != keys.end()) {
      has_duplicate = true;
      duplicate = *twice;
      ec = json::error::syntax;
      return false;
    }
    keys.erase(first, keys.end());
    starts.pop_back();
    stack.push_object(n);
    return true;
  }
  bool on_array_begin(error&) { return true; }
  bool on_array_end(size_t n, error&) {
    stack.push_array(n);
    return true;
  }
  bool on_key_part(json::string_view s, size_t, error&) {
    part.append(s.data(), s.size());
    stack.push_chars(s);
    return true;
  }
  bool on_key(json::string_view s, size_t, error&) {
    part.append(s.data(), s.size());
    keys.push_back(std::move(part));
    part.clear();
    stack.push_key(s);
    return true;
  }
  bool on_string_part(json::string_view s, size_t, error&) {
    stack.push_chars(s);
    return true;
  }
  bool on_string(json::string_view s, size_t, error&) {
    stack.push_string(s);
    return true;
  }
  bool on_number_part(json::string_view, error&) { return true; }
  bool on_int64(int64_t x, json::string_view, error&) {
    stack.push_int64(x);
    return true;
  }
  bool on_uint64(uint64_t x, json::string_view, error&) {
    stack.push_uint64(x);
    return true;
  }
  bool on_double(double x, json::string_view, error&) {
    stack.push_double(x);
    return true;
  }
  bool on_bool(bool x, error&) {
    stack.push_bool(x);
    return true;
  }
  bool on_null(error&) {
    stack.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, error&) { return true; }
  bool on_comment(json::string_view, error&) { return true; }
};

void write_canonical(json_writer& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::object: {
      std::vector<const json::key_value_pair*> sorted;
      sorted.reserve(value.get_object().size());
      for (const auto& x : value.get_object())
        sorted.push_back(&x);
      std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
        return a->key() < b->key();
      });
      out.begin_object();
      for (const auto* x : sorted) {
        out.key_escaped(x->key());
        write_canonical(out, x->value());
      }
      return out.end_object();
    }
    case json::kind::array:
      out.begin_array();
      for (const auto& x : value.get_array())
        write_canonical(out, x);
      return out.end_array();
    case json::kind::string:
      return out.text(value.get_string());
    case json::kind::int64:
      return out.number(value.get_int64());
    case json::kind::uint64:
      return out.number(value.get_uint64());
    case json::kind::double_:
      return out.number(value.get_double());
    case json::kind::bool_:
      return out.boolean(value.get_bool());
    case json::kind::null:
      return out.null();
  }
}

} // namespace

runtime::result<json::value> read_json(std::string_view text, size_t depth_max,
                                       json::storage_ptr storage) {
  json::parse_options options;
  options.max_depth = depth_max;
  options.allow_infinity_and_nan = true;
  try {
    json::basic_parser<tree_handler> parser{options};
    parser.handler().stack.reset(std::move(storage));
    json::error_code ec;
    const auto used = parser.write_some(false, text.data(), text.size(), ec);
    const auto where = " at byte " + std::to_string(used);
    if (parser.handler().has_duplicate)
      return fail(errc::invalid_json,
                  "the key `" + parser.handler().duplicate + "` occurs twice");
    if (ec == json::error::too_deep)
      return fail(errc::invalid_json, "nesting is deeper than "
                                        + std::to_string(depth_max) + where);
    if (ec)
      return fail(errc::invalid_json, ec.message() + where);
    // The parser has skipped blanks behind the document.
    if (used < text.size())
      return fail(errc::invalid_json, "bytes behind the document" + where);
    return parser.handler().stack.release();
  } catch (const std::exception& e) {
    return fail(errc::invalid_json, e.what());
  }
}

std::string canonical_json(const json::value& value) {
  std::string text;
  json_writer out{text};
  write_canonical(out, value);
  return text;
}

} // namespace troupe::gateway

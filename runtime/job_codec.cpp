#include "runtime/job_codec.hpp"

#include "runtime/job_codec_fields.hpp"
#include "runtime/msgpack_cursor.hpp"
#include "runtime/replay_run_fields.hpp"
#include "runtime/tenant_record_fields.hpp"

#include <msgpack/pack.hpp>

#include <bit>
#include <limits>
#include <utility>

namespace troupe::runtime {
namespace {

using detail::fields;
using detail::maybe_const;
using detail::octets;

template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;

// --- writing ----------------------------------------------------------------

/// What msgpack::packer writes into.
class string_stream {
public:
  explicit string_stream(std::string& out) noexcept : out_{out} {}
  void write(const char* data, size_t size) { out_.append(data, size); }

private:
  std::string& out_;
};

struct field_counter {
  uint32_t count = 0;
  template <class T>
  void operator()(const char*, const T&) noexcept {
    ++count;
  }
  void operator()(const char*, const event_body&) noexcept { count += 2; }
};

class writer {
public:
  explicit writer(size_t size_hint) {
    out_.reserve(size_hint);
    out_.push_back(static_cast<char>(job_schema_version));
  }

  /// Called once per field by `fields`.
  template <class T>
  void operator()(const char*, const T& x) {
    write(x);
  }
  template <class T>
  void structure(const T& x) {
    field_counter counter;
    fields(counter, x);
    packer_.pack_array(counter.count);
    fields(*this, x);
  }
  void array(size_t count) { packer_.pack_array(static_cast<uint32_t>(count)); }
  std::string take() && { return std::move(out_); }

private:
  void write(bool x) { x ? packer_.pack_true() : packer_.pack_false(); }
  void write(uint32_t x) { packer_.pack_uint32(x); }
  void write(uint64_t x) { packer_.pack_uint64(x); }
  void write(int64_t x) { packer_.pack_int64(x); }
  /// msgpack-c 4.1 turns whole doubles into integers; one type is simpler.
  void write(double x) {
    const auto bits = std::bit_cast<uint64_t>(x);
    char buffer[9] = {static_cast<char>(0xCB)};
    for (int i = 0; i < 8; ++i)
      buffer[1 + i] = static_cast<char>(bits >> (56 - 8 * i));
    out_.append(buffer, sizeof buffer);
  }
  void write(const std::string& x) {
    const auto size = static_cast<uint32_t>(x.size());
    packer_.pack_str(size);
    packer_.pack_str_body(x.data(), size);
  }
  void write(octets<const std::string> x) {
    const auto size = static_cast<uint32_t>(x.value.size());
    packer_.pack_bin(size);
    packer_.pack_bin_body(x.value.data(), size);
  }
  void write(const job_id& x) {
    const auto bytes = x.bytes();
    packer_.pack_bin(bytes.size());
    packer_.pack_bin_body(bytes.data(), bytes.size());
  }
  void write(wall_time x) { packer_.pack_int64(to_us(x)); }
  void write(duration x) { packer_.pack_int64(x.count()); }
  template <class E>
  requires std::is_enum_v<E>
  void write(E x) { packer_.pack_uint8(static_cast<uint8_t>(x)); }
  template <class T>
  void write(const std::optional<T>& x) {
    if (x)
      write(*x);
    else
      packer_.pack_nil();
  }
  template <class T>
  void write(const std::vector<T>& x) {
    array(x.size());
    for (const auto& element : x)
      write(element);
  }
  void write(const std::map<std::string, std::string>& x) {
    packer_.pack_map(static_cast<uint32_t>(x.size()));
    for (const auto& [key, value] : x) {
      write(key);
      write(value);
    }
  }
  void write(const event_body& x) {
    packer_.pack_uint8(static_cast<uint8_t>(x.index() + 1));
    std::visit([this](const auto& body) { structure(body); }, x);
  }
  template <class T>
  requires std::is_class_v<T>
  void write(const T& x) { structure(x); }

  std::string out_;
  string_stream stream_{out_};
  msgpack::packer<string_stream> packer_{stream_};
};

template <class T>
std::string encode_value(const T& x, size_t size_hint) {
  writer w{size_hint};
  w.structure(x);
  return std::move(w).take();
}

// --- reading ----------------------------------------------------------------

class reader {
public:
  reader(const char* what, std::string_view bytes) noexcept
    : what_{what}, in_{bytes} {}

  /// Missing fields keep the values that `x` has, unknown ones are skipped.
  template <class T>
  bool structure(T& x) {
    const auto count = in_.array();
    if (!count)
      return false;
    field_visitor visitor{*this, *count};
    fields(visitor, x);
    for (; visitor.ok && visitor.left > 0; --visitor.left)
      visitor.ok = in_.skip();
    return visitor.ok;
  }
  std::optional<uint32_t> array() noexcept { return in_.array(); }
  bool at_end() const noexcept { return in_.at_end(); }

  failure refuse(std::string_view why) const {
    std::string text = what_;
    if (!path_.empty())
      text += "." + path_;
    text += ": ";
    text += why;
    text += " at byte " + std::to_string(in_.offset() + 1);
    return fail(errc::corruption, std::move(text));
  }
  failure refuse() const { return refuse("wrong type, value or length"); }

private:
  struct field_visitor {
    reader& self;
    uint32_t left = 0;
    bool ok = true;

    template <class T>
    void operator()(const char* name, T& x) {
      if (!ok || left == 0)
        return;
      --left;
      ok = self.read(x);
      if (!ok)
        self.path_ = self.path_.empty() ? name : name + ("." + self.path_);
    }
    void operator()(const char* name, event_body& x) {
      if (!ok)
        return;
      ok = left >= 2 && self.read(x);
      left -= ok ? 2 : 0;
      if (!ok)
        self.path_ = self.path_.empty() ? name : name + ("." + self.path_);
    }
  };

  template <class T, class U>
  static bool assign(T& x, const std::optional<U>& found) {
    if (found)
      x = T(*found);
    return found.has_value();
  }
  bool read(bool& x) { return assign(x, in_.boolean()); }
  bool read(uint32_t& x) {
    const auto found = in_.unsigned_integer();
    if (!found || *found > std::numeric_limits<uint32_t>::max())
      return false;
    x = static_cast<uint32_t>(*found);
    return true;
  }
  bool read(uint64_t& x) { return assign(x, in_.unsigned_integer()); }
  bool read(int64_t& x) { return assign(x, in_.integer()); }
  bool read(double& x) { return assign(x, in_.real()); }
  bool read(std::string& x) { return assign(x, in_.text()); }
  bool read(octets<std::string>& x) { return assign(x.value, in_.binary()); }
  bool read(job_id& x) {
    const auto bytes = in_.binary();
    return bytes && assign(x, job_id::from_bytes(*bytes));
  }
  bool read(wall_time& x) {
    const auto us = in_.integer();
    if (us)
      x = wall_from_us(*us);
    return us.has_value();
  }
  bool read(duration& x) { return assign(x, in_.integer()); }
  template <class E>
  requires std::is_enum_v<E>
  bool read(E& x) {
    using range = detail::enum_range<E>;
    const auto number = in_.unsigned_integer();
    if (!number || *number < static_cast<uint64_t>(range::first)
        || *number > static_cast<uint64_t>(range::last))
      return false;
    x = static_cast<E>(*number);
    return true;
  }
  template <class T>
  bool read(std::optional<T>& x) {
    if (in_.nil()) {
      x.reset();
      return true;
    }
    return read(x.emplace());
  }
  template <class T>
  bool read(std::vector<T>& x) {
    const auto count = in_.array();
    if (!count)
      return false;
    // No reserve: an element in memory is far larger than its first byte.
    x.clear();
    for (uint32_t i = 0; i < *count; ++i)
      if (!read(x.emplace_back()))
        return false;
    return true;
  }
  bool read(std::map<std::string, std::string>& x) {
    const auto count = in_.map();
    if (!count)
      return false;
    x.clear();
    for (uint32_t i = 0; i < *count; ++i) {
      const auto key = in_.text();
      if (!key || !read(x[std::string{*key}]))
        return false;
    }
    return true;
  }
  bool read(event_body& x) {
    const auto kind = in_.unsigned_integer();
    if (!kind || *kind == 0)
      return false;
    return read_alternative(
      x, *kind - 1,
      std::make_index_sequence<std::variant_size_v<event_body>>{});
  }
  template <size_t... Is>
  bool read_alternative(event_body& x, uint64_t index,
                        std::index_sequence<Is...>) {
    return ((index == Is && structure(x.emplace<Is>())) || ...);
  }
  template <class T>
  requires std::is_class_v<T>
  bool read(T& x) { return structure(x); }

  const char* what_;
  msgpack_cursor in_;
  std::string path_;
};

/// Checks the version byte; the rest is the msgpack value.
result<std::string_view> open_envelope(const char* what,
                                       std::string_view bytes) {
  if (bytes.empty())
    return fail(errc::corruption, std::string{what} + ": empty");
  const auto version = static_cast<uint8_t>(bytes[0]);
  if (version == 0 || version > job_schema_version)
    return fail(errc::corruption, std::string{what} + ": schema version "
                                    + std::to_string(version)
                                    + ", this build reads 1.."
                                    + std::to_string(job_schema_version));
  return bytes.substr(1);
}

template <class T>
result<T> decode_value(const char* what, std::string_view bytes) {
  const auto body = open_envelope(what, bytes);
  if (!body)
    return body.error();
  reader r{what, *body};
  T x;
  if (!r.structure(x))
    return r.refuse();
  if (!r.at_end())
    return r.refuse("trailing bytes");
  return x;
}

/// Most of a record, without its strings.
constexpr size_t record_size_hint = 320;

} // namespace

std::string encode(const job_spec& x) {
  size_t hint = 256 + x.text.size();
  for (const auto& message : x.messages)
    hint += message.content.size() + 16;
  return encode_value(x, hint);
}

std::string encode(const job_record& x) {
  return encode_value(x, record_size_hint);
}

std::string encode(const job_output& x) {
  return encode_value(x, 16 + x.text.size());
}

std::string encode(const idempotency_entry& x) {
  return encode_value(x, 80);
}

std::string encode(const replay_run& x) {
  return encode_value(x, 256 + 18 * (x.waiting.size() + x.open.size()));
}

std::string encode(const tenant_record& x) {
  return encode_value(x, 64);
}

std::string encode_events(std::span<const event> events) {
  writer w{8 + 64 * events.size()};
  w.array(events.size());
  for (const auto& x : events)
    w.structure(x);
  return std::move(w).take();
}

result<job_spec> decode_spec(std::string_view bytes) {
  return decode_value<job_spec>("job_spec", bytes);
}

result<job_record> decode_record(std::string_view bytes) {
  return decode_value<job_record>("job_record", bytes);
}

result<job_output> decode_output(std::string_view bytes) {
  return decode_value<job_output>("job_output", bytes);
}

result<idempotency_entry> decode_idempotency(std::string_view bytes) {
  return decode_value<idempotency_entry>("idempotency_entry", bytes);
}

result<replay_run> decode_run(std::string_view bytes) {
  return decode_value<replay_run>("replay_run", bytes);
}

result<tenant_record> decode_tenant_record(std::string_view bytes) {
  return decode_value<tenant_record>("tenant_record", bytes);
}

result<std::vector<event>> decode_events(std::string_view bytes) {
  const auto body = open_envelope("events", bytes);
  if (!body)
    return body.error();
  reader r{"events", *body};
  const auto count = r.array();
  if (!count)
    return r.refuse();
  std::vector<event> events;
  for (uint32_t i = 0; i < *count; ++i) {
    if (!r.structure(events.emplace_back()))
      return r.refuse();
    if (i > 0 && events[i].seq != events[i - 1].seq + 1)
      return r.refuse("events are not consecutive");
  }
  if (!r.at_end())
    return r.refuse("trailing bytes");
  return events;
}

} // namespace troupe::runtime

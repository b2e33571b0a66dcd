#include "models/engine_codec.hpp"

#include "models/utf8.hpp"
#include "runtime/job_codec_fields.hpp"
#include "runtime/msgpack_cursor.hpp"

#include <msgpack/pack.hpp>

#include <bit>
#include <limits>

// One list of fields per message, walked by the writer and by the reader. They
// live beside the types, where argument-dependent lookup finds them.
namespace troupe::runtime::detail {

template <class V, maybe_const<attempt_id> T>
void fields(V& v, T& x) {
  v("job", x.job);
  v("epoch", x.epoch);
  v("attempt", x.attempt);
}

} // namespace troupe::runtime::detail

namespace troupe::models {
namespace {

using runtime::detail::fields;
using runtime::detail::maybe_const;

template <class V, maybe_const<load_backend_order> T>
void fields(V& v, T& x) {
  v("kind", x.config.kind);
  v("path", x.config.path);
  v("slots", x.config.slots);
  v("context_length_max", x.config.context_length_max);
  v("prefill_tokens_max", x.config.prefill_tokens_max);
  v("threads", x.config.threads);
  v("device", x.config.device);
}

template <class V, maybe_const<admit_order> T>
void fields(V& v, T& x) {
  v("id", x.request.id);
  v("task", x.request.task);
  v("text", x.request.text);
  v("messages", x.request.messages);
  v("params", x.request.params);
  v("simulate", x.request.simulate);
  v("prefix", x.request.prefix);
  v("prefix_tokens", x.request.prefix_tokens);
}

template <class V, maybe_const<cancel_order> T>
void fields(V& v, T& x) {
  v("id", x.id);
}

template <class V, maybe_const<park_order> T>
void fields(V& v, T& x) {
  v("id", x.id);
  v("keep_cache", x.keep_cache);
}

template <class V, maybe_const<resume_order> T>
void fields(V& v, T& x) {
  v("id", x.id);
}

template <class V, maybe_const<engine_description> T>
void fields(V& v, T& x) {
  v("kind", x.kind);
  v("device", x.device);
  v("slots", x.slots);
  v("context_length", x.context_length);
  v("continues_prefix", x.continues_prefix);
  v("can_park", x.can_park);
  v("switch_cost_us", x.switch_cost_us);
  v("tasks", x.tasks);
}

template <class V, maybe_const<engine_ready> T>
void fields(V& v, T& x) {
  v("description", x.description);
}

template <class V, maybe_const<attempt_began> T>
void fields(V& v, T& x) {
  v("id", x.id);
  v("input_tokens", x.input_tokens);
}

template <class V, maybe_const<attempt_output> T>
void fields(V& v, T& x) {
  v("id", x.id);
  v("text", x.text);
  v("tokens", x.tokens);
}

template <class V, maybe_const<attempt_finished> T>
void fields(V& v, T& x) {
  v("id", x.id);
  v("finish", x.finish);
  v("input_tokens", x.input_tokens);
  v("output_tokens", x.output_tokens);
}

template <class V, maybe_const<attempt_failed> T>
void fields(V& v, T& x) {
  v("id", x.id);
  v("why", x.why);
  v("transient", x.transient);
}

template <class V, maybe_const<attempt_parked> T>
void fields(V& v, T& x) {
  v("id", x.id);
}

template <class V, maybe_const<engine_beat> T>
void fields(V& v, T& x) {
  v("steps", x.steps);
}

template <class V, maybe_const<engine_died> T>
void fields(V& v, T& x) {
  v("why", x.why);
}

struct field_counter {
  uint32_t count = 0;
  template <class T>
  void operator()(const char*, const T&) noexcept {
    ++count;
  }
};

template <class T>
uint32_t field_count(const T& x) {
  field_counter counter;
  fields(counter, x);
  return counter.count;
}

// --- writing ----------------------------------------------------------------

class body_writer {
public:
  template <class T>
  void operator()(const char*, const T& x) {
    write(x);
  }
  template <class T>
  void structure(const T& x) {
    packer_.pack_array(field_count(x));
    fields(*this, x);
  }
  const std::string& bytes() const noexcept { return out_; }

private:
  struct stream {
    std::string& out;
    void write(const char* data, size_t size) { out.append(data, size); }
  };

  void write(bool x) { x ? packer_.pack_true() : packer_.pack_false(); }
  void write(uint32_t x) { packer_.pack_uint32(x); }
  void write(uint64_t x) { packer_.pack_uint64(x); }
  void write(int64_t x) { packer_.pack_int64(x); }
  /// float64 always: msgpack-c turns whole doubles into integers.
  void write(double x) {
    auto bits = std::bit_cast<uint64_t>(x);
    out_.push_back(static_cast<char>(0xCB));
    for (int shift = 56; shift >= 0; shift -= 8)
      out_.push_back(static_cast<char>(bits >> shift & 0xFF));
  }
  void write(const std::string& x) {
    auto size = static_cast<uint32_t>(x.size());
    packer_.pack_str(size);
    packer_.pack_str_body(x.data(), size);
  }
  void write(const runtime::job_id& x) {
    auto bytes = x.bytes();
    packer_.pack_bin(bytes.size());
    packer_.pack_bin_body(bytes.data(), bytes.size());
  }
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
    packer_.pack_array(static_cast<uint32_t>(x.size()));
    for (const auto& element : x)
      write(element);
  }
  template <class T>
  requires std::is_class_v<T>
  void write(const T& x) { structure(x); }

  std::string out_;
  stream stream_{out_};
  msgpack::packer<stream> packer_{stream_};
};

// --- reading ----------------------------------------------------------------

class body_reader {
public:
  /// `checked`: strings must be UTF-8.
  body_reader(std::string_view bytes, bool checked) noexcept
    : in_{bytes}, checked_{checked} {}

  /// Called once per field by `fields`; does nothing after a failure.
  template <class T>
  void operator()(const char* name, T& x) {
    if (failed_at_.empty() && !read(x))
      failed_at_ = name;
  }
  template <class T>
  bool structure(T& x) {
    auto count = in_.array();
    if (!count || *count != field_count(x))
      return false;
    fields(*this, x);
    return failed_at_.empty();
  }
  bool at_end() const noexcept { return in_.at_end(); }
  /// The innermost field that is wrong.
  const std::string& failed_at() const noexcept { return failed_at_; }

private:
  template <class T, class U>
  static bool assign(T& x, const std::optional<U>& found) {
    if (found)
      x = T(*found);
    return found.has_value();
  }
  bool read(bool& x) { return assign(x, in_.boolean()); }
  bool read(uint32_t& x) {
    auto found = in_.unsigned_integer();
    if (!found || *found > std::numeric_limits<uint32_t>::max())
      return false;
    x = static_cast<uint32_t>(*found);
    return true;
  }
  bool read(uint64_t& x) { return assign(x, in_.unsigned_integer()); }
  bool read(int64_t& x) { return assign(x, in_.integer()); }
  bool read(double& x) { return assign(x, in_.real()); }
  bool read(std::string& x) {
    auto found = in_.text();
    return found && (!checked_ || valid_utf8(*found)) && assign(x, found);
  }
  bool read(runtime::job_id& x) {
    auto bytes = in_.binary();
    return bytes && assign(x, runtime::job_id::from_bytes(*bytes));
  }
  template <class E>
  requires std::is_enum_v<E>
  bool read(E& x) {
    using range = runtime::detail::enum_range<E>;
    auto number = in_.unsigned_integer();
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
    auto count = in_.array();
    if (!count)
      return false;
    // No reserve: an element in memory is far larger than its first byte.
    for (uint32_t i = 0; i < *count; ++i)
      if (!read(x.emplace_back()))
        return false;
    return true;
  }
  template <class T>
  requires std::is_class_v<T>
  bool read(T& x) { return structure(x); }

  runtime::msgpack_cursor in_;
  bool checked_;
  std::string failed_at_;
};

template <class T>
bool append_message(frame_kind kind, const T& x, frame_writer& writer,
                    std::string& out) {
  body_writer body;
  body.structure(x);
  return writer.append(kind, body.bytes(), out);
}

template <class T, class Message>
runtime::result<Message> decode_body(const frame& x) {
  // An engine trusts its node, and a node nobody.
  body_reader reader{x.body, std::same_as<Message, engine_event>};
  T value;
  if (reader.structure(value) && reader.at_end())
    return Message{std::move(value)};
  auto where = reader.failed_at().empty() ? "its size" : reader.failed_at();
  return runtime::fail(runtime::errc::protocol_error,
                       "engine frame of kind "
                         + std::to_string(static_cast<unsigned>(x.kind))
                         + ": wrong type, value or length at " + where);
}

runtime::failure wrong_direction(frame_kind kind) {
  return runtime::fail(runtime::errc::protocol_error,
                       "engine frame of kind "
                         + std::to_string(static_cast<unsigned>(kind))
                         + ": wrong direction");
}

// In the order of the variants' alternatives.
constexpr frame_kind order_kinds[] = {frame_kind::load, frame_kind::admit,
                                      frame_kind::cancel, frame_kind::park,
                                      frame_kind::resume};
constexpr frame_kind event_kinds[] = {frame_kind::ready,  frame_kind::began,
                                      frame_kind::output, frame_kind::finished,
                                      frame_kind::failed, frame_kind::parked,
                                      frame_kind::beat,   frame_kind::died};
static_assert(std::size(order_kinds) == std::variant_size_v<engine_order>);
static_assert(std::size(event_kinds) == std::variant_size_v<engine_event>);

} // namespace

bool append_order(const engine_order& order, frame_writer& writer,
                  std::string& out) {
  return std::visit(
    [&](const auto& x) {
      return append_message(order_kinds[order.index()], x, writer, out);
    },
    order);
}

bool append_event(const engine_event& event, frame_writer& writer,
                  std::string& out) {
  return std::visit(
    [&](const auto& x) {
      return append_message(event_kinds[event.index()], x, writer, out);
    },
    event);
}

runtime::result<engine_order> decode_order(const frame& x) {
  switch (x.kind) {
    case frame_kind::load:
      return decode_body<load_backend_order, engine_order>(x);
    case frame_kind::admit:
      return decode_body<admit_order, engine_order>(x);
    case frame_kind::cancel:
      return decode_body<cancel_order, engine_order>(x);
    case frame_kind::park:
      return decode_body<park_order, engine_order>(x);
    case frame_kind::resume:
      return decode_body<resume_order, engine_order>(x);
    default:
      return wrong_direction(x.kind);
  }
}

runtime::result<engine_event> decode_event(const frame& x) {
  switch (x.kind) {
    case frame_kind::ready:
      return decode_body<engine_ready, engine_event>(x);
    case frame_kind::began:
      return decode_body<attempt_began, engine_event>(x);
    case frame_kind::output:
      return decode_body<attempt_output, engine_event>(x);
    case frame_kind::finished:
      return decode_body<attempt_finished, engine_event>(x);
    case frame_kind::failed:
      return decode_body<attempt_failed, engine_event>(x);
    case frame_kind::parked:
      return decode_body<attempt_parked, engine_event>(x);
    case frame_kind::beat:
      return decode_body<engine_beat, engine_event>(x);
    case frame_kind::died:
      return decode_body<engine_died, engine_event>(x);
    default:
      return wrong_direction(x.kind);
  }
}

} // namespace troupe::models

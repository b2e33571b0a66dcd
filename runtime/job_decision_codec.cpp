#include "runtime/job_decision.hpp"

#include "runtime/msgpack_cursor.hpp"

#include <msgpack/pack.hpp>

#include <limits>

namespace troupe::runtime {
namespace {

constexpr char schema_version = 1;

struct sink {
  sink() { bytes.reserve(224); } // What admission alone writes.
  void write(const char* data, size_t size) { bytes.append(data, size); }
  std::string bytes{schema_version};
};

// --- writing ----------------------------------------------------------------

class writer {
public:
  template <class... Values>
  void array(Values... values) {
    to_.pack_array(sizeof...(values));
    (put(values), ...);
  }
  void open(size_t count) { to_.pack_array(static_cast<uint32_t>(count)); }
  void put(float x) { to_.pack_float(x); }
  void put(double x) { to_.pack_float(static_cast<float>(x)); }
  void put(bool x) { x ? to_.pack_true() : to_.pack_false(); }
  void put(const std::string* x) {
    to_.pack_str(static_cast<uint32_t>(x->size()));
    to_.pack_str_body(x->data(), static_cast<uint32_t>(x->size()));
  }
  void put(int64_t x) { to_.pack_int64(x); }
  template <class T>
  requires std::unsigned_integral<T> &&(!std::same_as<T, bool>)void put(T x) {
    to_.pack_uint64(static_cast<uint64_t>(x));
  }
  template <class E>
  requires std::is_enum_v<E>
  void put(E x) { to_.pack_uint64(static_cast<uint64_t>(x)); }

  std::string take() && { return std::move(out_.bytes); }

private:
  sink out_;
  msgpack::packer<sink> to_{out_};
};

void write(writer& w, const decided_wait& x) {
  size_t reasons = 0;
  for (auto s : x.seconds)
    reasons += s > 0 ? 1 : 0;
  w.open(4 + 2 * reasons);
  w.put(x.generation);
  w.put(x.gate.clock);
  w.put(x.gate.least);
  w.put(x.gate.slack);
  for (size_t i = 0; i < wait_reasons; ++i)
    if (x.seconds[i] > 0) {
      w.put(static_cast<uint64_t>(i + 1));
      w.put(x.seconds[i]);
    }
}

std::string encode_all(const job_decision& x) {
  writer w;
  w.open(7);
  const auto& p = x.predicted;
  w.array(p.input_tokens, p.cached_tokens, p.output_tokens_p50,
          p.output_tokens_p90, p.mean_s, p.p50_s, p.output_log2, p.input_log2,
          p.source, p.version);
  const auto& k = x.key;
  w.array(k.boost_us, k.weight, k.beta, k.beta_ref, k.gamma, k.limit_s,
          k.capacity, k.clamped);
  w.open(3 * x.admission.size());
  for (const auto& c : x.admission) {
    w.put(c.what);
    w.put(c.value);
    w.put(c.limit);
  }
  write(w, x.wait);
  w.open(x.steps.size());
  for (const auto& s : x.steps)
    w.array(s.rung, s.stage, s.at_ms, s.needed, s.available);
  w.open(x.attempts.size());
  for (const auto& a : x.attempts)
    w.array(a.attempt, &a.worker, a.start_ms, a.end_ms, a.outcome,
            a.input_tokens, a.output_tokens, a.work_s);
  w.put(x.dropped);
  return std::move(w).take();
}

// --- reading ----------------------------------------------------------------

class reader {
public:
  explicit reader(std::string_view bytes) noexcept : in_{bytes} {}

  /// Opens an array of at least `least`; `left` says how many are to come.
  bool open(uint32_t least) {
    auto count = in_.array();
    ok_ = ok_ && count && *count >= least;
    left_ = ok_ ? *count : 0;
    return ok_;
  }
  uint32_t left() const noexcept { return left_; }
  bool ok() const noexcept { return ok_; }
  bool at_end() const noexcept { return in_.at_end(); }
  size_t offset() const noexcept { return in_.offset(); }

  template <class T>
  requires std::unsigned_integral<T> &&(!std::same_as<T, bool>)void get(T& x) {
    auto found = ok_ ? in_.unsigned_integer() : std::nullopt;
    ok_ = found && *found <= std::numeric_limits<T>::max();
    if (ok_)
      x = static_cast<T>(*found);
  }
  void get(int64_t& x) { take(x, ok_ ? in_.integer() : std::nullopt); }
  void get(bool& x) { take(x, ok_ ? in_.boolean() : std::nullopt); }
  void get(float& x) { take(x, ok_ ? in_.real() : std::nullopt); }
  void get(double& x) { take(x, ok_ ? in_.real() : std::nullopt); }
  void get(std::string& x) { take(x, ok_ ? in_.text() : std::nullopt); }
  template <class E>
  requires std::is_enum_v<E>
  void get(E& x, E last) {
    uint8_t number = 0;
    get(number);
    ok_ = ok_ && number <= static_cast<uint8_t>(last);
    if (ok_)
      x = static_cast<E>(number);
  }
  template <class... Values>
  void array(Values&... values) {
    if (!open(sizeof...(values)))
      return;
    (get(values), ...);
    skip(left_ - sizeof...(values));
  }
  void skip(size_t count) {
    for (; ok_ && count > 0; --count)
      ok_ = in_.skip();
  }
  void refuse() noexcept { ok_ = false; }

private:
  template <class T, class U>
  void take(T& x, const std::optional<U>& found) {
    ok_ = found.has_value();
    if (ok_)
      x = T(*found);
  }

  msgpack_cursor in_;
  uint32_t left_ = 0;
  bool ok_ = true;
};

void read_prediction(reader& r, decided_prediction& p) {
  if (!r.open(10))
    return;
  auto more = r.left() - 10;
  r.get(p.input_tokens);
  r.get(p.cached_tokens);
  r.get(p.output_tokens_p50);
  r.get(p.output_tokens_p90);
  r.get(p.mean_s);
  r.get(p.p50_s);
  r.get(p.output_log2);
  r.get(p.input_log2);
  r.get(p.source, cost_source::given);
  r.get(p.version);
  r.skip(more);
}

void read_checks(reader& r, std::vector<decided_check>& all) {
  if (!r.open(0))
    return;
  if (r.left() % 3 != 0)
    return r.refuse();
  for (auto n = r.left() / 3; r.ok() && n > 0; --n) {
    auto& c = all.emplace_back();
    r.get(c.what, admission_check::finish);
    r.get(c.value);
    r.get(c.limit);
  }
}

void read_wait(reader& r, decided_wait& x) {
  if (!r.open(4))
    return;
  auto pairs = (r.left() - 4) / 2;
  if (r.left() % 2 != 0)
    return r.refuse();
  r.get(x.generation);
  r.get(x.gate.clock);
  r.get(x.gate.least);
  r.get(x.gate.slack);
  for (; r.ok() && pairs > 0; --pairs) {
    uint8_t reason = 0;
    float seconds = 0;
    r.get(reason);
    r.get(seconds);
    if (r.ok() && reason >= 1 && reason <= wait_reasons)
      x.seconds[reason - 1] = seconds; // Others: of a newer writer.
  }
}

void read_steps(reader& r, std::vector<decided_step>& all) {
  if (!r.open(0))
    return;
  for (auto n = r.left(); r.ok() && n > 0; --n) {
    auto& s = all.emplace_back();
    if (!r.open(5))
      return;
    auto more = r.left() - 5;
    r.get(s.rung, ladder_rung::shed);
    r.get(s.stage, decision_stage::mid_run);
    r.get(s.at_ms);
    r.get(s.needed);
    r.get(s.available);
    r.skip(more);
  }
}

void read_attempts(reader& r, std::vector<decided_attempt>& all) {
  if (!r.open(0))
    return;
  for (auto n = r.left(); r.ok() && n > 0; --n) {
    auto& a = all.emplace_back();
    if (!r.open(8))
      return;
    auto more = r.left() - 8;
    r.get(a.attempt);
    r.get(a.worker);
    r.get(a.start_ms);
    r.get(a.end_ms);
    r.get(a.outcome, attempt_outcome::expired);
    r.get(a.input_tokens);
    r.get(a.output_tokens);
    r.get(a.work_s);
    r.skip(more);
  }
}

} // namespace

std::string encode(const job_decision& x) {
  auto bytes = encode_all(x);
  if (bytes.size() <= decision_bytes_max)
    return bytes;
  auto less = x;
  while (bytes.size() > decision_bytes_max) {
    // The last attempt is the one that runs, or that decided.
    if (less.attempts.size() > 1)
      less.attempts.erase(less.attempts.begin());
    else if (!less.steps.empty())
      less.steps.erase(less.steps.begin());
    else if (!less.admission.empty())
      less.admission.erase(less.admission.begin());
    else
      break;
    ++less.dropped;
    bytes = encode_all(less);
  }
  return bytes;
}

result<job_decision> decode_decision(std::string_view bytes) {
  job_decision x;
  if (bytes.empty())
    return x;
  if (bytes[0] != schema_version || bytes.size() > decision_bytes_max)
    return fail(errc::corruption, "decision: unknown version or too long");
  reader r{bytes.substr(1)};
  if (r.open(7)) {
    auto more = r.left() - 7;
    read_prediction(r, x.predicted);
    auto& k = x.key;
    r.array(k.boost_us, k.weight, k.beta, k.beta_ref, k.gamma, k.limit_s,
            k.capacity, k.clamped);
    read_checks(r, x.admission);
    read_wait(r, x.wait);
    read_steps(r, x.steps);
    read_attempts(r, x.attempts);
    r.get(x.dropped);
    r.skip(more);
  }
  if (!r.ok() || !r.at_end())
    return fail(errc::corruption,
                "decision: damaged at byte " + std::to_string(r.offset() + 1));
  return x;
}

} // namespace troupe::runtime

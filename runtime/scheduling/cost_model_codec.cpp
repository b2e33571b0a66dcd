#include "runtime/scheduling/cost_model_codec.hpp"

#include "runtime/msgpack_cursor.hpp"

#include <msgpack/pack.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace troupe::runtime {
namespace {

constexpr char schema_version = 1;
constexpr size_t elements = 9;
/// Tenants come last, and each takes at most this much.
constexpr size_t tenant_bytes_max = 160;
constexpr size_t tenant_name_max = 128;
constexpr size_t tenants_kept_max = 1'000;
/// What is left of a count after so much forgetting says nothing.
constexpr double count_min = 1e-3;
constexpr double count_max = 1e6;
/// A thousand samples of a billion tokens, squared.
constexpr double sum_max = 1e21;

class sink {
public:
  void write(const char* data, size_t size) { bytes.append(data, size); }
  std::string bytes{schema_version};
};

} // namespace

/// Sees what the parts keep to themselves.
class cost_model_codec {
public:
  static std::string encode(const cost_model& x) {
    sink out;
    msgpack::packer<sink> to{out};
    to.pack_array(elements);
    to.pack_uint64(x.service_.samples_);
    to.pack_uint32(x.version_);
    write(to, x.service_);
    to.pack_double(x.tokens_per_byte_);
    write(to, x.all_);
    to.pack_array(static_cast<uint32_t>(x.tasks_.size()));
    for (const auto& [task, lengths] : x.tasks_) {
      to.pack_array(2);
      to.pack_uint8(static_cast<uint8_t>(task));
      write(to, lengths);
    }
    to.pack_array(static_cast<uint32_t>(x.labels_.size()));
    for (const auto& [label, lengths] : x.labels_) {
      to.pack_array(4);
      to.pack_uint8(static_cast<uint8_t>(label.task));
      to.pack_uint8(label.output_log2);
      to.pack_uint8(label.input_log2);
      write(to, lengths);
    }
    write_tenants(to, x, cost_model_bytes_max - out.bytes.size());
    return std::move(out.bytes);
  }

  static bool decode(msgpack_cursor& in, cost_model& x) {
    auto count = in.array();
    if (!count || *count < elements)
      return false;
    auto samples = in.unsigned_integer();
    auto version = in.unsigned_integer();
    if (!samples || !version || *version > UINT32_MAX)
      return false;
    x.service_.samples_ = *samples;
    x.version_ = static_cast<uint32_t>(*version);
    if (!read(in, x.service_) || !read(in, x.tokens_per_byte_, 1e-6, 100)
        || !read(in, x.all_) || !read_tasks(in, x) || !read_labels(in, x)
        || !read_tenants(in, x))
      return false;
    for (auto i = elements; i < *count; ++i)
      if (!in.skip())
        return false;
    x.rebase({});
    return in.at_end();
  }

private:
  using packer = msgpack::packer<sink>;

  static void write(packer& to, const service_fit& x) {
    to.pack_array(6);
    for (size_t i = 0; i < 3; ++i)
      for (size_t j = i; j < 3; ++j)
        to.pack_double(x.squares_[i][j]);
    to.pack_array(3);
    for (auto v : x.products_)
      to.pack_double(v);
  }

  static void write(packer& to, const token_histogram& x) {
    std::vector<std::pair<uint8_t, float>> counts;
    for (size_t i = 0; i < x.counts_.size(); ++i)
      if (auto n = x.counts_[i] / x.unit_; n >= count_min)
        counts.emplace_back(static_cast<uint8_t>(i), static_cast<float>(n));
    to.pack_array(static_cast<uint32_t>(2 * counts.size()));
    for (auto [bucket, n] : counts) {
      to.pack_uint8(bucket);
      to.pack_float(n);
    }
  }

  static void write_tenants(packer& to, const cost_model& x, size_t room) {
    std::vector<decltype(x.tenants_.begin())> all;
    for (auto it = x.tenants_.begin(); it != x.tenants_.end(); ++it)
      if (it->first.first.size() <= tenant_name_max)
        all.push_back(it);
    // Those of equal weight in the order of their names.
    std::stable_sort(all.begin(), all.end(), [](auto a, auto b) {
      return a->second.samples > b->second.samples;
    });
    all.resize(
      std::min({all.size(), tenants_kept_max, room / tenant_bytes_max}));
    to.pack_array(static_cast<uint32_t>(all.size()));
    for (auto it : all) {
      const auto& [name, task] = it->first;
      to.pack_array(4);
      to.pack_str(static_cast<uint32_t>(name.size()));
      to.pack_str_body(name.data(), static_cast<uint32_t>(name.size()));
      to.pack_uint8(static_cast<uint8_t>(task));
      to.pack_double(it->second.factor);
      to.pack_uint32(it->second.samples);
    }
  }

  /// False also for what is not a number.
  static bool read(msgpack_cursor& in, double& x, double least, double most) {
    auto found = in.real();
    if (!found || !(*found >= least && *found <= most))
      return false;
    x = *found;
    return true;
  }

  static bool read(msgpack_cursor& in, uint8_t& x) {
    auto found = in.unsigned_integer();
    if (!found || *found > UINT8_MAX)
      return false;
    x = static_cast<uint8_t>(*found);
    return true;
  }

  static bool read(msgpack_cursor& in, task_kind& x) {
    uint8_t number = 0;
    if (!read(in, number) || number < static_cast<uint8_t>(task_kind::chat)
        || number > static_cast<uint8_t>(task_kind::run))
      return false;
    x = static_cast<task_kind>(number);
    return true;
  }

  static bool read(msgpack_cursor& in, service_fit& x) {
    if (in.array() != 6u)
      return false;
    for (size_t i = 0; i < 3; ++i)
      for (size_t j = i; j < 3; ++j) {
        if (!read(in, x.squares_[i][j], 0, sum_max))
          return false;
        x.squares_[j][i] = x.squares_[i][j];
      }
    if (in.array() != 3u)
      return false;
    for (auto& v : x.products_)
      if (!read(in, v, 0, sum_max))
        return false;
    return true;
  }

  static bool read(msgpack_cursor& in, token_histogram& x) {
    auto count = in.array();
    if (!count || *count % 2 != 0 || *count > 2 * token_distribution::buckets)
      return false;
    int last = -1;
    for (uint32_t i = 0; i < *count; i += 2) {
      uint8_t bucket = 0;
      double n = 0;
      if (!read(in, bucket) || bucket >= token_distribution::buckets
          || bucket <= last || !read(in, n, 0, count_max))
        return false;
      last = bucket;
      x.counts_[bucket] = static_cast<float>(n);
      x.total_ += x.counts_[bucket];
    }
    return true;
  }

  static bool read_tasks(msgpack_cursor& in, cost_model& x) {
    auto count = in.array();
    for (uint32_t i = 0; count && i < *count; ++i) {
      task_kind task{};
      if (in.array() != 2u || !read(in, task) || !read(in, x.tasks_[task]))
        return false;
    }
    return count.has_value();
  }

  static bool read_labels(msgpack_cursor& in, cost_model& x) {
    auto count = in.array();
    if (!count || *count > cost_model::labels_max)
      return false;
    for (uint32_t i = 0; i < *count; ++i) {
      cost_model::label label{};
      if (in.array() != 4u || !read(in, label.task)
          || !read(in, label.output_log2) || !read(in, label.input_log2)
          || x.labels_.contains(label) || !read(in, x.labels_[label]))
        return false;
    }
    return true;
  }

  static bool read_tenants(msgpack_cursor& in, cost_model& x) {
    auto count = in.array();
    if (!count || *count > tenants_kept_max)
      return false;
    for (uint32_t i = 0; i < *count; ++i) {
      if (in.array() != 4u)
        return false;
      auto name = in.text();
      task_kind task{};
      cost_model::tenant_factor known;
      if (!name || name->size() > tenant_name_max || !read(in, task)
          || !read(in, known.factor, 0.25, 4))
        return false;
      auto samples = in.unsigned_integer();
      if (!samples || *samples > UINT32_MAX)
        return false;
      known.samples = static_cast<uint32_t>(*samples);
      x.tenants_.insert_or_assign({std::string{*name}, task}, known);
    }
    return true;
  }
};

std::string encode(const cost_model& x) {
  return cost_model_codec::encode(x);
}

result<cost_model> decode_cost_model(std::string_view bytes) {
  if (bytes.empty() || bytes.size() > cost_model_bytes_max)
    return fail(errc::corruption,
                "cost model: " + std::to_string(bytes.size()) + " bytes");
  if (bytes[0] != schema_version)
    return fail(errc::corruption,
                "cost model: version "
                  + std::to_string(static_cast<uint8_t>(bytes[0]))
                  + ", this build reads 1");
  msgpack_cursor in{bytes.substr(1)};
  cost_model x;
  if (!cost_model_codec::decode(in, x))
    return fail(errc::corruption, "cost model: damaged at byte "
                                    + std::to_string(in.offset() + 1));
  return x;
}

} // namespace troupe::runtime

#include "models/safetensors.hpp"

#include <boost/json.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>

namespace troupe::models {

static_assert(std::endian::native == std::endian::little,
              "the data of a safetensors file is used as it is");

namespace {

namespace json = boost::json;

constexpr uint64_t header_bytes_max = 100 << 20;
constexpr size_t dimensions_max = 8;
constexpr size_t length_bytes = 8;

struct dtype_row {
  std::string_view name;
  size_t bytes;
};
/// In the order of `tensor_dtype`.
constexpr std::array<dtype_row, 10> dtypes{{{"BOOL", 1},
                                            {"U8", 1},
                                            {"I8", 1},
                                            {"I16", 2},
                                            {"I32", 4},
                                            {"I64", 8},
                                            {"F16", 2},
                                            {"BF16", 2},
                                            {"F32", 4},
                                            {"F64", 8}}};

std::optional<tensor_dtype> dtype_named(std::string_view name) {
  for (size_t i = 0; i < dtypes.size(); ++i)
    if (dtypes[i].name == name)
      return static_cast<tensor_dtype>(i);
  return std::nullopt;
}

runtime::failure wrong(std::string_view name, const std::string& what) {
  return runtime::fail(runtime::errc::config_invalid,
                       std::string{name} + ": " + what);
}

std::optional<uint64_t> as_unsigned(const json::value& v) {
  if (const auto* i = v.if_int64(); i && *i >= 0)
    return static_cast<uint64_t>(*i);
  if (const auto* u = v.if_uint64())
    return *u;
  return std::nullopt;
}

/// The size that the shape asks for, or nothing if it overflows or is no shape.
std::optional<uint64_t> read_shape(const json::value* v, tensor_info& into) {
  if (!v || !v->is_array() || v->get_array().size() > dimensions_max)
    return std::nullopt;
  uint64_t bytes = bytes_per_element(into.dtype);
  for (const auto& dimension : v->get_array()) {
    auto n = as_unsigned(dimension);
    if (!n || *n > INT64_MAX || __builtin_mul_overflow(bytes, *n, &bytes))
      return std::nullopt;
    into.shape.push_back(static_cast<int64_t>(*n));
  }
  return bytes;
}

runtime::result<tensor_info> read_tensor(const json::value& v,
                                         uint64_t data_bytes,
                                         const std::string& where) {
  const auto* object = v.if_object();
  if (!object)
    return wrong(where, "is not an object");
  tensor_info info;
  const auto* dtype = object->if_contains("dtype");
  if (!dtype || !dtype->is_string())
    return wrong(where, "lacks a dtype");
  auto known = dtype_named(std::string_view{dtype->get_string()});
  if (!known)
    return wrong(where,
                 "unknown dtype \"" + std::string{dtype->get_string()} + "\"");
  info.dtype = *known;
  auto expected = read_shape(object->if_contains("shape"), info);
  if (!expected)
    return wrong(where, "shape is not a list of at most 8 sizes");
  const auto* offsets = object->if_contains("data_offsets");
  if (!offsets || !offsets->is_array() || offsets->get_array().size() != 2)
    return wrong(where, "data_offsets is not a pair");
  auto begin = as_unsigned(offsets->get_array()[0]);
  auto end = as_unsigned(offsets->get_array()[1]);
  if (!begin || !end || *begin > *end || *end > data_bytes)
    return wrong(where, "data_offsets are outside of the data ("
                          + std::to_string(data_bytes) + " bytes)");
  if (*end - *begin != *expected)
    return wrong(where, "has " + std::to_string(*end - *begin)
                          + " bytes, its shape asks for "
                          + std::to_string(*expected));
  info.begin = *begin;
  info.end = *end;
  return info;
}

runtime::result<void> read_metadata(const json::value& v,
                                    safetensors_header& into,
                                    std::string_view name) {
  const auto* object = v.if_object();
  if (!object)
    return wrong(name, "__metadata__ is not an object");
  for (const auto& [key, value] : *object) {
    if (!value.is_string())
      return wrong(name, "__metadata__ holds something else than text");
    into.metadata.emplace(std::string{key}, std::string{value.get_string()});
  }
  return {};
}

runtime::result<void> check_overlap(const safetensors_header& header,
                                    std::string_view name) {
  using entry = std::pair<std::string_view, const tensor_info*>;
  std::vector<entry> order;
  for (const auto& [key, info] : header.tensors)
    if (info.begin != info.end)
      order.emplace_back(key, &info);
  std::sort(order.begin(), order.end(), [](const entry& a, const entry& b) {
    return a.second->begin < b.second->begin;
  });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i].second->begin < order[i - 1].second->end)
      return wrong(name, "tensors \"" + std::string{order[i - 1].first}
                           + "\" and \"" + std::string{order[i].first}
                           + "\" overlap");
  return {};
}

/// Bounded depth: the header is flat.
runtime::result<json::value> parse_flat(std::string_view text,
                                        std::string_view name) {
  boost::system::error_code ec;
  json::parse_options options;
  options.max_depth = 8;
  auto root = json::parse(text, ec, {}, options);
  if (ec)
    return wrong(name, "the header is not JSON: " + ec.message());
  return root;
}

} // namespace

size_t bytes_per_element(tensor_dtype dtype) noexcept {
  return dtypes[static_cast<size_t>(dtype)].bytes;
}

std::string_view to_string(tensor_dtype dtype) noexcept {
  return dtypes[static_cast<size_t>(dtype)].name;
}

runtime::result<safetensors_header>
parse_safetensors_header(std::span<const std::byte> head, uint64_t file_bytes,
                         std::string_view name) {
  if (head.size() < length_bytes || file_bytes < length_bytes)
    return wrong(name, "is shorter than 8 bytes");
  uint64_t length = 0;
  std::memcpy(&length, head.data(), length_bytes);
  if (length > header_bytes_max)
    return wrong(name, "claims a header of " + std::to_string(length)
                         + " bytes; at most 100 MiB are accepted");
  if (length > file_bytes - length_bytes || length > head.size() - length_bytes)
    return wrong(name, "claims a header of " + std::to_string(length)
                         + " bytes but ends before");
  auto text = std::string_view{
    reinterpret_cast<const char*>(head.data()) + length_bytes, length};
  auto root = parse_flat(text, name);
  if (!root)
    return root.error();
  if (!root->is_object())
    return wrong(name, "the header is not an object");
  safetensors_header header;
  header.data_begin = length_bytes + length;
  uint64_t data_bytes = file_bytes - header.data_begin;
  for (const auto& [key, value] : root->get_object()) {
    if (key == "__metadata__") {
      if (auto ok = read_metadata(value, header, name); !ok)
        return ok.error();
      continue;
    }
    auto info =
      read_tensor(value, data_bytes,
                  std::string{name} + ": tensor \"" + std::string{key} + "\"");
    if (!info)
      return info.error();
    header.tensors.emplace(std::string{key}, std::move(*info));
  }
  if (auto ok = check_overlap(header, name); !ok)
    return ok.error();
  return header;
}

struct safetensors_file::impl {
  std::string path;
  safetensors_header header;
  void* address = MAP_FAILED;
  size_t size = 0;

  impl() = default;
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() {
    if (address != MAP_FAILED)
      ::munmap(address, size);
  }
  std::span<const std::byte> all() const {
    return {static_cast<const std::byte*>(address), size};
  }
};

safetensors_file::safetensors_file(std::unique_ptr<impl> mapped)
  : impl_(std::move(mapped)) {}
safetensors_file::safetensors_file(safetensors_file&&) noexcept = default;
safetensors_file&
safetensors_file::operator=(safetensors_file&&) noexcept = default;
safetensors_file::~safetensors_file() = default;

runtime::result<safetensors_file>
safetensors_file::open(const std::string& path) {
  auto io_failure = [&](const char* what) {
    return runtime::fail(runtime::errc::io_error,
                         path + ": " + what + ": " + std::strerror(errno));
  };
  // tidy: seams: model files are mapped once, at start
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return io_failure("cannot be opened");
  auto mapped = std::make_unique<impl>();
  mapped->path = path;
  struct stat info = {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return runtime::fail(runtime::errc::io_error, path + ": is no plain file");
  }
  mapped->size = static_cast<size_t>(info.st_size);
  if (mapped->size < length_bytes) {
    ::close(fd);
    return wrong(path, "is shorter than 8 bytes");
  }
  mapped->address // tidy: seams: a model's weights are mapped, read-only
    = ::mmap(nullptr, mapped->size, PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (mapped->address == MAP_FAILED)
    return io_failure("cannot be mapped");
  auto header = parse_safetensors_header(mapped->all(), mapped->size, path);
  if (!header)
    return header.error();
  mapped->header = std::move(*header);
  return safetensors_file{std::move(mapped)};
}

const safetensors_header& safetensors_file::header() const noexcept {
  return impl_->header;
}

const std::string& safetensors_file::path() const noexcept {
  return impl_->path;
}

std::span<const std::byte>
safetensors_file::bytes_of(const tensor_info& tensor) const {
  return impl_->all().subspan(impl_->header.data_begin + tensor.begin,
                              tensor.end - tensor.begin);
}

runtime::result<void>
write_safetensors(const std::string& path,
                  const std::vector<tensor_to_write>& tensors,
                  const std::map<std::string, std::string>& metadata) {
  json::object root;
  if (!metadata.empty()) {
    json::object words;
    for (const auto& [key, value] : metadata)
      words[key] = value;
    root["__metadata__"] = std::move(words);
  }
  uint64_t at = 0;
  for (const auto& t : tensors) {
    uint64_t end = at + t.data.size();
    root[t.name] = {{"dtype", to_string(t.dtype)},
                    {"shape", json::value_from(t.shape)},
                    {"data_offsets", json::array{at, end}}};
    at = end;
  }
  auto text = json::serialize(root);
  while (text.size() % 8 != 0)
    text += ' '; // keeps the data aligned
  uint64_t length = text.size();
  auto beside = path + ".writing";
  {
    // tidy: seams: written by the training tool only
    std::ofstream file{beside, std::ios::binary | std::ios::trunc};
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    for (const auto& t : tensors)
      file.write(reinterpret_cast<const char*>(t.data.data()),
                 static_cast<std::streamsize>(t.data.size()));
    file.flush();
    if (!file)
      return runtime::fail(runtime::errc::io_error,
                           beside + ": cannot be written");
  }
  if (std::rename(beside.c_str(), path.c_str()) != 0)
    return runtime::fail(runtime::errc::io_error,
                         path + ": cannot be replaced");
  return {};
}

} // namespace troupe::models

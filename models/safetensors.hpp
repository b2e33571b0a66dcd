// Reads and writes the safetensors format: a file of named arrays that cannot
// run code. Everything in the header is checked before any byte of data is
// used; a file that does not check out is refused with what and where.
//
//   | u64 little-endian N | N bytes of JSON | data                          |
//   JSON: {"name": {"dtype": "F32", "shape": [2, 3],
//                   "data_offsets": [begin, end]}, ...,
//          "__metadata__": {"key": "text"}}      offsets count from the data
#pragma once

#include "runtime/result.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::models {

enum class tensor_dtype : uint8_t {
  boolean,
  u8,
  i8,
  i16,
  i32,
  i64,
  f16,
  bf16,
  f32,
  f64
};

/// 1, 2, 4 or 8.
size_t bytes_per_element(tensor_dtype dtype) noexcept;

/// As the format spells it, e.g. "BF16".
std::string_view to_string(tensor_dtype dtype) noexcept;

struct tensor_info {
  tensor_dtype dtype = tensor_dtype::f32;
  std::vector<int64_t> shape; ///< Up to 8 dimensions, each >= 0.
  uint64_t begin = 0;         ///< Bytes from the start of the data.
  uint64_t end = 0;           ///< `end - begin` = elements * element size.
};

struct safetensors_header {
  std::map<std::string, tensor_info, std::less<>> tensors;
  std::map<std::string, std::string> metadata;
  uint64_t data_begin = 0; ///< Bytes from the start of the file.
};

/// Parses the head of a file of `file_bytes` bytes; `head` is at least the
/// length field and the JSON. Checks: JSON at most 100 MiB and inside the file,
/// known dtypes, offsets in range, in proportion to the shape, and without
/// overlap. Fails with `config_invalid`; `name` is what errors call the file.
runtime::result<safetensors_header>
parse_safetensors_header(std::span<const std::byte> head, uint64_t file_bytes,
                         std::string_view name);

/// A file mapped into memory, read-only; the bytes live as long as it does.
/// The file must not be truncated meanwhile.
class safetensors_file {
public:
  /// Fails with `io_error` or `config_invalid`.
  static runtime::result<safetensors_file> open(const std::string& path);

  safetensors_file(safetensors_file&&) noexcept;
  safetensors_file& operator=(safetensors_file&&) noexcept;
  ~safetensors_file();

  const safetensors_header& header() const noexcept;
  const std::string& path() const noexcept;
  /// Not always aligned for its type: copy elements out.
  std::span<const std::byte> bytes_of(const tensor_info& tensor) const;

private:
  struct impl;
  explicit safetensors_file(std::unique_ptr<impl> mapped);
  std::unique_ptr<impl> impl_;
};

/// One array to write; `data` has elements * element size bytes.
struct tensor_to_write {
  std::string name;
  tensor_dtype dtype = tensor_dtype::f32;
  std::vector<int64_t> shape;
  std::vector<std::byte> data;
};

/// Writes beside `path` and renames, so that a crash leaves the old file or the
/// new one. Fails with `io_error`.
runtime::result<void>
write_safetensors(const std::string& path,
                  const std::vector<tensor_to_write>& tensors,
                  const std::map<std::string, std::string>& metadata);

} // namespace troupe::models

#include "models/torch_weights.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>

namespace troupe::models {

namespace {

std::string spelled(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (auto n : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(n);
  return text + "]";
}

std::optional<at::ScalarType> scalar_type(tensor_dtype dtype) {
  switch (dtype) {
    case tensor_dtype::f16:
      return at::kHalf;
    case tensor_dtype::bf16:
      return at::kBFloat16;
    case tensor_dtype::f32:
      return at::kFloat;
    case tensor_dtype::f64:
      return at::kDouble;
    default:
      return std::nullopt;
  }
}

} // namespace

runtime::result<torch_weights> torch_weights::open(const std::string& folder) {
  namespace fs = std::filesystem;
  torch_weights made;
  made.folder_ = folder;
  std::vector<std::string> paths;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator{folder, ec})
    if (entry.path().extension() == ".safetensors")
      paths.push_back(entry.path().string());
  if (ec)
    return runtime::fail(runtime::errc::io_error, folder + ": " + ec.message());
  if (paths.empty())
    return runtime::fail(runtime::errc::config_invalid,
                         folder + ": has no *.safetensors file");
  std::sort(paths.begin(), paths.end());
  std::set<std::string, std::less<>> names;
  for (const auto& path : paths) {
    auto file = safetensors_file::open(path);
    if (!file)
      return file.error();
    for (const auto& [name, info] : file->header().tensors)
      if (!names.insert(name).second)
        return runtime::fail(runtime::errc::config_invalid,
                             path + ": tensor \"" + name
                               + "\" is in another file too");
    made.files_.push_back(std::move(*file));
  }
  return made;
}

runtime::result<at::Tensor>
torch_weights::take(std::string_view name,
                    const std::vector<int64_t>& shape) const {
  for (const auto& file : files_) {
    auto at = file.header().tensors.find(name);
    if (at == file.header().tensors.end())
      continue;
    const auto& info = at->second;
    auto where = file.path() + ": tensor \"" + std::string{name} + "\"";
    if (info.shape != shape)
      return runtime::fail(runtime::errc::config_invalid,
                           where + " has the shape " + spelled(info.shape)
                             + ", config.json asks for " + spelled(shape));
    auto type = scalar_type(info.dtype);
    if (!type)
      return runtime::fail(runtime::errc::config_invalid,
                           where + " is of type "
                             + std::string{to_string(info.dtype)});
    auto stored = at::empty(shape, at::TensorOptions().dtype(*type));
    auto bytes = file.bytes_of(info);
    std::memcpy(stored.data_ptr(), bytes.data(), bytes.size());
    return stored.to(at::kFloat);
  }
  return runtime::fail(runtime::errc::config_invalid,
                       folder_ + ": no file has the tensor \""
                         + std::string{name} + "\"");
}

} // namespace troupe::models

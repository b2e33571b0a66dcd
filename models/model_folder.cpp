#include "models/model_folder.hpp"

#include "models/llama_config.hpp"
#include "models/safetensors.hpp"
#include "models/tokenizer.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

namespace troupe::models {

using runtime::errc;
using runtime::fail;
using runtime::result;

namespace {

using shape = std::vector<int64_t>;

struct wanted_tensor {
  std::string name;
  shape size;
};

// As torch_llama takes them.
std::vector<wanted_tensor> wanted_by(const llama_config& c) {
  std::vector<wanted_tensor> all{
    {"model.embed_tokens.weight", {c.vocabulary_size, c.hidden_size}},
    {"model.norm.weight", {c.hidden_size}}};
  if (!c.tied_embeddings)
    all.push_back({"lm_head.weight", {c.vocabulary_size, c.hidden_size}});
  for (int64_t i = 0; i < c.layers; ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    auto add = [&](const char* name, shape size) {
      all.push_back({layer + name + ".weight", std::move(size)});
    };
    add("self_attn.q_proj", {c.query_size(), c.hidden_size});
    add("self_attn.k_proj", {c.kv_size(), c.hidden_size});
    add("self_attn.v_proj", {c.kv_size(), c.hidden_size});
    add("self_attn.o_proj", {c.hidden_size, c.query_size()});
    add("mlp.gate_proj", {c.intermediate_size, c.hidden_size});
    add("mlp.up_proj", {c.intermediate_size, c.hidden_size});
    add("mlp.down_proj", {c.hidden_size, c.intermediate_size});
    add("input_layernorm", {c.hidden_size});
    add("post_attention_layernorm", {c.hidden_size});
  }
  return all;
}

std::string spelled(const shape& size) {
  std::string text = "[";
  for (auto n : size)
    text += (text.size() > 1 ? ", " : "") + std::to_string(n);
  return text + "]";
}

bool is_real(tensor_dtype x) {
  return x == tensor_dtype::f16 || x == tensor_dtype::bf16
         || x == tensor_dtype::f32 || x == tensor_dtype::f64;
}

result<llama_config> read_config(const std::string& path) {
  // tidy: seams: model files are read once, at start
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file)
    return fail(errc::io_error, path + ": cannot be read");
  return llama_config::parse(text.str(), path);
}

struct found_tensor {
  std::string file;
  tensor_info info;
};
using tensor_table = std::map<std::string, found_tensor>;

result<tensor_table> read_tensors(const std::string& folder) {
  namespace fs = std::filesystem;
  tensor_table all;
  bool any = false;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator{folder, ec}) {
    if (entry.path().extension() != ".safetensors")
      continue;
    any = true;
    auto file = safetensors_file::open(entry.path().string());
    if (!file)
      return file.error();
    for (const auto& [name, info] : file->header().tensors)
      if (!all.try_emplace(name, found_tensor{file->path(), info}).second)
        return fail(errc::config_invalid, file->path() + ": tensor \"" + name
                                            + "\" is in another file too");
  }
  if (ec)
    return fail(errc::io_error, folder + ": " + ec.message());
  if (!any)
    return fail(errc::config_invalid, folder + ": has no *.safetensors file");
  return all;
}

result<void> check_tensor(const wanted_tensor& wanted, const tensor_table& all,
                          const std::string& folder) {
  const auto at = all.find(wanted.name);
  if (at == all.end())
    return fail(errc::config_invalid,
                folder + ": no file has the tensor \"" + wanted.name + "\"");
  const auto& [file, info] = at->second;
  const auto where = file + ": tensor \"" + wanted.name + "\"";
  if (info.shape != wanted.size)
    return fail(errc::config_invalid,
                where + " has the shape " + spelled(info.shape)
                  + ", config.json asks for " + spelled(wanted.size));
  if (!is_real(info.dtype))
    return fail(errc::config_invalid,
                where + " is of type " + std::string{to_string(info.dtype)});
  return {};
}

} // namespace

result<void> check_model_folder(const std::string& folder) {
  const auto config = read_config(folder + "/config.json");
  if (!config)
    return config.error();
  const auto words = tokenizer::load(folder + "/tokenizer.json");
  if (!words)
    return words.error();
  const auto tensors = read_tensors(folder);
  if (!tensors)
    return tensors.error();
  for (const auto& wanted : wanted_by(*config))
    if (const auto ok = check_tensor(wanted, *tensors, folder); !ok)
      return ok;
  return {};
}

std::optional<std::string> model_folder_trouble(const std::string& folder) {
  const auto ok = check_model_folder(folder);
  if (ok)
    return std::nullopt;
  return ok.error().context;
}

} // namespace troupe::models

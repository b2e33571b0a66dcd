// What `torch_decoder::load` says about folders and configurations that are
// wrong.
#include "models/torch_decoder.hpp"

#include "tests/support/temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

using namespace troupe;
using models::torch_decoder;
using runtime::errc;

namespace fs = std::filesystem;

namespace {

const std::string tiny = TROUPE_SOURCE_DIR "/tests/golden/tiny_llama";
const std::string writer = TROUPE_SOURCE_DIR "/models/demo/writer";

models::backend_config config_of(const std::string& path, uint32_t slots = 4) {
  models::backend_config made;
  made.kind = "torch_decoder";
  made.path = path;
  made.slots = slots;
  return made;
}

void copy_tiny(const tests::temporary_directory& into) {
  for (const auto& entry : fs::directory_iterator{tiny})
    fs::copy(entry.path(), into.path() / entry.path().filename());
}

void replace_in(const std::string& path, const std::string& what,
                const std::string& with) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream all;
  all << in.rdbuf();
  auto text = all.str();
  auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  text.replace(at, what.size(), with);
  std::ofstream{path, std::ios::binary} << text;
}

runtime::failure load_failure(const tests::temporary_directory& folder) {
  auto loaded = torch_decoder::load(config_of(folder.path().string()));
  REQUIRE_FALSE(loaded.has_value());
  CAPTURE(loaded.error().context);
  CHECK(loaded.error().context.find(folder.path().string())
        != std::string::npos);
  return loaded.error();
}

bool holds(const runtime::failure& f, const std::string& part) {
  INFO(f.context);
  return f.context.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a broken model folder is refused with what and where",
          "[models][torch]") {
  tests::temporary_directory folder;
  copy_tiny(folder);
  auto config = folder.str("config.json");
  SECTION("nothing wrong") {
    CHECK(torch_decoder::load(config_of(folder.path().string())).has_value());
  }
  SECTION("no config.json") {
    fs::remove(config);
    CHECK(load_failure(folder).code == errc::io_error);
  }
  SECTION("config.json is no JSON") {
    std::ofstream{config} << "{";
    CHECK(holds(load_failure(folder), "config.json: not JSON"));
  }
  SECTION("another family") {
    replace_in(config, "\"llama\"", "\"mamba\"");
    auto why = load_failure(folder);
    CHECK(why.code == errc::unsupported);
    CHECK(holds(why, "model_type = \"mamba\""));
  }
  SECTION("a size out of range") {
    replace_in(config, "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 0");
    CHECK(holds(load_failure(folder), "num_hidden_layers is not a whole"));
  }
  SECTION("heads that do not divide") {
    replace_in(config, "\"num_key_value_heads\": 2",
               "\"num_key_value_heads\": 4");
    CHECK(holds(load_failure(folder), "num_key_value_heads does not divide"));
  }
  SECTION("scaled RoPE") {
    replace_in(config, "\"rope_scaling\": null",
               "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}");
    CHECK(load_failure(folder).code == errc::unsupported);
  }
}

TEST_CASE("weights that do not fit the configuration are refused",
          "[models][torch]") {
  tests::temporary_directory folder;
  copy_tiny(folder);
  auto config = folder.str("config.json");
  auto shard = folder.str("model-00002-of-00002.safetensors");
  SECTION("another shape than the weights'") {
    replace_in(config, "\"intermediate_size\": 80",
               "\"intermediate_size\": 96");
    auto why = load_failure(folder);
    CHECK(holds(why, "model.layers.0.mlp.gate_proj.weight"));
    CHECK(holds(why, "has the shape [80, 48], config.json asks for [96, 48]"));
  }
  SECTION("more layers than the weights have") {
    replace_in(config, "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4");
    CHECK(
      holds(load_failure(folder), "no file has the tensor \"model.layers.3."));
  }
  SECTION("no weights") {
    fs::remove(folder.str("model-00001-of-00002.safetensors"));
    fs::remove(shard);
    CHECK(holds(load_failure(folder), "has no *.safetensors file"));
  }
  SECTION("a shard is missing") {
    fs::remove(shard);
    CHECK(holds(load_failure(folder), "no file has the tensor"));
  }
  SECTION("a shard is cut short") {
    fs::resize_file(shard, fs::file_size(shard) - 100);
    CHECK(holds(load_failure(folder), "outside of the data"));
  }
  SECTION("a shard twice") {
    fs::copy(shard, folder.str("model-copy.safetensors"));
    CHECK(holds(load_failure(folder), "is in another file too"));
  }
  SECTION("no tokenizer.json") {
    fs::remove(folder.str("tokenizer.json"));
    CHECK(load_failure(folder).code == errc::io_error);
  }
  SECTION("a tokenizer with more tokens than the model") {
    fs::copy(writer + "/tokenizer.json", folder.str("tokenizer.json"),
             fs::copy_options::overwrite_existing);
    CHECK(holds(load_failure(folder), "config.json's vocab_size is 321"));
  }
}

TEST_CASE("a configuration that cannot be is refused", "[models][torch]") {
  auto refused = [](auto change) {
    auto config = config_of(tiny);
    change(config);
    auto loaded = models::load_backend(config);
    REQUIRE_FALSE(loaded.has_value());
    return loaded.error().code;
  };
  CHECK(refused([](auto& c) { c.slots = 0; }) == errc::config_invalid);
  CHECK(refused([](auto& c) { c.slots = 5'000; }) == errc::config_invalid);
  CHECK(refused([](auto& c) { c.prefill_tokens_max = 0; })
        == errc::config_invalid);
  CHECK(refused([](auto& c) { c.context_length_max = 4'096; })
        == errc::config_invalid);
  CHECK(refused([](auto& c) { c.device = "cuda:0"; }) == errc::unsupported);
  CHECK(refused([](auto& c) { c.kind = "torch_module"; }) == errc::unsupported);
}

// What is said about a model's folder without loading it.
#include "models/model_folder.hpp"

#include "models/safetensors.hpp"
#include "tests/support/temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

using namespace troupe;
using models::check_model_folder;
using runtime::errc;

namespace fs = std::filesystem;

namespace {

struct fixture {
  fixture() {
    for (const auto& entry :
         fs::directory_iterator{TROUPE_SOURCE_DIR "/tests/golden/tiny_llama"})
      fs::copy(entry.path(), folder.path() / entry.path().filename());
  }

  void replace(const std::string& what, const std::string& with) {
    std::ifstream in{config};
    std::ostringstream all;
    all << in.rdbuf();
    auto text = all.str();
    const auto at = text.find(what);
    REQUIRE(at != std::string::npos);
    text.replace(at, what.size(), with);
    std::ofstream{config} << text;
  }

  /// Refused with `code` and a message that names the folder and has `part`.
  void refused(errc code, const std::string& part) {
    const auto ok = check_model_folder(folder.path().string());
    REQUIRE(ok.has_error());
    const auto& said = ok.error().context;
    INFO(said);
    CHECK(ok.error().code == code);
    CHECK(said.find(folder.path().string()) != std::string::npos);
    CHECK(said.find(part) != std::string::npos);
    CHECK(models::model_folder_trouble(folder.path().string()) == said);
  }

  tests::temporary_directory folder;
  std::string config = folder.str("config.json");
  std::string shard = folder.str("model-00002-of-00002.safetensors");
};

} // namespace

TEST_CASE("folders in order have no trouble", "[models][folder]") {
  fixture f;
  CHECK(check_model_folder(f.folder.path().string()).has_value());
  CHECK_FALSE(models::model_folder_trouble(f.folder.path().string()));
  CHECK(
    check_model_folder(TROUPE_SOURCE_DIR "/models/demo/writer").has_value());
}

TEST_CASE("trouble in a model's folder is told with what and where",
          "[models][folder]") {
  fixture f;
  SECTION("no config.json") {
    fs::remove(f.config);
    f.refused(errc::io_error, "config.json: cannot be read");
  }
  SECTION("no JSON") {
    std::ofstream{f.config} << "{";
    f.refused(errc::config_invalid, "config.json: not JSON");
  }
  SECTION("another family") {
    f.replace("\"llama\"", "\"mamba\"");
    f.refused(errc::unsupported, "model_type = \"mamba\"");
  }
  SECTION("no tokenizer") {
    fs::remove(f.folder.path() / "tokenizer.json");
    f.refused(errc::io_error, "tokenizer.json");
  }
  SECTION("weights cut short") {
    fs::resize_file(f.shard, fs::file_size(f.shard) - 1);
    f.refused(errc::config_invalid, "model-00002-of-00002.safetensors");
  }
  SECTION("no weights") {
    for (const auto& entry : fs::directory_iterator{f.folder.path()})
      if (entry.path().extension() == ".safetensors")
        fs::remove(entry.path());
    f.refused(errc::config_invalid, "has no *.safetensors file");
  }
  SECTION("a file of them missing") {
    fs::remove(f.shard);
    f.refused(errc::config_invalid, "no file has the tensor");
  }
  SECTION("one twice") {
    fs::copy(f.shard, f.folder.path() / "again.safetensors");
    f.refused(errc::config_invalid, "is in another file too");
  }
  SECTION("another shape") {
    f.replace("\"intermediate_size\": 80", "\"intermediate_size\": 96");
    f.refused(errc::config_invalid,
              "has the shape [80, 48], config.json asks for [96, 48]");
  }
  SECTION("more layers than there are") {
    f.replace("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4");
    f.refused(errc::config_invalid, "no file has the tensor \"model.layers.3.");
  }
  SECTION("whole numbers for weights") {
    fs::remove(f.shard);
    const auto wrote =
      models::write_safetensors(f.shard,
                                {{"model.norm.weight",
                                  models::tensor_dtype::i64,
                                  {48},
                                  std::vector<std::byte>(48 * 8)}},
                                {});
    REQUIRE(wrote.has_value());
    f.refused(errc::config_invalid, "is of type I64");
  }
}

#include "runtime/config.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

using namespace troupe::runtime;
namespace fs = std::filesystem;

namespace {

/// A folder of the test's own, gone at its end.
class scratch_folder {
public:
  scratch_folder() {
    auto pattern =
      (fs::temp_directory_path() / "troupe-config-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~scratch_folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  fs::path write(const fs::path& name, const std::string& text) const {
    auto file = path_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream{file} << text; // tidy: seams: the test's input
    return file;
  }
  const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

constexpr engine_build with_torch{.torch = true};
constexpr engine_build without_torch{.torch = false};

std::string complaints(const fs::path& file, engine_build build = with_torch) {
  auto read = load_config(file, build);
  REQUIRE(read.has_error());
  return read.error().str();
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a model path is relative to the configuration file",
          "[runtime][config]") {
  scratch_folder folder;
  folder.write("models/w/config.json", "{}");
  auto file = folder.write("etc/t.yaml", "models:\n"
                                         "  - {name: w, path: ../models/w}\n");
  auto read = load_config(file, with_torch);
  INFO((read.has_error() ? read.error().str() : ""));
  REQUIRE(read.has_value());
  CHECK(fs::path{read->models[0].path} == folder.path() / "models/w");
  CHECK(fs::path{read->node.data_dir} == folder.path() / "etc/troupe-data");
}

TEST_CASE("files that a configuration names must exist", "[runtime][config]") {
  scratch_folder folder;
  folder.write("empty/readme", "");
  folder.write("plain", "");
  auto file = folder.write("t.yaml", "node: {data_dir: plain}\n"
                                     "models:\n"
                                     "  - {name: a, path: nowhere}\n"
                                     "  - {name: b, path: empty}\n"
                                     "engine: {binary: nothing}\n");
  auto said = complaints(file);
  INFO(said);
  CHECK(says(said, ":1:18: node.data_dir: "));
  CHECK(says(said, ":3:21: models[0].path: there is no folder '"));
  CHECK(says(said, ":4:21: models[1].path: "));
  CHECK(says(said, "has no config.json"));
  CHECK(says(said, ":5:18: engine.binary: there is no program '"));
}

TEST_CASE("what is wrong inside of a model's folder is told at its place",
          "[runtime][config]") {
  scratch_folder folder;
  folder.write("w/config.json", "{}");
  folder.write("good/config.json", "{}");
  folder.write("engine", "");
  auto build = with_torch;
  build.folder_check = [](const std::string& path) {
    return path.ends_with("/good")
             ? std::nullopt
             : std::optional<std::string>{path + ": weights cut short"};
  };
  const std::string models = "models:\n"
                             "  - {name: a, path: good}\n"
                             "  - {name: b, path: w}\n"
                             "  - {backend: simulated, name: s}\n";
  auto said = complaints(folder.write("t.yaml", models), build);
  INFO(said);
  CHECK(says(said, ":3:21: models[1].path: "));
  CHECK(says(said, "/w: weights cut short"));
  CHECK_FALSE(says(said, "models[0]"));
  // Another engine may know other models.
  auto other =
    folder.write("other.yaml", models + "engine: {binary: engine}\n");
  CHECK(load_config(other, build).has_value());
}

TEST_CASE("a build without LibTorch refuses models that need it",
          "[runtime][config]") {
  scratch_folder folder;
  folder.write("w/config.json", "{}");
  auto file = folder.write("t.yaml", "models:\n"
                                     "  - {name: w, path: w}\n"
                                     "  - {backend: simulated, name: s}\n"
                                     "  - {path: w, backend: torch_decoder, "
                                     "name: x}\n");
  auto said = complaints(file, without_torch);
  INFO(said);
  CHECK(says(said, ":2:5: models[0].backend: this build has no LibTorch"));
  CHECK(says(said, ":4:24: models[2].backend: this build has no LibTorch"));
  CHECK_FALSE(says(said, "models[1]"));
  CHECK(load_config(file, with_torch).has_value());

  folder.write("engine", "");
  auto other = folder.write("other.yaml", "models: [{name: w, path: w}]\n"
                                          "engine: {binary: engine}\n");
  CHECK(load_config(other, without_torch).has_value());
}

TEST_CASE("a file that cannot be read is a problem of the whole file",
          "[runtime][config]") {
  scratch_folder folder;
  CHECK(says(complaints(folder.path() / "none.yaml"), "No such file"));
  CHECK(says(complaints(folder.path()), "is a folder"));
  auto big = folder.write("big.yaml", std::string(1024 * 1024 + 1, '#'));
  CHECK(says(complaints(big), "larger than 1 MiB"));
}

TEST_CASE("the demo serves the trained model where it finds it",
          "[runtime][config]") {
  scratch_folder folder;
  folder.write("build/release/troupe", "");
  auto program = folder.path() / "build/release/troupe";
  auto bare = demo_config(program, with_torch);
  REQUIRE(bare.models.size() == 1);
  CHECK(bare.models[0].name == "sim-fast");

  folder.write("models/demo/writer/config.json", "{}");
  auto found = demo_config(program, with_torch);
  REQUIRE(found.models.size() == 2);
  CHECK(found.models[0].name == "writer");
  CHECK(fs::path{found.models[0].path} == folder.path() / "models/demo/writer");

  folder.write("build/release/writer/config.json", "{}");
  CHECK(fs::path{demo_config(program, with_torch).models[0].path}
        == folder.path() / "build/release/writer");
  auto without = demo_config(program, without_torch);
  REQUIRE(without.models.size() == 1);
  CHECK(without.models[0].name == "sim-fast");
}

TEST_CASE("the demo configuration is a valid one", "[runtime][config]") {
  scratch_folder folder;
  folder.write("models/demo/writer/config.json", "{}");
  auto demo = demo_config(folder.path() / "troupe", with_torch);
  auto again = parse_config(print_effective(demo), "demo", folder.path());
  INFO((again.has_error() ? again.error().str() : ""));
  REQUIRE(again.has_value());
  CHECK(*again == demo);
}

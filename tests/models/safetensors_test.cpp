#include "models/safetensors.hpp"

#include "tests/support/temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <fstream>
#include <random>

using namespace troupe;
using models::parse_safetensors_header;
using models::safetensors_file;
using models::tensor_dtype;

namespace {

std::string with_length(uint64_t length, const std::string& rest) {
  std::string made(8, '\0');
  std::memcpy(made.data(), &length, 8);
  return made + rest;
}

std::string file_of(const std::string& header, size_t data_bytes) {
  return with_length(header.size(), header) + std::string(data_bytes, 'd');
}

auto parse(const std::string& file) {
  return parse_safetensors_header(std::as_bytes(std::span{file}), file.size(),
                                  "m.safetensors");
}

/// The failure's text; empty if there was none.
std::string failure_of(const std::string& file) {
  auto header = parse(file);
  if (header)
    return {};
  CHECK(header.error().code == runtime::errc::config_invalid);
  CHECK(header.error().context.starts_with("m.safetensors: "));
  return header.error().context;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const std::string good =
  R"({"__metadata__":{"format":"pt"},)"
  R"("b":{"dtype":"F16","shape":[3],"data_offsets":[8,14]},)"
  R"("a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})";

} // namespace

TEST_CASE("a safetensors header is read whole", "[models][safetensors]") {
  auto header = parse(file_of(good, 14));
  REQUIRE(header.has_value());
  CHECK(header->metadata.at("format") == "pt");
  CHECK(header->data_begin == 8 + good.size());
  const auto& b = header->tensors.at("b");
  CHECK(b.dtype == tensor_dtype::f16);
  CHECK(b.shape == std::vector<int64_t>{3});
  CHECK(b.begin == 8);
  CHECK(b.end == 14);
}

TEST_CASE("a hostile safetensors header is refused with what and where",
          "[models][safetensors]") {
  CHECK(holds(failure_of(""), "shorter than 8 bytes"));
  CHECK(holds(failure_of("1234567"), "shorter than 8 bytes"));
  CHECK(holds(failure_of(with_length(~uint64_t{0}, "{}")), "100 MiB"));
  CHECK(holds(failure_of(with_length((100 << 20) + 1, "{}")), "100 MiB"));
  CHECK(holds(failure_of(with_length(3, "{}")), "ends before"));
  CHECK(holds(failure_of(file_of("{", 0)), "not JSON"));
  CHECK(holds(failure_of(file_of("[]", 0)), "not an object"));
  CHECK(holds(failure_of(file_of(std::string(5000, '['), 0)), "not JSON"));
  CHECK(holds(failure_of(file_of(R"({"__metadata__":3})", 0)), "__metadata__"));
  CHECK(holds(failure_of(file_of(R"({"__metadata__":{"a":3}})", 0)),
              "__metadata__"));
  auto one = [](const std::string& body, size_t data = 8) {
    auto text = failure_of(file_of("{\"w\":" + body + "}", data));
    CHECK(holds(text, "tensor \"w\""));
    return text;
  };
  CHECK(holds(one("3"), "not an object"));
  CHECK(holds(one(R"({"shape":[2],"data_offsets":[0,8]})"), "lacks a dtype"));
  CHECK(holds(one(R"({"dtype":"F33","shape":[2],"data_offsets":[0,8]})"),
              "unknown dtype \"F33\""));
  CHECK(
    holds(one(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})"), "shape"));
  CHECK(holds(one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"),
              "shape"));
  CHECK(holds(one(R"({"dtype":"F32","shape":[2.5],"data_offsets":[0,8]})"),
              "shape"));
  CHECK(holds(one(R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],)"
                  R"("data_offsets":[0,8]})"),
              "shape"));
  // 2^62 * 4 bytes wraps to 0.
  CHECK(holds(one(R"({"dtype":"F32","shape":[4611686018427387904],)"
                  R"("data_offsets":[0,0]})"),
              "shape"));
  CHECK(holds(one(R"({"dtype":"F32","shape":[4294967296,4294967296],)"
                  R"("data_offsets":[0,0]})"),
              "shape"));
  CHECK(holds(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"),
              "data_offsets"));
  CHECK(holds(one(R"({"dtype":"F32","shape":[2],"data_offsets":[-8,0]})"),
              "outside"));
  CHECK(holds(one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
              "outside"));
  CHECK(holds(one(R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})"),
              "outside"));
  CHECK(holds(one(R"({"dtype":"F32","shape":[2],)"
                  R"("data_offsets":[0,18446744073709551615]})"),
              "outside"));
  CHECK(holds(one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
              "its shape asks for 12"));
  CHECK(holds(failure_of(file_of(
                R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                8)),
              "tensors \"a\" and \"b\" overlap"));
}

TEST_CASE("an empty tensor is no overlap", "[models][safetensors]") {
  CHECK(failure_of(
          file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                  R"("b":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}})",
                  8))
          .empty());
}

TEST_CASE("no mutation of a header reads outside of the file",
          "[models][safetensors]") {
  // Flipped bytes and cuts: either refused, or every tensor is inside.
  auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random{seed};
  auto file = file_of(good, 14);
  size_t accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    auto mutant = file;
    for (auto n = random() % 3 + 1; n > 0; --n)
      mutant[random() % (mutant.size() - 14)] =
        static_cast<char>(random() % 4 == 0 ? random() : '0' + random() % 10);
    if (random() % 4 == 0)
      mutant.resize(random() % mutant.size());
    auto header = parse(mutant);
    if (!header)
      continue;
    ++accepted;
    for (const auto& [name, info] : header->tensors) {
      REQUIRE(info.begin <= info.end);
      REQUIRE(header->data_begin + info.end <= mutant.size());
    }
  }
  CHECK(accepted < 3000);
}

TEST_CASE("what is written can be read back", "[models][safetensors]") {
  tests::temporary_directory folder;
  auto path = folder.str("w.safetensors");
  std::vector<std::byte> bytes(12);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(i);
  auto written = models::write_safetensors(
    path,
    {{"x", tensor_dtype::f32, {3}, bytes},
     {"y", tensor_dtype::u8, {2, 1}, {std::byte{7}, std::byte{8}}}},
    {{"step", "12"}});
  REQUIRE(written.has_value());
  auto file = safetensors_file::open(path);
  REQUIRE(file.has_value());
  CHECK(file->header().metadata.at("step") == "12");
  CHECK(file->header().data_begin % 8 == 0);
  auto x = file->bytes_of(file->header().tensors.at("x"));
  CHECK(std::equal(x.begin(), x.end(), bytes.begin(), bytes.end()));
  auto y = file->bytes_of(file->header().tensors.at("y"));
  REQUIRE(y.size() == 2);
  CHECK(y[1] == std::byte{8});
}

TEST_CASE("files that cannot be opened are named", "[models][safetensors]") {
  tests::temporary_directory folder;
  auto missing = safetensors_file::open(folder.str("none"));
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == runtime::errc::io_error);
  CHECK(holds(missing.error().context, folder.str("none")));
  auto directory = safetensors_file::open(folder.path().string());
  REQUIRE_FALSE(directory.has_value());
  CHECK(holds(directory.error().context, "no plain file"));
  std::ofstream{folder.str("empty")};
  auto empty = safetensors_file::open(folder.str("empty"));
  REQUIRE_FALSE(empty.has_value());
  CHECK(empty.error().code == runtime::errc::config_invalid);
  auto unwritable = models::write_safetensors(folder.str("no/such"), {}, {});
  REQUIRE_FALSE(unwritable.has_value());
  CHECK(unwritable.error().code == runtime::errc::io_error);
}

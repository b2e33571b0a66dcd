#include "models/tokenizer.hpp"

#include "models/byte_alphabet.hpp"

#include <catch2/catch_test_macros.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

using namespace troupe;
using models::tokenizer;

namespace {

const std::string root = TROUPE_SOURCE_DIR;

std::string read(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<models::token_id> ids_of(const boost::json::value& list) {
  return boost::json::value_to<std::vector<models::token_id>>(list);
}

void check_golden(const std::string& tokenizer_path,
                  const std::string& vectors_path) {
  auto words = tokenizer::load(tokenizer_path);
  REQUIRE(words.has_value());
  auto vectors = boost::json::parse(read(vectors_path));
  const auto& rows = vectors.at("rows").as_array();
  CHECK(rows.size() >= 30);
  for (const auto& row : rows) {
    auto text = std::string{row.at("text").as_string()};
    CAPTURE(text);
    auto plain =
      words->encode(text, {.parse_special = true, .add_special = false});
    REQUIRE(plain.has_value());
    CHECK(*plain == ids_of(row.at("ids")));
    auto whole = words->encode(text, {.parse_special = true});
    REQUIRE(whole.has_value());
    CHECK(*whole == ids_of(row.at("with_special")));
    CHECK(words->decode(*plain) == std::string{row.at("decoded").as_string()});
  }
}

/// The smallest document that loads, to break in one place.
boost::json::object document() {
  boost::json::object vocab;
  for (int b = 0; b < 256; ++b) {
    char c = static_cast<char>(b);
    vocab[models::to_alphabet({&c, 1})] = b;
  }
  vocab["ab"] = 256;
  return {{"model", boost::json::object{{"type", "BPE"},
                                        {"vocab", vocab},
                                        {"merges", boost::json::array{"a b"}}}},
          {"decoder", boost::json::object{{"type", "ByteLevel"}}}};
}

std::string failure_of(const boost::json::object& o) {
  auto words = tokenizer::parse(boost::json::serialize(o), "t.json");
  REQUIRE_FALSE(words.has_value());
  CHECK(words.error().context.starts_with("t.json: "));
  return words.error().context;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("the demo tokenizer agrees with Hugging Face's tokenizers",
          "[models][tokenizer]") {
  check_golden(root + "/models/demo/writer/tokenizer.json",
               root + "/tests/golden/tokenizer/writer_vectors.json");
}

TEST_CASE("a GPT-2 style tokenizer agrees with Hugging Face's tokenizers",
          "[models][tokenizer]") {
  check_golden(root + "/tests/golden/tokenizer/gpt2_style.json",
               root + "/tests/golden/tokenizer/gpt2_style_vectors.json");
}

TEST_CASE("text of a client cannot smuggle in a special token",
          "[models][tokenizer]") {
  auto words =
    tokenizer::load(root + "/tests/golden/tokenizer/gpt2_style.json");
  REQUIRE(words.has_value());
  auto eos = words->find("<|eos|>");
  REQUIRE(eos);
  CHECK(words->is_special(*eos));
  CHECK(words->bytes_of(*eos).empty());
  auto ids = words->encode("a<|eos|>b");
  REQUIRE(ids.has_value());
  CHECK(std::count(ids->begin(), ids->end(), *eos) == 0);
  CHECK(words->decode(*ids) == " a<|eos|>b");
}

TEST_CASE("every byte string of UTF-8 survives encoding and decoding",
          "[models][tokenizer]") {
  auto words = tokenizer::load(root + "/models/demo/writer/tokenizer.json");
  REQUIRE(words.has_value());
  std::string all;
  for (uint32_t c = 1; c < 0x3000; c += 7) {
    if (c < 0x80) {
      all += static_cast<char>(c);
    } else if (c < 0x800) {
      all += static_cast<char>(0xC0 | c >> 6);
      all += static_cast<char>(0x80 | (c & 0x3F));
    } else {
      all += static_cast<char>(0xE0 | c >> 12);
      all += static_cast<char>(0x80 | (c >> 6 & 0x3F));
      all += static_cast<char>(0x80 | (c & 0x3F));
    }
  }
  auto ids = words->encode(all, {.add_special = false});
  REQUIRE(ids.has_value());
  CHECK(words->decode(*ids) == all);
}

TEST_CASE("a long run of one letter is encoded in reasonable time",
          "[models][tokenizer]") {
  auto words = tokenizer::load(root + "/models/demo/writer/tokenizer.json");
  REQUIRE(words.has_value());
  std::string text(200'000, 'a');
  auto ids = words->encode(text, {.add_special = false});
  REQUIRE(ids.has_value());
  CHECK(words->decode(*ids) == text);
}

TEST_CASE("text that is not UTF-8 is refused", "[models][tokenizer]") {
  auto words = tokenizer::load(root + "/models/demo/writer/tokenizer.json");
  REQUIRE(words.has_value());
  auto ids = words->encode("ok \xC3(");
  REQUIRE_FALSE(ids.has_value());
  CHECK(ids.error().code == runtime::errc::validation_failed);
}

TEST_CASE("ids outside of the vocabulary have no bytes",
          "[models][tokenizer]") {
  auto words = tokenizer::load(root + "/models/demo/writer/tokenizer.json");
  REQUIRE(words.has_value());
  CHECK(words->bytes_of(-1).empty());
  CHECK(words->bytes_of(static_cast<models::token_id>(words->size())).empty());
  CHECK_FALSE(words->is_special(-1));
  CHECK_FALSE(words->is_special(1 << 30));
}

TEST_CASE("a minimal tokenizer.json loads", "[models][tokenizer]") {
  auto words = tokenizer::parse(boost::json::serialize(document()), "t.json");
  REQUIRE(words.has_value());
  auto ids = words->encode("abcab");
  REQUIRE(ids.has_value());
  CHECK(*ids == std::vector<models::token_id>{256, 'c', 256});
}

TEST_CASE("a broken tokenizer.json is refused with what and where",
          "[models][tokenizer]") {
  auto o = document();
  SECTION("not JSON") {
    auto words = tokenizer::parse("{", "t.json");
    REQUIRE_FALSE(words.has_value());
    CHECK(words.error().code == runtime::errc::config_invalid);
    CHECK(holds(words.error().context, "not JSON"));
  }
  SECTION("no model") {
    o.erase("model");
    CHECK(holds(failure_of(o), "model is missing"));
  }
  SECTION("another kind of model") {
    o["model"].at("type") = "Unigram";
    CHECK(holds(failure_of(o), "model.type \"\"Unigram\"\""));
  }
  SECTION("a byte is missing") {
    o["model"].at("vocab").as_object().erase("a");
    CHECK(holds(failure_of(o), "no token for byte 97"));
  }
  SECTION("an id is no id") {
    o["model"].at("vocab").at("a") = -4;
    CHECK(holds(failure_of(o), "model.vocab[\"a\"]"));
  }
  SECTION("an id is huge") {
    o["model"].at("vocab").at("a") = 4'000'000'000;
    CHECK(holds(failure_of(o), "model.vocab[\"a\"]"));
  }
  SECTION("a merge names an unknown token") {
    o["model"].at("merges").as_array().push_back("x yz");
    CHECK(holds(failure_of(o), "model.merges[1] names \"yz\""));
  }
  SECTION("a merge is no pair") {
    o["model"].at("merges").as_array().push_back(3);
    CHECK(holds(failure_of(o), "model.merges[1] is not two tokens"));
  }
}

TEST_CASE("a tokenizer.json of another kind is refused with what and where",
          "[models][tokenizer]") {
  auto o = document();
  SECTION("a normalizer") {
    o["normalizer"] = {{"type", "NFC"}};
    CHECK(holds(failure_of(o), "normalizer \"NFC\" is not supported"));
  }
  SECTION("an unknown pre-tokenizer") {
    o["pre_tokenizer"] = {{"type", "Metaspace"}};
    CHECK(holds(failure_of(o), "pre_tokenizer.type \"Metaspace\""));
  }
  SECTION("a regular expression that is none") {
    o["pre_tokenizer"] = {{"type", "Split"},
                          {"behavior", "Isolated"},
                          {"pattern", {{"Regex", "a(b"}}}};
    CHECK(holds(failure_of(o), "pre_tokenizer.pattern.Regex"));
  }
  SECTION("an added token without an id") {
    o["added_tokens"] = boost::json::array{{{"content", "<x>"}}};
    CHECK(holds(failure_of(o), "added_tokens[0] lacks content or id"));
  }
  SECTION("a post-processor with an unknown token") {
    o["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", boost::json::array{{{"SpecialToken", {{"id", "<s>"}}}}}}};
    CHECK(holds(failure_of(o), "post_processor.single"));
  }
  SECTION("no decoder") {
    o.erase("decoder");
    CHECK(holds(failure_of(o), "decoder \"none\""));
  }
}

TEST_CASE("a missing tokenizer.json is an I/O error", "[models][tokenizer]") {
  auto words = tokenizer::load("/nowhere/tokenizer.json");
  REQUIRE_FALSE(words.has_value());
  CHECK(words.error().code == runtime::errc::io_error);
  CHECK(holds(words.error().context, "/nowhere/tokenizer.json"));
}

#include "gateway/merge_patch.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string_view>

namespace json = boost::json;
using troupe::gateway::merge_patch;

TEST_CASE("the examples of RFC 7396, appendix A", "[gateway][dlq]") {
  struct example {
    std::string_view original, patch, result;
  };
  constexpr std::array examples{
    example{R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
    example{R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
    example{R"({"a":"b"})", R"({"a":null})", R"({})"},
    example{R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
    example{R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
    example{R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
    example{R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})",
            R"({"a":{"b":"d"}})"},
    example{R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
    example{R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
    example{R"({"a":"b"})", R"(["c"])", R"(["c"])"},
    example{R"({"a":"foo"})", "null", "null"},
    example{R"({"a":"foo"})", R"("bar")", R"("bar")"},
    example{R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
    example{R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
    example{R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (const auto& x : examples) {
    INFO(x.original << " with " << x.patch);
    CHECK(merge_patch(json::parse(x.original), json::parse(x.patch))
          == json::parse(x.result));
  }
}

TEST_CASE("an empty patch changes nothing", "[gateway][dlq]") {
  const auto original = json::parse(R"({"a":{"b":[1,null,{"c":1.5}]}})");
  CHECK(merge_patch(original, json::object{}) == original);
}

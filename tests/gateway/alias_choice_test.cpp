// Which model of an alias a request goes to, and what is said of wrong intents.
#include "gateway/job_request.hpp"
#include "gateway/json_reader.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace gateway = troupe::gateway;
namespace rt = troupe::runtime;

namespace {

std::vector<gateway::model_info> models() {
  std::vector<gateway::model_info> all;
  for (std::string name : {"small", "large", "trial"})
    all.push_back({.name = name,
                   .kind = "simulated",
                   .tasks = {rt::task_kind::chat},
                   .ready = true});
  all[0].purpose = rt::model_kind::fast;
  all[2].purpose = rt::model_kind::experimental;
  return all;
}

const std::vector<gateway::alias_info> aliases{
  {.name = "assistant", .models = {"small", "large", "trial"}},
  {.name = "quick",
   .models = {"large", "small"},
   .intent = rt::request_intent::fast}};

std::variant<rt::job_spec, gateway::problem>
read(const std::string& members,
     const std::vector<gateway::model_info>& served) {
  auto body = gateway::read_json(R"({"input":"Hi",)" + members + "}", 32);
  REQUIRE(body.has_value());
  return gateway::read_job_request(*body, served, aliases);
}

rt::job_spec made(const std::string& members,
                  const std::vector<gateway::model_info>& served = models()) {
  auto spec = read(members, served);
  if (auto* wrong = std::get_if<gateway::problem>(&spec))
    FAIL(wrong->detail);
  return std::get<rt::job_spec>(spec);
}

std::string refusal(const std::string& members) {
  auto spec = read(members, models());
  REQUIRE(std::holds_alternative<gateway::problem>(spec));
  return std::get<gateway::problem>(spec).detail;
}

using names = std::vector<std::string>;

} // namespace

TEST_CASE("an alias stands for the model of the request's intent",
          "[gateway][intent]") {
  auto fast = made(R"("model":"assistant","intent":"fast")");
  CHECK(fast.model == "small");
  CHECK(fast.alias == "assistant");
  CHECK(fast.intent == rt::request_intent::fast);
  CHECK(fast.fallbacks == names{});
  auto accurate = made(R"("model":"assistant")"); // The alias's default.
  CHECK(accurate.model == "large");
  CHECK(accurate.intent == rt::request_intent::accurate);
  auto explore = made(R"("model":"assistant","intent":"explore")");
  CHECK(explore.model == "trial");
  CHECK(explore.fallbacks == names{"large"});
  CHECK(made(R"("model":"quick")").model == "small");
  CHECK(made(R"("model":"quick","intent":"accurate")").model == "large");
}

TEST_CASE("a loaded accurate model sends its requests to the fast one",
          "[gateway][intent]") {
  auto served = models();
  served[1].loaded = true;
  auto spec = made(R"("model":"assistant")", served);
  CHECK(spec.model == "small");
  CHECK(spec.fallbacks == names{"large"});
  // Who names it gets it.
  CHECK(made(R"("model":"large")", served).model == "large");
}

TEST_CASE("an experimental model that nobody serves is not explored",
          "[gateway][intent]") {
  auto served = models();
  served[2].ready = false;
  CHECK(made(R"("model":"assistant","intent":"explore")", served).model
        == "large");
}

TEST_CASE("the request's own fallbacks stand", "[gateway][intent]") {
  auto spec =
    made(R"("model":"assistant","intent":"explore","fallbacks":["small"])");
  CHECK(spec.model == "trial");
  CHECK(spec.fallbacks == names{"small"});
  CHECK(
    made(R"("model":"assistant","intent":"explore","fallbacks":[])").fallbacks
    == names{});
}

TEST_CASE("intents that mean nothing are refused in words",
          "[gateway][intent]") {
  CHECK(refusal(R"("model":"assistant","intent":"best")").find("/intent: ")
        == 0);
  CHECK(refusal(R"("model":"assistant","intent":"best")").find("explore")
        != std::string::npos);
  CHECK(refusal(R"("model":"assistant","intent":7)").find("/intent: ") == 0);
  CHECK(refusal(R"("model":"large","intent":"fast")")
        == "/intent: only for an alias: a model is the only one of its name");
  CHECK(refusal(R"("model":"nobody")") == "no model is configured as `nobody`");
  auto plain = made(R"("model":"large")");
  CHECK(plain.alias.empty());
  CHECK_FALSE(plain.intent);
}

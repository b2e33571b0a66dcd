#include "gateway/job_request.hpp"
#include "gateway/json_reader.hpp"
#include "gateway/request_json.hpp"
#include "tests/support/job_samples.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>

namespace gateway = troupe::gateway;
namespace rt = troupe::runtime;

namespace {

const std::vector<gateway::model_info>& models() {
  static const std::vector<gateway::model_info> all{
    {.name = "sim",
     .kind = "simulated",
     .tasks = {rt::task_kind::chat, rt::task_kind::complete},
     .context_length = 0,
     .ready = true}};
  return all;
}

rt::job_spec reread(const rt::job_spec& spec) {
  std::string text;
  gateway::json_writer json{text};
  gateway::write_request(json, spec);
  INFO(text);
  auto body = gateway::read_json(text, 32);
  REQUIRE(body.has_value());
  auto made = gateway::read_job_request(*body, models());
  if (auto* wrong = std::get_if<gateway::problem>(&made))
    FAIL(wrong->detail);
  return std::get<rt::job_spec>(std::move(made));
}

} // namespace

TEST_CASE("a request written out is read as the same request",
          "[gateway][dlq]") {
  rt::job_spec spec;
  spec.model = "sim";
  spec.text = "a \"quoted\"\n\t text \xC3\xA9";
  CHECK(reread(spec) == spec);
  spec.task = rt::task_kind::complete;
  spec.params = {.max_output_tokens = 7,
                 .temperature = 0.1,
                 .top_p = 1.0 / 3,
                 .top_k = 1000,
                 .stop = {"\n", "END"},
                 .seed = std::numeric_limits<int64_t>::min(),
                 .presence_penalty = -2,
                 .frequency_penalty = 1e-7};
  spec.simulate = rt::simulate_params{.service_s = 0.25,
                                      .tokens = 3,
                                      .fail_at_token = 0,
                                      .fail_code = "invalid",
                                      .hang = true,
                                      .crash = true,
                                      .predicted_s = 604'800.0};
  spec.job_class = "batch";
  spec.tier = rt::service_tier::priority;
  spec.deadline = {.start_timeout = rt::duration{50'001},
                   .total_timeout = rt::duration{604'799'999'999},
                   .action = rt::deadline_action::cutover};
  spec.resume = rt::resume_mode::never;
  spec.max_attempts = 10;
  spec.retention = rt::duration{60'000'001};
  spec.metadata = {{"a", "1"}, {"key \"x\"", "\xE2\x82\xAC"}};
  CHECK(reread(spec) == spec);
}

TEST_CASE("chat messages keep their roles and order", "[gateway][dlq]") {
  rt::job_spec spec;
  spec.model = "sim";
  spec.messages = {{"system", "Be brief."}, {"user", ""}, {"assistant", "Hi"}};
  CHECK(reread(spec) == spec);
}

TEST_CASE("texts of any content survive", "[gateway][dlq]") {
  troupe::tests::job_samples samples{7396};
  for (int i = 0; i < 200; ++i) {
    rt::job_spec spec;
    spec.model = "sim";
    spec.text = samples.text(300);
    spec.params.temperature = static_cast<double>(samples.below(2001)) / 1000;
    spec.deadline.total_timeout =
      rt::duration{static_cast<int64_t>(50'000 + samples.below(1u << 30))};
    CHECK(reread(spec) == spec);
  }
}

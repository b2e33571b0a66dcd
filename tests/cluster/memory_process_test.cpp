// What a real node remembers over kill -9, and how it explains itself.
#include "tests/bench/http_client.hpp"
#include "tests/bench/stopwatch.hpp"
#include "tests/support/mortal_node.hpp"
#include "tests/support/program.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <string>

using Catch::Matchers::WithinAbs;
using troupe::bench::fetch;
using troupe::tests::mortal_node;
using troupe::tests::program;
namespace json = boost::json;

namespace {

json::value explained(mortal_node& node, const std::string& id) {
  return node.get("/v1/jobs/" + id + "?include=decision&include=why");
}

json::value body_of(const std::string& input, const json::value& simulate) {
  return {
    {"model", "sim"}, {"input", input}, {"params", {{"simulate", simulate}}}};
}

const json::value brief{{"service_s", 0.02}, {"tokens", 4}};

/// The value of a series; NaN when there is none.
double metric(mortal_node& node, const std::string& series) {
  auto text = fetch(node.admin_port(), "GET", "/metrics").body;
  auto at = text.find("\n" + series + " ");
  if (at == std::string::npos)
    return std::nan("");
  return std::stod(text.substr(at + series.size() + 2));
}

/// Polls: what is counted becomes visible some steps later.
template <class Done>
bool eventually(Done done) {
  const auto limit = troupe::bench::now() + troupe::bench::from_seconds(30);
  while (troupe::bench::now() < limit)
    if (done())
      return true;
  return false;
}

std::string run_until_end(mortal_node& node, const json::value& body) {
  auto id = node.submit(body);
  REQUIRE(!id.empty());
  node.await_end(id);
  return id;
}

void restart(mortal_node& node) {
  node.kill();
  node.start();
  node.await_ready();
}

} // namespace

TEST_CASE("a killed node predicts from what it had learnt",
          "[cluster][cost][process][slow]") {
  mortal_node node;
  node.await_ready();
  auto first = run_until_end(node, body_of("learn", brief));
  auto before = explained(node, first).at("decision").at("predicted");
  CHECK(before.at("source") == "prior");
  for (int i = 0; i < 40; ++i)
    run_until_end(node, body_of("learn", brief));
  // Kept when it has doubled, a second after the last time.
  json::value last;
  REQUIRE(eventually([&] {
    auto id = run_until_end(node, body_of("learn", brief));
    last = explained(node, id).at("decision").at("predicted");
    return last.at("version").to_number<int>() >= 70;
  }));
  CHECK(last.at("source") == "label");
  CHECK(last.at("mean_s").to_number<double>() < 0.1);
  restart(node);
  auto id = run_until_end(node, body_of("learn", brief));
  auto after = explained(node, id).at("decision").at("predicted");
  CHECK(after.at("source") == "label");
  CHECK(after.at("version").to_number<int>() >= 16);
  CHECK_THAT(after.at("mean_s").to_number<double>(),
             WithinAbs(last.at("mean_s").to_number<double>(), 0.03));
  // And goes on to learn.
  auto next = explained(node, run_until_end(node, body_of("learn", brief)))
                .at("decision")
                .at("predicted");
  CHECK(next.at("version").to_number<int>()
        >= after.at("version").to_number<int>());
}

TEST_CASE("a job says what it waits for, and what it waited for",
          "[cluster][decision][process][slow]") {
  mortal_node node{"{ name: sim, backend: simulated, slots: 1 }"};
  node.await_ready();
  const json::value slow{{"service_s", 3.0}, {"tokens", 30}};
  auto running = node.submit(body_of("running", slow));
  auto next = node.submit(body_of("next", brief));
  auto behind = node.submit(body_of("behind", brief));
  json::value why;
  REQUIRE(eventually([&] {
    why = explained(node, behind).at("why");
    return why.is_object() && why.at("primary") == "ahead_in_order";
  }));
  why = explained(node, next).at("why");
  REQUIRE(why.is_object());
  CHECK(why.at("primary") == "no_free_slot");
  CHECK(why.at("ahead").at("jobs") == 0);
  CHECK(why.at("overdue_at").is_string());

  node.await_end(behind);
  auto job = explained(node, behind);
  CHECK(job.at("why").is_null());
  const auto& decision = job.at("decision");
  CHECK(decision.at("admission").at("verdict") == "admitted");
  CHECK(decision.at("key").at("key_us").is_int64());
  double waited = 0;
  for (const auto& [reason, seconds] :
       decision.at("wait").at("seconds").as_object())
    waited += seconds.to_number<double>();
  CHECK_THAT(
    waited,
    WithinAbs(job.at("timing").at("queue_ms").to_number<double>() / 1e3, 0.3));
  CHECK(decision.at("wait").at("dispatcher_generation") == 1);
  REQUIRE(decision.at("attempts").as_array().size() == 1);
  const auto& attempt = decision.at("attempts").at(0);
  CHECK(std::string{attempt.at("worker").as_string()}.starts_with("sim/0@"));
  CHECK(attempt.at("outcome") == "finished");
  CHECK(attempt.at("output_tokens") == 4);

  // It is durable, and the command shows it.
  restart(node);
  CHECK(explained(node, behind).at("decision") == decision);
  program client{
    {TROUPE_BIN_DIR "/troupe", "job", "--why", behind},
    {"TROUPE_URL=http://127.0.0.1:" + std::to_string(node.port())}};
  REQUIRE(client.wait() == 0);
  (void)client.out_has("\x01 never");
  CHECK(client.out().find("decision.admission.verdict\tadmitted\n")
        != std::string::npos);
  CHECK(client.out().find("decision.predicted.source\t") != std::string::npos);
  CHECK(fetch(node.port(), "GET", "/v1/jobs/" + behind + "?include=all").status
        == 422);
  auto plain = node.get("/v1/jobs/" + behind);
  CHECK_FALSE(plain.as_object().contains("decision"));
  CHECK_FALSE(plain.as_object().contains("why"));
  node.await_end(running);
}

TEST_CASE("waits, leases and predictions are counted",
          "[cluster][metrics][process][slow]") {
  mortal_node node{"{ name: sim, backend: simulated, slots: 1 }"};
  node.await_ready();
  const json::value slow{{"service_s", 1.5}, {"tokens", 10}};
  auto first = node.submit(body_of("a", slow));
  auto second = node.submit(body_of("b", slow));
  const std::string queued = "troupe_sched_queued_jobs{class=\"standard\","
                             "model=\"sim\",tier=\"default\"}";
  CHECK(eventually([&] { return metric(node, queued) == 1; }));
  node.await_end(second);
  CHECK(eventually([&] { return metric(node, queued) == 0; }));
  CHECK(metric(node, "troupe_sched_leases_total{model=\"sim\","
                     "outcome=\"granted\"}")
        == 2);
  CHECK(metric(node, "troupe_sched_queue_wait_seconds_count{class=\"standard\","
                     "model=\"sim\",tier=\"default\"}")
        == 2);
  double blocked = 0;
  for (std::string reason : {"no_free_slot", "ahead_in_order"})
    blocked += metric(node, "troupe_sched_blocked_seconds_total{model=\"sim\","
                            "reason=\""
                              + reason + "\"}");
  CHECK(blocked > 0.5);
  CHECK(metric(node, "troupe_sched_prediction_ratio_count{model=\"sim\","
                     "quantity=\"service\"}")
        == 2);
  CHECK(metric(node, "troupe_sched_gamma{model=\"sim\"}") > 0);
  CHECK(metric(node, "troupe_sched_starvation_bound_seconds{class=\"batch\","
                     "model=\"sim\"}")
        > 86'000);
  CHECK(metric(node, "troupe_sched_starvation_violations_total{model=\"sim\"}")
        == 0);
  CHECK(metric(node, "troupe_sched_announce_delay_seconds_count{model=\"sim\"}")
        > 0);
}

namespace {

const json::value crash{{"service_s", 0.1}, {"tokens", 5}, {"crash", true}};

troupe::bench::simple_answer send(mortal_node& node, const std::string& input) {
  return fetch(node.port(), "POST", "/v1/jobs",
               json::serialize(body_of(input, brief)));
}

void check_refused(mortal_node& node, const std::string& because) {
  auto answer = send(node, "deadly");
  INFO(answer.status << " " << answer.body);
  REQUIRE(answer.status == 422);
  auto problem = json::parse(answer.body);
  CHECK(problem.at("type") == "/problems/validation-failed");
  const auto& error = problem.at("errors").at(0);
  CHECK(error.at("pointer") == "/input");
  CHECK(error.at("code") == "quarantined-input");
  CHECK(error.at("detail").as_string().find(because) != json::string::npos);
}

} // namespace

TEST_CASE("an input that crashed an engine twice is refused, over kill -9",
          "[cluster][poison][process][slow]") {
  mortal_node node;
  node.await_ready();
  auto id = node.submit(body_of("deadly", crash));
  REQUIRE(node.await_end(id).at("error").at("code") == "poison");
  check_refused(node, id);
  CHECK(send(node, "harmless").status == 202);
  CHECK(metric(node, "troupe_jobs_submitted_total{"
                     "outcome=\"quarantined_input\"}")
        == 1);
  restart(node);
  check_refused(node, id);
  restart(node);
  check_refused(node, id);
  CHECK(send(node, "harmless").status == 202);
}

TEST_CASE("a poison input is taken again when its time is over",
          "[cluster][poison][process][slow]") {
  // The rest of the configuration follows the store's.
  mortal_node node{mortal_node::place{
    .data_dir = {}, .store = "{ free_mib_min: 1 }\npoison: { ttl_s: 4 }"}};
  node.await_ready();
  auto id = node.submit(body_of("deadly", crash));
  REQUIRE(node.await_end(id).at("error").at("code") == "poison");
  check_refused(node, id);
  CHECK(eventually([&] { return send(node, "deadly").status == 202; }));
  restart(node);
  CHECK(send(node, "deadly").status == 202);
}

#include "runtime/metrics.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace troupe::runtime;

namespace {

bool has_line(const std::string& text, const std::string& line) {
  std::istringstream in{text};
  for (std::string x; std::getline(in, x);)
    if (x == line)
      return true;
  return false;
}

job_record ended_record() {
  job_record record;
  record.model = "writer";
  record.tier = service_tier::priority;
  record.status = job_status::completed;
  record.created_at = wall_from_us(1'000'000);
  record.started_at = wall_from_us(1'200'000);
  record.first_output_at = wall_from_us(1'300'000);
  record.finished_at = wall_from_us(2'000'000);
  record.timing = {
    .queue_us = 200'000, .compute_us = 700'000, .delivery_us = 100'000};
  record.usage.input_tokens = 31;
  record.usage.output_tokens = 12;
  return record;
}

} // namespace

TEST_CASE("every series exists before anything happened",
          "[runtime][metrics]") {
  metrics all{{"writer"}};
  auto text = all.expose();
  for (const auto& x : metric_definitions()) {
    INFO(x.name);
    CHECK(text.find("# HELP " + std::string{x.name} + " ")
          != std::string::npos);
    CHECK(has_line(text, "# TYPE " + std::string{x.name} + " "
                           + std::string{to_string(x.type)}));
  }
  CHECK(has_line(text, "troupe_queue_depth{model=\"writer\",tier=\"flex\"} 0"));
  CHECK(has_line(text, "troupe_engine_restarts_total{model=\"other\"} 0"));
}

TEST_CASE("an ended job moves its counters and histograms once",
          "[runtime][metrics]") {
  metrics all{{"writer"}};
  all.job_ended(ended_record());
  auto text = all.expose();
  INFO(text);
  CHECK(has_line(text, "troupe_jobs_ended_total{model=\"writer\","
                       "status=\"completed\"} 1"));
  CHECK(has_line(text, "troupe_queue_wait_seconds_sum{model=\"writer\","
                       "tier=\"priority\"} 0.2"));
  CHECK(has_line(text, "troupe_compute_seconds_sum{model=\"writer\"} 0.7"));
  CHECK(has_line(text, "troupe_first_token_seconds_sum{model=\"writer\"} 0.3"));
  CHECK(has_line(text, "troupe_output_tokens_total{model=\"writer\"} 12"));
  CHECK(has_line(text, "troupe_jobs_dead_total{model=\"writer\"} 0"));
}

TEST_CASE("a job that never started has no compute time",
          "[runtime][metrics]") {
  metrics all{{"writer"}};
  auto record = ended_record();
  record.status = job_status::failed;
  record.dead_letter = true;
  record.started_at = {};
  record.first_output_at = {};
  all.job_ended(record);
  auto text = all.expose();
  CHECK(has_line(text, "troupe_compute_seconds_count{model=\"writer\"} 0"));
  CHECK(has_line(text, "troupe_first_token_seconds_count{model=\"writer\"} 0"));
  CHECK(has_line(text, "troupe_jobs_dead_total{model=\"writer\"} 1"));
}

TEST_CASE("no client can make a series", "[runtime][metrics]") {
  metrics all{{"writer"}};
  auto lines = [](const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
  };
  auto before = lines(all.expose());
  for (int i = 0; i < 100; ++i) {
    auto record = ended_record();
    record.model = "model\"}\n" + std::to_string(i);
    record.tier = static_cast<service_tier>(100 + i);
    record.status = static_cast<job_status>(100 + i);
    all.job_ended(record);
    all.attempt_ended(record.model, static_cast<attempt_end>(100 + i));
    all.job_refused(static_cast<errc>(100 + i));
  }
  auto text = all.expose();
  CHECK(lines(text) == before);
  CHECK(has_line(text, "troupe_jobs_ended_total{model=\"other\","
                       "status=\"other\"} 100"));
  CHECK(has_line(text, "troupe_jobs_submitted_total{outcome=\"other\"} 100"));
}

TEST_CASE("refusals count under their code", "[runtime][metrics]") {
  metrics all{{}};
  all.job_accepted(false);
  all.job_accepted(true);
  all.job_refused(errc::queue_full);
  all.job_refused(errc::queue_full);
  auto text = all.expose();
  CHECK(has_line(text, "troupe_jobs_submitted_total{outcome=\"accepted\"} 1"));
  CHECK(has_line(text, "troupe_jobs_submitted_total{outcome=\"replayed\"} 1"));
  CHECK(
    has_line(text, "troupe_jobs_submitted_total{outcome=\"queue_full\"} 2"));
}

TEST_CASE("every outcome of an attempt has its word", "[runtime][metrics]") {
  metrics all{{"m"}};
  for (int i = 0; i < 5; ++i)
    all.attempt_ended("m", static_cast<attempt_end>(i));
  auto text = all.expose();
  for (std::string word :
       {"finished", "failed", "worker_lost", "model_error", "stopped"})
    CHECK(has_line(text, "troupe_attempts_total{model=\"m\",outcome=\"" + word
                           + "\"} 1"));
  CHECK(
    has_line(text, "troupe_attempts_total{model=\"m\",outcome=\"other\"} 0"));
}

TEST_CASE("a counter follows a total and never falls", "[runtime][metrics]") {
  metrics all{{}};
  auto shown = [&](const std::string& value) {
    return has_line(all.expose(), "troupe_streams_slow_total " + value);
  };
  all.set(metric::streams_slow, 5);
  CHECK(shown("5"));
  all.set(metric::streams_slow, 3);
  CHECK(shown("5"));
  all.set(metric::streams_slow, 9);
  CHECK(shown("9"));
  all.add(metric::streams_slow, -4);
  CHECK(shown("9"));
}

TEST_CASE("what is no number is dropped", "[runtime][metrics]") {
  metrics all{{}};
  all.set(metric::streams, 7);
  for (auto x : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    all.set(metric::streams, x);
    all.add(metric::commit_seconds, x);
    all.add(metric::stream_events, x);
  }
  all.add(metric::commit_seconds, -1);
  auto text = all.expose();
  CHECK(has_line(text, "troupe_streams 7"));
  CHECK(has_line(text, "troupe_commit_seconds_count 0"));
  CHECK(has_line(text, "troupe_stream_events_total 0"));
}

TEST_CASE("states are asked for at each scrape", "[runtime][metrics]") {
  metrics all{{"a", "b"}};
  double depth = 1;
  all.on_collect(
    [&](metrics& to) { to.set(metric::queue_depth, depth, "b", "default"); });
  std::string series = "troupe_queue_depth{model=\"b\",tier=\"default\"} ";
  CHECK(has_line(all.expose(), series + "1"));
  depth = 2;
  CHECK(has_line(all.expose(), series + "2"));
}

TEST_CASE("commits show their time, size and failures", "[runtime][metrics]") {
  metrics all{{}};
  all.committed(2ms, 16, true);
  all.committed(1s, 1, false);
  auto text = all.expose();
  CHECK(has_line(text, "troupe_commit_seconds_count 2"));
  CHECK(has_line(text, "troupe_commit_seconds_bucket{le=\"0.002\"} 1"));
  CHECK(has_line(text, "troupe_commit_batches_sum 17"));
  CHECK(has_line(text, "troupe_commit_failures_total 1"));
}

TEST_CASE("threads count and scrape at once", "[runtime][metrics]") {
  metrics all{{"m"}};
  {
    std::vector<std::jthread> threads; // tidy: seams: they race on purpose
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i)
          all.job_accepted(false);
      });
    for (int i = 0; i < 5; ++i)
      CHECK_FALSE(all.expose().empty());
  }
  CHECK(has_line(all.expose(),
                 "troupe_jobs_submitted_total{outcome=\"accepted\"} 3000"));
}

TEST_CASE("docs/metrics.md lists exactly the metrics of the program",
          "[runtime][metrics][docs]") {
  // tidy: seams: the test's input
  std::ifstream in{std::string{TROUPE_SOURCE_DIR} + "/docs/metrics.md"};
  REQUIRE(in);
  std::vector<std::string> documented;
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("| `troupe_"))
      documented.push_back(line);
  std::vector<std::string> expected;
  for (const auto& x : metric_definitions()) {
    std::string labels;
    for (auto domain : {x.first, x.second, x.third})
      if (domain != label_domain::none)
        labels += (labels.empty() ? "`" : ", `")
                  + std::string{label_name(domain)} + "`";
    expected.push_back(
      "| `" + std::string{x.name} + "` | " + std::string{to_string(x.type)}
      + " | " + (labels.empty() ? "-" : labels) + " | " + std::string{x.unit}
      + " | " + std::string{x.about} + " | ");
  }
  REQUIRE(documented.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    INFO(documented[i]);
    CHECK(documented[i].starts_with(expected[i]));
    CHECK(documented[i].size() > expected[i].size() + 10); // when to worry
  }
}

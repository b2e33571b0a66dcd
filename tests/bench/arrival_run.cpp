#include "tests/bench/arrival_run.hpp"

#include "tests/bench/http_client.hpp"
#include "tests/bench/load_generator.hpp"

#include <charconv>
#include <deque>
#include <memory>
#include <stdexcept>

namespace troupe::bench {

namespace {

/// The first number under `key` in JSON text; 0 if absent.
double json_number(std::string_view json, std::string_view key) {
  const auto name = '"' + std::string{key} + "\":";
  const auto at = json.find(name);
  double value = 0;
  if (at != std::string_view::npos)
    std::from_chars(json.data() + at + name.size(), json.data() + json.size(),
                    value);
  return value;
}

std::string request_of(const arrival& a) {
  auto body =
    R"({"model":"sim","input":"x","class":"interactive","service_tier":")"
    + a.tier + R"(","params":{"simulate":{"service_s":)"
    + std::to_string(a.service_s) + R"(,"tokens":1,"predicted_s":)"
    + std::to_string(a.predicted_s) + "}}";
  if (a.total_timeout_s > 0)
    body += R"(,"deadline":{"total_timeout_s":)"
            + std::to_string(a.total_timeout_s) + "}";
  body += "}";
  return "POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n"
         "Content-Type: application/json\r\nContent-Length: "
         + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class lane_client final : public http_listener {
public:
  lane_client(poller& loop, const node_lane& lane)
    : lane_{lane}, outcomes(lane.arrivals.size()) {
    for (int i = 0; i < 64; ++i) {
      clients_.push_back(std::make_unique<http_client>(loop, lane.port, *this));
      idle_.push_back(clients_.back().get());
    }
  }

  void submit(size_t n, instant intended) {
    if (idle_.empty())
      return; // Counts as unanswered.
    auto* client = idle_.front();
    idle_.pop_front();
    client->intended = intended;
    client->tag = n;
    if (client->send(request_of(lane_.arrivals[n])))
      ++in_flight;
    else
      idle_.push_back(client);
  }

  void on_answer(http_client& from, const http_answer& answer) override {
    auto& o = outcomes[from.tag];
    o.http_status = answer.status;
    o.answer_ms = to_ms(now() - from.intended);
    if (answer.status == 202)
      o.id = json_string(answer.body, "id");
    free(from);
  }
  void on_broken(http_client& from) override { free(from); }

  /// Blocks until the job has ended.
  void look(size_t n, instant limit) {
    auto& o = outcomes[n];
    if (o.id.empty())
      return;
    poller pause;
    for (;;) {
      const auto got = fetch(lane_.port, "GET", "/v1/jobs/" + o.id);
      const auto status = json_string(got.body, "status");
      if (got.status == 200 && status != "queued" && status != "in_progress") {
        o.job_status = status;
        o.queue_s = json_number(got.body, "queue_ms") / 1e3;
        o.compute_s = json_number(got.body, "compute_ms") / 1e3;
        o.total_s =
          o.queue_s + o.compute_s + json_number(got.body, "delivery_ms") / 1e3;
        return;
      }
      if (now() > limit)
        throw std::runtime_error{"a job did not end in time: " + got.body};
      pause.poll_until(now() + from_seconds(0.05));
    }
  }

private:
  void free(http_client& client) {
    --in_flight;
    idle_.push_back(&client);
  }
  const node_lane& lane_;
  std::vector<std::unique_ptr<http_client>> clients_;
  std::deque<http_client*> idle_;

public:
  std::vector<arrival_outcome> outcomes;
  size_t in_flight = 0;
};

} // namespace

std::vector<std::vector<arrival_outcome>>
run_arrivals(const std::vector<node_lane>& lanes, double drain_s) {
  poller loop;
  std::vector<std::unique_ptr<lane_client>> clients;
  for (const auto& lane : lanes)
    clients.push_back(std::make_unique<lane_client>(loop, lane));
  const auto begin = now();
  const auto& plan = lanes.front().arrivals;
  for (size_t n = 0; n < plan.size(); ++n) {
    const auto due = begin + from_seconds(plan[n].at_s);
    while (now() < due)
      loop.poll_until(due);
    for (auto& c : clients)
      c->submit(n, due);
  }
  const auto limit = now() + from_seconds(drain_s);
  auto open = [&] {
    size_t n = 0;
    for (auto& c : clients)
      n += c->in_flight;
    return n;
  };
  while (open() > 0 && now() < limit)
    loop.poll_until(limit);
  std::vector<std::vector<arrival_outcome>> result;
  for (auto& c : clients) {
    for (size_t n = 0; n < plan.size(); ++n)
      c->look(n, limit);
    result.push_back(std::move(c->outcomes));
  }
  return result;
}

} // namespace troupe::bench

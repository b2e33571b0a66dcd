#include "tests/bench/load_generator.hpp"

#include "tests/bench/http_client.hpp"

#include <deque>
#include <memory>
#include <random>

namespace troupe::bench {

namespace {

class load_run final : public http_listener {
public:
  load_run(const load_plan& plan, const on_body& each)
    : plan_(plan), each_(each) {
    for (uint32_t i = 0; i < plan.connections; ++i)
      clients_.push_back(
        std::make_unique<http_client>(loop_, plan.port, *this));
  }

  load_result run() {
    begin_ = now() + from_seconds(plan_.warmup_s);
    end_ = begin_ + from_seconds(plan_.duration_s);
    next_due_ = now();
    if (plan_.rate_per_s > 0)
      run_open();
    else
      run_closed();
    result_.seconds = to_seconds(std::min(now(), end_) - begin_);
    stopping_ = true;
    drain();
    return std::move(result_);
  }

  void on_answer(http_client& from, const http_answer& answer) override {
    const auto arrived = now();
    ++answered_;
    --in_flight_;
    // By arrival, so that the rate is right; a request sent before the end but
    // answered after it only counts in an open loop.
    const bool counts =
      arrived >= begin_ && (arrived <= end_ || plan_.rate_per_s > 0);
    if (answer.status != plan_.expected_status) {
      fail(answer.status, answer.body);
    } else if (counts) {
      ++result_.ok;
      ++result_.statuses[answer.status];
      result_.latency.add(arrived - from.intended);
    }
    if (each_ && answer.status == plan_.expected_status)
      each_(answer.body);
    next(from);
  }

  void on_broken(http_client& from) override {
    --in_flight_;
    fail(0, "connection broke");
    if (result_.statuses[0] < 1000)
      next(from);
  }

private:
  bool finished() const {
    return now() >= end_
           || (plan_.requests_max > 0 && answered_ >= plan_.requests_max);
  }

  void run_closed() {
    for (auto& client : clients_)
      next(*client);
    while (!finished() && in_flight_ > 0)
      loop_.poll_until(end_);
  }

  void run_open() {
    for (auto& client : clients_)
      idle_.push_back(client.get());
    const auto gap = from_seconds(1.0 / plan_.rate_per_s);
    while (!finished()) {
      for (; next_due_ <= now(); next_due_ += gap)
        due_.push_back(next_due_);
      dispatch();
      loop_.poll_until(std::min(next_due_, end_));
    }
  }

  // Open loop: the oldest intended sends go out on whatever is free.
  void dispatch() {
    while (!due_.empty() && !idle_.empty()) {
      auto* client = idle_.back();
      idle_.pop_back();
      const auto intended = due_.front();
      due_.pop_front();
      if (!transmit(*client, intended))
        idle_.push_front(client);
    }
  }

  void next(http_client& client) {
    if (plan_.rate_per_s > 0) {
      idle_.push_back(&client);
      if (!stopping_)
        dispatch();
      return;
    }
    const bool spent = plan_.requests_max > 0 && sent_ >= plan_.requests_max;
    if (!stopping_ && !spent)
      transmit(client, now());
  }

  bool transmit(http_client& client, instant intended) {
    client.intended = intended;
    const auto& request = plan_.requests[sent_++ % plan_.requests.size()];
    if (client.send(request)) {
      ++in_flight_;
      return true;
    }
    fail(0, "cannot connect or send");
    return false;
  }

  // Waits for what is still out: unanswered after 10 s is an error.
  void drain() {
    const auto limit = now() + from_seconds(10.0);
    while (in_flight_ > 0 && now() < limit)
      loop_.poll_until(limit);
    for (; in_flight_ > 0; --in_flight_)
      fail(0, "no answer within 10 s");
    for (size_t i = 0; i < due_.size(); ++i)
      fail(0, "never sent: all connections were busy");
  }

  void fail(int status, std::string_view why) {
    ++result_.errors;
    ++result_.statuses[status];
    if (result_.first_error.empty())
      result_.first_error =
        std::to_string(status) + " " + std::string{why.substr(0, 300)};
  }

  const load_plan& plan_;
  const on_body& each_;
  poller loop_;
  std::vector<std::unique_ptr<http_client>> clients_;
  std::deque<http_client*> idle_;
  std::deque<instant> due_;
  instant begin_{};
  instant end_{};
  instant next_due_{};
  uint64_t sent_ = 0;
  uint64_t answered_ = 0;
  uint64_t in_flight_ = 0;
  bool stopping_ = false;
  load_result result_;
};

std::string random_words(std::mt19937_64& random, size_t bytes) {
  static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz    ";
  std::string text(bytes, 'x');
  for (auto& c : text)
    c = letters[random() % letters.size()];
  return text;
}

} // namespace

load_result run_load(const load_plan& plan, const on_body& each) {
  return load_run{plan, each}.run();
}

std::vector<std::string> job_requests(uint64_t seed, size_t count,
                                      std::string_view model, size_t body_bytes,
                                      std::string_view simulate) {
  std::mt19937_64 random{seed};
  std::string lead = R"({"model":")" + std::string{model} + '"';
  if (!simulate.empty())
    lead += R"(,"params":{"simulate":)" + std::string{simulate} + '}';
  lead += R"(,"input":")";
  std::vector<std::string> requests;
  requests.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const size_t rest =
      body_bytes > lead.size() + 2 ? body_bytes - lead.size() - 2 : 1;
    const auto body = lead + random_words(random, rest) + "\"}";
    requests.push_back("POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                       "Content-Type: application/json\r\nContent-Length: "
                       + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  return requests;
}

std::string_view json_string(std::string_view json, std::string_view key) {
  const auto name = '"' + std::string{key} + "\":\"";
  const auto at = json.find(name);
  if (at == std::string_view::npos)
    return {};
  const auto begin = at + name.size();
  const auto end = json.find('"', begin);
  return json.substr(begin, end - begin);
}

} // namespace troupe::bench

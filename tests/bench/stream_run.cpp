#include "tests/bench/stream_run.hpp"

#include "tests/bench/http_client.hpp"
#include "tests/bench/load_generator.hpp"
#include "tests/bench/sse_stream.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

namespace troupe::bench {

namespace {

class stream_run final : public http_listener, public sse_listener {
public:
  explicit stream_run(const stream_plan& plan)
    : plan_(plan), requests_(job_requests(
                     plan.seed, std::min<uint64_t>(plan.jobs, 256), "sim", 1024,
                     "{\"service_s\":" + std::to_string(plan.service_s)
                       + ",\"tokens\":" + std::to_string(plan.tokens) + "}")) {
    for (int i = 0; i < 16; ++i) {
      clients_.push_back(
        std::make_unique<http_client>(loop_, plan.port, *this));
      idle_.push_back(clients_.back().get());
    }
  }

  stream_result run() {
    const auto gap = from_seconds(1.0 / plan_.rate_per_s);
    const auto first = now();
    const auto last = first + gap * static_cast<int64_t>(plan_.jobs);
    count_from_ =
      plan_.settle_s < 0 ? first : last + from_seconds(plan_.settle_s);
    const auto limit =
      plan_.watch_s < 0
        ? last + from_seconds(plan_.service_s + 30)
        : std::max(count_from_, last) + from_seconds(plan_.watch_s);
    auto due = first;
    while (now() < limit && !(plan_.watch_s < 0 && all_done())) {
      if (submitted_ < plan_.jobs && due <= now()) {
        if (idle_.empty())
          lose("no free connection to submit on");
        else
          submit(due);
        ++submitted_;
        due += gap;
        continue;
      }
      loop_.poll_until(submitted_ < plan_.jobs ? std::min(due, limit) : limit);
    }
    finish();
    return std::move(result_);
  }

  void on_answer(http_client& from, const http_answer& answer) override {
    idle_.push_back(&from);
    if (answer.status != 202) {
      lose(std::string{answer.body.substr(0, 300)});
      return;
    }
    streams_.push_back(std::make_unique<sse_stream>(
      loop_, plan_.port, json_string(answer.body, "id"), *this));
    streams_.back()->submitted = from.intended;
    if (streams_.back()->ended())
      lose(streams_.back()->trouble());
  }

  void on_broken(http_client& from) override {
    idle_.push_back(&from);
    lose("the submitting connection broke");
  }

  void on_event(sse_stream& from, std::string_view type,
                std::string_view data) override {
    const auto arrived = now();
    if (type == "output.delta") {
      // Replayed ones (from before the stream was open) are old by nature,
      // and only the first of a job can be: its offset is 0.
      if (json_integer(data, "offset") == 0)
        result_.first_output.add(arrived - from.submitted);
      if (arrived < count_from_)
        return;
      ++result_.output_events;
      result_.delay.add(nanos{1000}
                        * (wall_us() - json_integer(data, "time_us")));
    } else if (type == "job.completed") {
      ++result_.finished;
      result_.overhead.add(arrived - from.submitted
                           - from_seconds(plan_.service_s));
    } else if (type == "job.failed" || type == "job.expired") {
      fail(std::string{data.substr(0, 300)});
    }
  }

  void on_end(sse_stream& from) override {
    ++ended_;
    if (!from.trouble().empty())
      fail(from.trouble());
  }

private:
  void submit(instant intended) {
    auto* client = idle_.front();
    idle_.pop_front();
    client->intended = intended;
    if (!client->send(requests_[submitted_ % requests_.size()])) {
      idle_.push_back(client);
      lose("cannot submit");
    }
  }

  bool all_done() const {
    return submitted_ >= plan_.jobs && ended_ + lost_ >= plan_.jobs;
  }

  void finish() {
    result_.seconds = to_seconds(now() - count_from_);
    for (const auto& each : streams_)
      result_.open_at_end += each->ended() ? 0 : 1;
    if (plan_.watch_s < 0 && result_.open_at_end > 0)
      fail("streams that never ended");
  }

  // A job without a stream will never end one.
  void lose(const std::string& why) {
    ++lost_;
    fail(why);
  }

  void fail(const std::string& why) {
    ++result_.errors;
    if (result_.first_error.empty())
      result_.first_error = why;
  }

  const stream_plan& plan_;
  std::vector<std::string> requests_;
  poller loop_;
  std::vector<std::unique_ptr<http_client>> clients_;
  std::deque<http_client*> idle_;
  std::vector<std::unique_ptr<sse_stream>> streams_;
  instant count_from_{};
  uint64_t submitted_ = 0;
  uint64_t ended_ = 0;
  uint64_t lost_ = 0;
  stream_result result_;
};

} // namespace

stream_result run_streams(const stream_plan& plan) {
  return stream_run{plan}.run();
}

} // namespace troupe::bench

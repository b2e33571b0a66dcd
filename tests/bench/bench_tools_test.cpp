// The bench's own instruments: a figure is worth no more than they are.
#include "tests/bench/histogram.hpp"
#include "tests/bench/load_generator.hpp"
#include "tests/bench/sse_stream.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdio>
#include <random>
#include <set>
#include <vector>

namespace troupe::bench {

namespace {

using tcp = boost::asio::ip::tcp;

// What one stream delivered when the server sent `bytes` in pieces of `slice`.
class scripted_stream final : public sse_listener {
public:
  scripted_stream(const std::string& bytes, size_t slice) {
    boost::asio::io_context io;
    tcp::acceptor listener{
      io, tcp::endpoint{boost::asio::ip::address_v4::loopback(), 0}};
    poller loop;
    sse_stream stream{loop, listener.local_endpoint().port(), "job_1", *this};
    auto peer = listener.accept();
    boost::asio::read_until(peer, boost::asio::dynamic_buffer(request),
                            "\r\n\r\n");
    const auto limit = now() + from_seconds(5);
    for (size_t at = 0; at < bytes.size() && !ended; at += slice) {
      boost::asio::write(peer, boost::asio::buffer(bytes.substr(at, slice)));
      loop.poll_until(limit);
    }
    peer.close();
    while (!ended && now() < limit)
      loop.poll_until(limit);
  }

  void on_event(sse_stream&, std::string_view type,
                std::string_view data) override {
    types.emplace_back(type);
    times.push_back(json_integer(data, "time_us"));
  }
  void on_end(sse_stream& from) override {
    ended = true;
    trouble = from.trouble();
  }

  std::string request;
  std::vector<std::string> types;
  std::vector<int64_t> times;
  std::string trouble;
  bool ended = false;
};

const std::string chunked_head =
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
  "Transfer-Encoding: chunked\r\n\r\n";

std::string chunk(const std::string& text) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  return size + text + "\r\n";
}

std::string event(int seq, const std::string& type) {
  const auto n = std::to_string(seq);
  return "id: " + n + "\nevent: " + type + "\ndata: {\"type\":\"" + type
         + "\",\"seq\":" + n + ",\"time_us\":" + std::to_string(1000 + seq)
         + "}\n\n";
}

} // namespace

TEST_CASE("a histogram's quantiles are within one percent of the exact ones",
          "[bench][histogram]") {
  const uint64_t seed = 7;
  std::mt19937_64 random{seed};
  std::lognormal_distribution<double> spread{13.0, 1.5};
  histogram counted;
  std::vector<int64_t> exact;
  for (int i = 0; i < 50'000; ++i) {
    exact.push_back(static_cast<int64_t>(spread(random)));
    counted.add(nanos{exact.back()});
  }
  std::sort(exact.begin(), exact.end());
  for (const double q : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<size_t>(q * 50'000) - 1;
    const auto truth = static_cast<double>(exact[rank]);
    const auto told = static_cast<double>(counted.quantile(q).count());
    CHECK(told >= truth);
    CHECK(told <= truth * 1.01 + 1);
  }
}

TEST_CASE("a histogram keeps small, huge, negative and no values",
          "[bench][histogram]") {
  histogram h;
  CHECK(h.quantile(0.5) == nanos{0});
  h.add(nanos{-5});
  CHECK(h.quantile(1.0) == nanos{0});
  h.add(std::chrono::hours{10});
  CHECK(h.max() == std::chrono::hours{10});
  CHECK(h.quantile(0.5) == nanos{0});
  CHECK(h.count() == 2);
  histogram sum;
  sum.add(nanos{3});
  sum.merge(h);
  CHECK(sum.count() == 3);
  CHECK(sum.quantile(0.6) == nanos{3});
}

TEST_CASE("generated requests have the promised size and all differ",
          "[bench][load]") {
  const auto requests = job_requests(1, 64, "sim", 1024, "{\"tokens\":20}");
  std::set<std::string> distinct;
  for (const auto& request : requests) {
    const auto at = request.find("\r\n\r\n");
    REQUIRE(at != std::string::npos);
    CHECK(request.size() - at - 4 == 1024);
    CHECK(request.find("Content-Length: 1024\r\n") != std::string::npos);
    distinct.insert(request);
  }
  CHECK(distinct.size() == requests.size());
  CHECK(job_requests(1, 64, "sim", 1024, "{\"tokens\":20}") == requests);
  CHECK(job_requests(2, 1, "sim", 1024) != job_requests(1, 1, "sim", 1024));
}

TEST_CASE("a stream cut anywhere gives the same events", "[bench][sse]") {
  const auto bytes = chunked_head
                     + chunk("retry: 1500\n" + event(0, "job.created"))
                     + chunk(": hb\n\n") + chunk(event(1, "output.delta"))
                     + chunk(event(2, "job.completed")) + "0\r\n\r\n";
  for (const size_t slice : {size_t{1}, size_t{7}, size_t{64}, bytes.size()}) {
    const scripted_stream got{bytes, slice};
    CHECK(got.ended);
    CHECK(got.trouble.empty());
    CHECK(got.types
          == std::vector<std::string>{"job.created", "output.delta",
                                      "job.completed"});
    CHECK(got.times == std::vector<int64_t>{1000, 1001, 1002});
    CHECK(got.request.starts_with("GET /v1/jobs/job_1/events HTTP/1.1\r\n"));
  }
}

TEST_CASE("a stream with a hole, a repeat, an early end or a refusal is told",
          "[bench][sse]") {
  const auto first = chunked_head + chunk(event(0, "job.created"));
  const scripted_stream hole{first + chunk(event(2, "output.delta")), 4096};
  CHECK(hole.trouble == "expected event 1, got 2");
  const scripted_stream repeat{first + chunk(event(0, "job.created")), 4096};
  CHECK(repeat.trouble == "expected event 1, got 0");
  const scripted_stream cut{first, 4096};
  CHECK(cut.trouble == "closed before the terminal event");
  const scripted_stream early{first + "0\r\n\r\n", 4096};
  CHECK(early.trouble == "ended before the terminal event");
  const scripted_stream refused{
    "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", 4096};
  CHECK(refused.trouble.starts_with("HTTP/1.1 429"));
}

} // namespace troupe::bench

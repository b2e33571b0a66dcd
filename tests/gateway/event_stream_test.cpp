// Event streams: order, resume, slow and vanishing readers, many at once.
#include "tests/support/gateway_under_test.hpp"

#include "gateway/job_json.hpp"
#include "runtime/rng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sstream>
#include <vector>

namespace gateway = troupe::gateway;
namespace runtime = troupe::runtime;
using troupe::tests::gateway_under_test;
using troupe::tests::get_request;
using troupe::tests::json_text;
using troupe::tests::live_delivery;
using troupe::tests::raw_client;

namespace {

struct sse_event {
  uint64_t id = 0;
  std::string type;
  std::string data;
  int retry = 0;
};

// Parses whole events; comments are skipped.
std::vector<sse_event> parse(const std::string& text) {
  std::vector<sse_event> events;
  sse_event current;
  std::istringstream lines{text};
  std::string line;
  while (std::getline(lines, line)) {
    if (line.empty()) {
      if (!current.data.empty())
        events.push_back(current);
      current = {};
    } else if (line.starts_with("id: ")) {
      current.id = std::stoull(line.substr(4));
    } else if (line.starts_with("event: ")) {
      current.type = line.substr(7);
    } else if (line.starts_with("data: ")) {
      current.data = line.substr(6);
    } else if (line.starts_with("retry: ")) {
      current.retry = std::stoi(line.substr(7));
    } else {
      CHECK(line == ": hb");
    }
  }
  return events;
}

bool is_dense(const std::vector<sse_event>& events, uint64_t from) {
  for (const auto& x : events)
    if (x.id != from++)
      return false;
  return true;
}

runtime::job_id id_of(const std::string& text) {
  return runtime::job_id::parse(text).value();
}

std::string stream_request(const std::string& id, std::string_view fields = "",
                           std::string_view query = "") {
  return get_request("/v1/jobs/" + id + "/events" + std::string{query},
                     "Accept: text/event-stream\r\n" + std::string{fields});
}

// Opens a stream and checks its head.
raw_client open_stream(const gateway_under_test& node, const std::string& id,
                       std::string_view fields = "", int receive_buffer = 0) {
  raw_client client{node.port(), receive_buffer};
  client.send(stream_request(id, fields));
  const auto head = client.read_head();
  REQUIRE(head);
  CHECK(head->status == 200);
  CHECK(head->field("content-type") == "text/event-stream");
  CHECK(head->field("cache-control") == "no-cache, no-transform");
  CHECK(head->field("x-accel-buffering") == "no");
  return client;
}

} // namespace

TEST_CASE("a stream shows a job from its first to its last event",
          "[gateway][sse]") {
  gateway_under_test node;
  const auto id = node.submit();
  auto client = open_stream(node, id);
  auto text = client.read_chunks_until("job.queued\ndata: ");
  node.jobs().start(id_of(id));
  node.jobs().output(id_of(id), "Hel");
  node.jobs().output(id_of(id), "lo.");
  node.jobs().finish(id_of(id));
  text += client.read_chunks_until("");
  CHECK(client.closes());
  const auto events = parse(text);
  REQUIRE(events.size() == 7);
  CHECK(is_dense(events, 0));
  const std::vector<std::string> types{
    "job.created",  "job.queued",       "job.started",  "output.delta",
    "output.delta", "output.item.done", "job.completed"};
  for (size_t i = 0; i < events.size(); ++i) {
    CHECK(events[i].type == types[i]);
    CHECK(events[i].data.starts_with("{\"type\":\"" + types[i]
                                     + "\",\"job_id\":\"" + id
                                     + "\",\"seq\":" + std::to_string(i)));
    CHECK((events[i].retry != 0) == (i == 0));
  }
  CHECK(events[0].retry >= 1000);
  CHECK(events[0].retry <= 5000);
  CHECK(events[3].data.find(R"("item_type":"message","offset":0,"text":"Hel"})")
        != std::string::npos);
  CHECK(events[4].data.find(R"("offset":3)") != std::string::npos);
  CHECK(events[6].data.find(R"("output")") == std::string::npos);
  CHECK(node.jobs().wait_for_readers(0));
  CHECK(gateway_under_test::falls_to(node.counters().streams_open, 0));
}

TEST_CASE("every reader sees the same bytes for a number", "[gateway][sse]") {
  gateway_under_test node;
  const auto id = node.submit();
  auto live = open_stream(node, id);
  auto live_text = live.read_chunks_until("job.queued\ndata: ");
  node.jobs().complete(id_of(id), "Text with \"quotes\" and \xE2\x82\xAC.");
  live_text += live.read_chunks_until("");
  auto late = open_stream(node, id);
  const auto late_events = parse(late.read_chunks_until(""));
  const auto live_events = parse(live_text);
  REQUIRE(live_events.size() == late_events.size());
  const auto page = node.get("/v1/jobs/" + id + "/events");
  for (size_t i = 0; i < live_events.size(); ++i) {
    CHECK(live_events[i].data == late_events[i].data);
    CHECK(page.body.find(live_events[i].data) != std::string::npos);
  }
}

TEST_CASE("a reader resumes at every event without gap or repeat",
          "[gateway][sse]") {
  gateway_under_test node;
  const auto id = node.submit();
  node.jobs().complete(id_of(id));
  const auto all = parse(open_stream(node, id).read_chunks_until(""));
  REQUIRE(all.size() == 6);
  for (uint64_t last = 0; last < all.size(); ++last) {
    raw_client client{node.port()};
    // The header wins over the parameter.
    client.send(
      stream_request(id, "Last-Event-ID: " + std::to_string(last) + "\r\n",
                     "?starting_after=0"));
    const auto head = client.read_head();
    REQUIRE(head);
    if (last + 1 == all.size()) {
      CHECK(head->status == 204);
      continue;
    }
    CHECK(head->status == 200);
    const auto rest = parse(client.read_chunks_until(""));
    CHECK(rest.size() == all.size() - last - 1);
    CHECK(is_dense(rest, last + 1));
    CHECK(rest.front().retry > 0);
  }
  // Past the end of a finished job: 204 as well, for stream and any cursor.
  CHECK(
    node.get("/v1/jobs/" + id + "/events?stream=true&starting_after=99").status
    == 204);
}

TEST_CASE("a cursor at a live job's end waits for what comes",
          "[gateway][sse]") {
  gateway_under_test node;
  const auto id = node.submit();
  auto client = open_stream(node, id, "Last-Event-ID: 1\r\n");
  REQUIRE(node.jobs().wait_for_readers(1));
  node.jobs().complete(id_of(id));
  const auto events = parse(client.read_chunks_until(""));
  CHECK(events.size() == 4);
  CHECK(is_dense(events, 2));
}

TEST_CASE("overlapping and lost live batches leave no trace",
          "[gateway][sse]") {
  for (const auto how : {live_delivery::overlapping, live_delivery::lossy}) {
    gateway_under_test node;
    node.jobs().deliver_live(how);
    const auto id = node.submit();
    auto client = open_stream(node, id);
    auto text = client.read_chunks_until("job.queued\ndata: ");
    REQUIRE(node.jobs().wait_for_readers(1));
    node.jobs().start(id_of(id));
    for (int i = 0; i < 300; ++i)
      node.jobs().output(id_of(id), "word ");
    node.jobs().finish(id_of(id));
    text += client.read_chunks_until("");
    const auto events = parse(text);
    CHECK(events.size() == 305);
    CHECK(is_dense(events, 0));
  }
}

TEST_CASE("readers that join at any moment see everything", "[gateway][sse]") {
  gateway_under_test node;
  const auto id = node.submit();
  node.jobs().start(id_of(id));
  std::vector<raw_client> readers;
  for (int i = 0; i < 30; ++i) {
    readers.push_back(open_stream(node, id));
    node.jobs().output(id_of(id), "w" + std::to_string(i) + " ");
  }
  node.jobs().finish(id_of(id));
  for (auto& reader : readers) {
    const auto events = parse(reader.read_chunks_until(""));
    CHECK(events.size() == 35);
    CHECK(is_dense(events, 0));
  }
}

TEST_CASE("silence is filled with heartbeats", "[gateway][sse]") {
  gateway::gateway_config config;
  config.limits.sse_heartbeat = std::chrono::milliseconds{60};
  gateway_under_test node{config};
  const auto id = node.submit();
  auto client = open_stream(node, id);
  client.read_chunks_until("job.queued\ndata: ");
  auto text = client.read_chunks_until(": hb\n");
  text += client.read_chunks_until(": hb\n");
  CHECK(text.ends_with(": hb\n: hb\n"));
}

TEST_CASE("a reader that leaves is forgotten at once", "[gateway][sse]") {
  gateway_under_test node;
  const auto id = node.submit();
  {
    auto polite = open_stream(node, id);
    auto rude = open_stream(node, id);
    auto half = open_stream(node, id);
    REQUIRE(node.jobs().wait_for_readers(3));
    rude.reset();
    half.shutdown_send();
    CHECK(node.jobs().wait_for_readers(1));
  }
  CHECK(node.jobs().wait_for_readers(0));
  CHECK(gateway_under_test::falls_to(node.counters().streams_open, 0));
  CHECK(gateway_under_test::falls_to(node.counters().connections_open, 0));
  CHECK(node.counters().streams_slow.get() == 0);
}

TEST_CASE("a reader that talks too much is cut off", "[gateway][sse]") {
  gateway_under_test node;
  const auto id = node.submit();
  auto client = open_stream(node, id);
  REQUIRE(node.jobs().wait_for_readers(1));
  client.send("some words");
  node.jobs().start(id_of(id));
  client.read_chunks_until("job.started\ndata: ");
  CHECK(node.jobs().readers() == 1);
  const std::string noise(16'384, 'x');
  for (int i = 0; i < 100 && client.send(noise); ++i) {
  }
  CHECK(node.jobs().wait_for_readers(0));
}

TEST_CASE("a slow reader is cut off, resumes, and hurts nobody",
          "[gateway][sse]") {
  gateway_under_test node;
  const auto id = node.submit();
  auto slow = open_stream(node, id, "", 4096);
  auto good = open_stream(node, id);
  REQUIRE(node.jobs().wait_for_readers(2));
  node.jobs().start(id_of(id));
  std::string good_text;
  const std::string word(900, 'w');
  int produced = 0;
  while (node.counters().streams_slow.get() == 0 && produced < 5000) {
    node.jobs().output(id_of(id), word);
    ++produced;
    good_text += good.read_chunks_until(
      "\"offset\":" + std::to_string((produced - 1) * 900) + ",");
  }
  CHECK(node.counters().streams_slow.get() == 1);
  // Far from the whole text fits between the two: buffers are bounded.
  CHECK(produced < 1000);
  node.jobs().finish(id_of(id));
  good_text += good.read_chunks_until("");
  const auto good_events = parse(good_text);
  CHECK(is_dense(good_events, 0));
  CHECK(good_events.size() == static_cast<size_t>(produced) + 5);
  // What the slow one has got is a prefix; it goes on from there.
  const auto prefix = parse(slow.read_chunks_until(""));
  REQUIRE(!prefix.empty());
  CHECK(is_dense(prefix, 0));
  CHECK(prefix.size() < good_events.size());
  auto resumed = open_stream(
    node, id, "Last-Event-ID: " + std::to_string(prefix.back().id) + "\r\n");
  const auto rest = parse(resumed.read_chunks_until(""));
  CHECK(is_dense(rest, prefix.back().id + 1));
  CHECK(prefix.size() + rest.size() == good_events.size());
}

TEST_CASE("a reader that stops reading is cut off in time", "[gateway][sse]") {
  gateway::gateway_config config;
  config.limits.write_timeout = std::chrono::milliseconds{200};
  config.limits.sse_buffer_bytes_max = 1024 * 1024 * 1024;
  gateway_under_test node{config};
  const auto id = node.submit();
  node.jobs().start(id_of(id));
  const std::string word(60'000, 'w');
  for (int i = 0; i < 40; ++i)
    node.jobs().output(id_of(id), word);
  raw_client stuck{node.port(), 4096};
  stuck.send(stream_request(id));
  CHECK(gateway_under_test::reaches(node.counters().streams_slow, 1));
  CHECK(node.jobs().wait_for_readers(0));
}

TEST_CASE("a long history and a fast producer meet", "[gateway][sse]") {
  gateway_under_test node;
  const auto id = node.submit();
  node.jobs().start(id_of(id));
  for (int i = 0; i < 2000; ++i)
    node.jobs().output(id_of(id), "history ");
  // Reads nothing while the history and much live text pile up.
  raw_client client{node.port(), 4096};
  client.send(stream_request(id));
  REQUIRE(node.jobs().wait_for_readers(1));
  for (int i = 0; i < 2000; ++i)
    node.jobs().output(id_of(id), std::string(200, 'x'));
  node.jobs().finish(id_of(id));
  const auto head = client.read_head();
  REQUIRE(head);
  const auto events = parse(client.read_chunks_until(""));
  CHECK(events.size() == 4005);
  CHECK(is_dense(events, 0));
  CHECK(node.counters().streams_slow.get() == 0);
}

TEST_CASE("a stream over HTTP/1.0 ends with the connection", "[gateway][sse]") {
  gateway_under_test node;
  const auto id = node.submit();
  node.jobs().complete(id_of(id));
  raw_client client{node.port()};
  client.send("GET /v1/jobs/" + id
              + "/events?stream=true HTTP/1.0\r\nHost: localhost\r\n\r\n");
  const auto head = client.read_head();
  REQUIRE(head);
  CHECK(head->field("transfer-encoding").empty());
  std::string text;
  while (!client.at_end())
    text += client.read_some(65'536, std::chrono::seconds{10});
  CHECK(parse(text).size() == 6);
}

TEST_CASE("too many streams are refused", "[gateway][sse]") {
  gateway::gateway_config config;
  config.limits.streams_max = 2;
  gateway_under_test node{config};
  const auto id = node.submit();
  auto one = open_stream(node, id);
  {
    auto two = open_stream(node, id);
    const auto refused = troupe::tests::ask(node.port(), stream_request(id));
    CHECK(refused.status == 429);
    CHECK(json_text(refused.body, "type") == "/problems/too-many-streams");
    CHECK(!refused.field("retry-after").empty());
  }
  CHECK(gateway_under_test::falls_to(node.counters().streams_open, 1));
  auto three = open_stream(node, id);
}

TEST_CASE("random traffic never breaks the order of a stream",
          "[gateway][sse]") {
  const uint64_t seed = 7;
  INFO("seed " << seed);
  runtime::seeded_rng random{seed};
  gateway::gateway_config config;
  config.limits.sse_buffer_bytes_max = 2'000;
  gateway_under_test node{config};
  for (int round = 0; round < 20; ++round) {
    node.jobs().deliver_live(random.below(2) == 0 ? live_delivery::plain
                                                  : live_delivery::overlapping);
    const auto id = node.submit();
    node.jobs().start(id_of(id));
    uint64_t next = 0;
    std::string last;
    size_t produced = 3;
    // A reader that comes and goes while the job writes.
    while (next < 60) {
      raw_client client{node.port(), 2048};
      client.send(stream_request(id, last));
      const auto head = client.read_head();
      REQUIRE(head);
      REQUIRE(head->status == 200);
      for (auto n = random.below(12); n > 0; --n, ++produced)
        node.jobs().output(id_of(id), std::string(1 + random.below(300), 'a'));
      const auto stop = next + random.below(produced - next + 1);
      const auto text = client.read_chunks_until(
        "id: " + std::to_string(stop == next ? next : stop - 1) + "\n");
      // The last one is cut in its middle, as connections do.
      const auto events = parse(text);
      CHECK(is_dense(events, next));
      next += events.size();
      if (next > 0)
        last = "Last-Event-ID: " + std::to_string(next - 1) + "\r\n";
      if (next == produced) {
        node.jobs().output(id_of(id), "more");
        ++produced;
      }
    }
    node.jobs().finish(id_of(id));
    const auto rest =
      parse(open_stream(node, id, last, 2048).read_chunks_until(""));
    CHECK(is_dense(rest, next));
    CHECK(next + rest.size() == produced + 2);
  }
}

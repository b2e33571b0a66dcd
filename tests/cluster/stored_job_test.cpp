// A store that an older build wrote, under a real node of today: values that
// end before the scheduling fields, as builds of 2026-11-24 stored them.
#include "runtime/job_codec.hpp"
#include "runtime/storage/rocksdb_store.hpp"
#include "tests/bench/http_client.hpp"
#include "tests/support/mortal_node.hpp"

#include <boost/json.hpp>
#include <catch2/catch_test_macros.hpp>
#include <msgpack.hpp>

#include <filesystem>
#include <fstream>

using namespace troupe::runtime;
using namespace std::chrono_literals;
using troupe::tests::check_history;
using troupe::tests::mortal_node;
using troupe::tests::temporary_directory;
namespace json = boost::json;

namespace {

constexpr auto age = 60s;
constexpr uint32_t spec_fields = 16;   ///< Up to `estimated_s`.
constexpr uint32_t record_fields = 34; ///< Up to `error`.

// --- today's bytes without what came later ----------------------------------

msgpack::object& element(msgpack::object& array, uint32_t at) {
  REQUIRE(array.type == msgpack::type::ARRAY);
  REQUIRE(array.via.array.size > at);
  return array.via.array.ptr[at];
}

void shorten(msgpack::object& array, uint32_t fields) {
  REQUIRE(array.type == msgpack::type::ARRAY);
  REQUIRE(array.via.array.size > fields);
  array.via.array.size = fields;
}

template <class Edit>
std::string edited(const std::string& bytes, Edit edit) {
  size_t offset = 1;
  const auto handle = msgpack::unpack(bytes.data(), bytes.size(), offset);
  auto root = handle.get();
  edit(root);
  msgpack::sbuffer out;
  msgpack::pack(out, root);
  return bytes.substr(0, 1) + std::string{out.data(), out.size()};
}

std::string old_bytes(const job_spec& x) {
  return edited(encode(x), [](auto& root) { shorten(root, spec_fields); });
}

std::string old_bytes(const job_record& x) {
  return edited(encode(x), [](auto& root) { shorten(root, record_fields); });
}

std::string old_bytes(const std::vector<event>& events) {
  return edited(encode_events(events), [&](auto& root) {
    for (uint32_t i = 0; i < events.size(); ++i) {
      auto& body = element(element(root, i), 3);
      if (std::holds_alternative<job_created>(events[i].body)
          || std::holds_alternative<job_ended>(events[i].body))
        shorten(element(body, 0), record_fields);
    }
  });
}

std::string golden(const std::string& name) {
  std::ifstream file{TROUPE_SOURCE_DIR "/tests/golden/job_codec/" + name
                     + ".hex"};
  std::string bytes;
  for (std::string line; std::getline(file, line);)
    for (size_t i = 0; i + 1 < line.size(); i += 2)
      bytes += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
  REQUIRE_FALSE(bytes.empty());
  return bytes;
}

// --- the older node's work --------------------------------------------------

struct old_job {
  job_spec spec;
  job_record record;
  std::vector<event> events;
  std::optional<job_output> output;

  void tell(event_body body) {
    events.push_back({record.next_seq++, record.created_at, std::move(body)});
  }
  std::string id() const { return record.id.str(); }
};

/// A store as the older node left it.
class old_store {
public:
  explicit old_store(const std::string& data_dir) {
    std::filesystem::create_directories(data_dir);
    auto opened = open_rocksdb_store({.directory = data_dir + "/store"});
    REQUIRE(opened.has_value());
    store_ = std::move(*opened);
    const auto taken = store_->acquire(shard, "older");
    REQUIRE(taken.has_value());
    epoch_ = *taken;
    REQUIRE(store_->load(shard, {}).has_value());
  }

  /// Accepted `age` ago.
  old_job queued(job_spec spec) {
    const auto at = system_clock().wall() - age + duration{++made_};
    spec.id = job_id::make(at, shard, random_);
    old_job job{.spec = spec, .record = make_record(spec)};
    // (tier, arrival), as it was.
    job.record.order_key = to_us(at);
    job.tell(job_created{job.record});
    job.tell(job_queued{0, 0.0});
    return job;
  }

  void put(const old_job& x) {
    const auto id = x.record.id;
    std::vector<store_op> ops{
      put_spec{id, old_bytes(x.spec)},
      put_record{id, !is_terminal(x.record.status), old_bytes(x.record)},
      append_events{id, 0, static_cast<uint32_t>(x.events.size()),
                    old_bytes(x.events)}};
    if (x.output)
      ops.push_back(put_output{id, encode(*x.output)});
    commit(std::move(ops));
  }

  void commit(std::vector<store_op> ops) {
    const std::vector<shard_batch> batches{{shard, epoch_, std::move(ops)}};
    for (const auto& answer : store_->commit(batches)) {
      INFO((answer ? std::string{} : answer.error().context));
      REQUIRE(answer.has_value());
    }
  }

private:
  static constexpr shard_id shard{7}; ///< The golden job's.

  seeded_rng random_{4};
  int64_t made_ = 0;
  std::unique_ptr<store> store_;
  uint64_t epoch_ = 0;
};

job_spec request(double service_s, uint32_t tokens) {
  job_spec x;
  x.model = "sim";
  x.text = "Package: old";
  x.simulate.emplace().service_s = service_s;
  x.simulate->tokens = tokens;
  return x;
}

job_spec limited(job_spec x, duration left, deadline_action action) {
  x.deadline = {.total_timeout = age + left, .action = action};
  return x;
}

/// As if the older node had been killed after the first words.
old_job running(old_store& store, job_spec spec) {
  auto job = store.queued(std::move(spec));
  auto& r = job.record;
  r.status = job_status::in_progress;
  r.phase = job_phase::decode;
  r.version = 2;
  r.attempt = 1;
  r.lease_epoch = 1;
  r.model_used = "sim";
  r.started_at = r.first_output_at = r.created_at + 1s;
  job.tell(job_started{1, "sim", "sim/0@older"});
  job.tell(output_delta{0, 0, "two words ", 2});
  r.output_bytes = 10;
  return job;
}

old_job ended(old_store& store, job_status status) {
  auto job = store.queued(request(0.05, 3));
  auto& r = job.record;
  r.attempt = 1;
  r.version = 3;
  r.model_used = "sim";
  job.tell(job_started{1, "sim", "sim/0@older"});
  if (status == job_status::completed) {
    job.tell(output_delta{0, 0, "done", 1});
    job.tell(output_item_done{0, "done", finish_reason::stop});
    job.output = job_output{"done", finish_reason::stop};
    r.finish = finish_reason::stop;
    r.output_bytes = 4;
  } else {
    r.error = failure{errc::model_error, "as it was"};
    r.dead_letter = true;
  }
  r.status = status;
  r.phase = job_phase::none;
  r.finished_at = r.created_at + 2s;
  r.retires_at = r.finished_at + 24h;
  ++r.next_seq; // The terminal event's own record counts it.
  job.events.push_back({r.next_seq - 1, r.finished_at, job_ended{r, ""}});
  return job;
}

constexpr const char* eight_slots =
  "{ name: sim, backend: simulated, slots: 8 }";

} // namespace

TEST_CASE("jobs that an older build stored end under this one, with their "
          "limits",
          "[cluster][slow]") {
  temporary_directory dir;
  const auto data = dir.str("data");
  std::string plain, cut, partial, strict, late, torn;
  {
    old_store store{data};
    auto keep = [&](old_job job) {
      store.put(job);
      return job.id();
    };
    plain = keep(store.queued(request(0.1, 8)));
    auto few = request(0.3, 50);
    few.params.max_output_tokens = 5;
    cut = keep(store.queued(few));
    torn = keep(running(store, few));
    const auto endless = request(600, 6000);
    partial =
      keep(store.queued(limited(endless, 8s, deadline_action::partial)));
    strict = keep(store.queued(limited(endless, 8s, deadline_action::fail)));
    auto missed = request(0.1, 8);
    missed.deadline.start_timeout = 5s;
    late = keep(store.queued(missed));
  }
  mortal_node node{{.data_dir = data}, eight_slots};
  CHECK(node.await_end(plain).at("status") == "completed");
  CHECK(node.await_end(plain).at("usage").at("output_tokens") == 8);
  for (const auto& id : {cut, torn}) {
    const auto job = node.await_end(id);
    INFO(json::serialize(job));
    CHECK(job.at("status") == "incomplete");
    CHECK(job.at("incomplete_details").at("reason") == "max_output_tokens");
    CHECK(job.at("usage").at("output_tokens") == 5);
    check_history(node, id);
  }
  CHECK(node.await_end(torn).at("attempt") == 2);
  CHECK(node.await_end(late).at("status") == "expired");
  const auto until_limit = node.await_end(partial);
  INFO(json::serialize(until_limit));
  CHECK(until_limit.at("status") == "incomplete");
  CHECK(until_limit.at("incomplete_details").at("reason") == "deadline");
  check_history(node, partial);
  const auto failed = node.await_end(strict);
  CHECK(failed.at("status") == "failed");
  CHECK(failed.at("error").at("code") == "deadline");
  // What this build stored of them is read again.
  node.kill();
  node.start();
  for (const auto& id : {plain, cut, torn, partial})
    check_history(node, id);
  CHECK(node.await_end(late).at("status") == "expired");
}

TEST_CASE("what an older build finished is still told and replayed",
          "[cluster][slow]") {
  temporary_directory dir;
  const auto data = dir.str("data");
  std::string done, dead;
  constexpr job_id golden_id{0x0019'2E6A'1B54'4C07, 0x0123'4567'89AB'CDEF};
  {
    old_store store{data};
    auto completed = ended(store, job_status::completed);
    auto letter = ended(store, job_status::failed);
    store.put(completed);
    store.put(letter);
    done = completed.id();
    dead = letter.id();
    store.commit(
      {put_spec{golden_id, golden("spec_before_replay")},
       put_record{golden_id, false, golden("record_before_replay")}});
  }
  mortal_node node{{.data_dir = data}, eight_slots};
  CHECK(node.await_end(done).at("status") == "completed");
  check_history(node, done);
  const auto letters = node.get("/v1/dead-letters").at("data").as_array();
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].at("id") == json::value(dead));
  CHECK(letters[0].at("error").at("message") == "as it was");
  const auto replay = troupe::bench::fetch(
    node.port(), "POST", "/v1/dead-letters/" + dead + "/replay", "{}");
  REQUIRE(replay.status == 202);
  const auto again = json::parse(replay.body);
  CHECK(again.at("replay_of") == json::value(dead));
  const std::string id{again.at("id").as_string()};
  CHECK(node.await_end(id).at("status") == "completed");
  check_history(node, id);
  // Of another tenant: read, and shown to nobody here.
  CHECK(troupe::bench::fetch(node.port(), "GET", "/v1/jobs/" + golden_id.str())
          .status
        == 404);
  CHECK(node.get("/v1/jobs").at("data").as_array().size() == 3);
}

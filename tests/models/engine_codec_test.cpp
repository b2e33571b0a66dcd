#include "models/engine_codec.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace troupe;
using namespace models;
using namespace std::string_literals;

namespace {

const runtime::attempt_id some_id{
  .job = runtime::job_id{0x0102030405060708, 0x1112131415161718},
  .epoch = 3,
  .attempt = 2};

const std::string id_bytes = "\x93\xC4\x10\x01\x02\x03\x04\x05\x06\x07\x08"
                             "\x11\x12\x13\x14\x15\x16\x17\x18"
                             "\x03\x02"s; // Integers in their shortest form.

frame frame_of(const engine_event& event) {
  frame_writer writer;
  std::string out;
  REQUIRE(append_event(event, writer, out));
  frame_reader reader;
  reader.feed(out);
  return **reader.next();
}

frame frame_of(const engine_order& order) {
  frame_writer writer;
  std::string out;
  REQUIRE(append_order(order, writer, out));
  frame_reader reader;
  reader.feed(out);
  return **reader.next();
}

/// What comes out of the other end.
template <class T>
T round_trip_event(const T& x) {
  auto back = decode_event(frame_of(engine_event{x}));
  REQUIRE(back.has_value());
  return std::get<T>(*back);
}
template <class T>
T round_trip_order(const T& x) {
  auto back = decode_order(frame_of(engine_order{x}));
  REQUIRE(back.has_value());
  return std::get<T>(*back);
}

std::string event_refusal(frame_kind kind, std::string body) {
  auto x = decode_event({.kind = kind, .body = std::move(body)});
  if (x)
    return {};
  CHECK(x.error().code == runtime::errc::protocol_error);
  return x.error().context;
}

} // namespace

TEST_CASE("the bytes of engine messages do not change",
          "[models][engine_codec][golden]") {
  CHECK(frame_of(engine_event{engine_beat{.steps = 5}}).body == "\x91\x05"s);
  CHECK(frame_of(engine_event{attempt_output{
                   .id = some_id, .text = "caf\xC3\xA9", .tokens = 1}})
          .body
        == "\x93" + id_bytes
             + "\xA5"
               "caf\xC3\xA9\x01"s);
  CHECK(frame_of(engine_event{
                   attempt_finished{.id = some_id,
                                    .finish = runtime::finish_reason::length,
                                    .input_tokens = 7,
                                    .output_tokens = 300}})
          .body
        == "\x94" + id_bytes + "\x02\x07\xCD\x01\x2C"s);
  CHECK(frame_of(
          engine_event{attempt_failed{.id = some_id,
                                      .why = {runtime::errc::model_error, "no"},
                                      .transient = false}})
          .body
        == "\x93" + id_bytes + "\x92\x19\xA2no\xC2"s);
  CHECK(frame_of(engine_event{
                   engine_died{.why = {runtime::errc::config_invalid, "x"}}})
          .body
        == "\x91\x92\x22\xA1x"s);
  CHECK(
    frame_of(engine_event{attempt_began{.id = some_id, .input_tokens = 9}}).body
    == "\x92" + id_bytes + "\x09"s);
  CHECK(frame_of(engine_order{cancel_order{.id = some_id}}).body
        == "\x91" + id_bytes);
  CHECK(frame_of(engine_event{engine_ready{
                   .description = {.kind = "k",
                                   .device = "cpu",
                                   .slots = 8,
                                   .context_length = 256,
                                   .continues_prefix = true,
                                   .can_park = true,
                                   .switch_cost_us = 7,
                                   .tasks = {runtime::task_kind::chat}}}})
          .body
        == "\x91\x98\xA1k\xA3"
           "cpu\x08\xCD\x01\x00\xC3\xC3\x07\x91\x01"s);
  CHECK(
    frame_of(engine_order{park_order{.id = some_id, .keep_cache = true}}).body
    == "\x92" + id_bytes + "\xC3"s);
  CHECK(frame_of(engine_order{resume_order{.id = some_id}}).body
        == "\x91" + id_bytes);
  CHECK(frame_of(engine_event{attempt_parked{.id = some_id}}).body
        == "\x91" + id_bytes);
  CHECK(frame_of(engine_order{load_backend_order{
                   .config = {.kind = "k", .path = "p", .device = "cpu"}}})
          .body
        == "\x97\xA1k\xA1p\x08\x00\xCD\x01\x00\x01\xA3"
           "cpu"s);
}

TEST_CASE("an attempt crosses with all it has", "[models][engine_codec]") {
  admit_order order;
  auto& r = order.request;
  r.id = some_id;
  r.task = runtime::task_kind::complete;
  r.text = "Package: größe\0\n"s;
  r.messages = {{"system", "be brief"}, {"user", ""}};
  r.params = {.max_output_tokens = 64,
              .temperature = 0.7,
              .top_p = 0.9,
              .top_k = 40,
              .stop = {"\n\n", "END"},
              .seed = -5,
              .presence_penalty = -2.0,
              .frequency_penalty = 1.5};
  r.simulate = runtime::simulate_params{.service_s = 0.25,
                                        .tokens = 3,
                                        .fail_at_token = 2,
                                        .fail_code = "invalid",
                                        .hang = true,
                                        .crash = true,
                                        .predicted_s = 9.0};
  r.prefix = "so far";
  r.prefix_tokens = 2;
  auto back = round_trip_order(order).request;
  CHECK(back.id == r.id);
  CHECK(back.task == r.task);
  CHECK(back.text == r.text);
  CHECK(back.messages == r.messages);
  CHECK(back.params == r.params);
  CHECK(back.simulate == r.simulate);
  CHECK(back.prefix == r.prefix);
  CHECK(back.prefix_tokens == r.prefix_tokens);

  auto plain = round_trip_order(admit_order{}).request;
  CHECK_FALSE(plain.simulate);
  CHECK_FALSE(plain.params.seed);
}

TEST_CASE("events cross with all they have", "[models][engine_codec]") {
  auto failed = round_trip_event(
    attempt_failed{.id = some_id,
                   .why = {runtime::errc::context_too_long, "4097 tokens"},
                   .transient = false});
  CHECK(failed.id == some_id);
  CHECK(failed.why.code == runtime::errc::context_too_long);
  CHECK(failed.why.context == "4097 tokens");
  CHECK_FALSE(failed.transient);
  auto output = round_trip_event(
    attempt_output{.id = some_id, .text = "größe\x01", .tokens = 0xFFFFFFFF});
  CHECK(output.text == "größe\x01");
  CHECK(output.tokens == 0xFFFFFFFF);
}

TEST_CASE("text that is no UTF-8 is refused from an engine only",
          "[models][engine_codec][hostile]") {
  auto x = frame_of(
    engine_event{attempt_output{.id = some_id, .text = "\xFF", .tokens = 1}});
  CHECK(event_refusal(x.kind, x.body)
        == "engine frame of kind 18: wrong type, value or length at text");
  admit_order order;
  order.request.text = "\xFF";
  CHECK(round_trip_order(order).request.text == "\xFF");
}

TEST_CASE("orders are no events and events are no orders",
          "[models][engine_codec][hostile]") {
  CHECK(event_refusal(frame_kind::cancel, "\x91" + id_bytes)
        == "engine frame of kind 3: wrong direction");
  auto beat = frame_of(engine_event{engine_beat{}});
  auto x = decode_order(beat);
  REQUIRE(x.has_error());
  CHECK(x.error().code == runtime::errc::protocol_error);
}

TEST_CASE("every cut, every longer body and every bomb is refused",
          "[models][engine_codec][hostile]") {
  auto whole = frame_of(engine_event{
    engine_ready{.description = {.kind = "k",
                                 .device = "cpu",
                                 .tasks = {runtime::task_kind::chat,
                                           runtime::task_kind::complete}}}});
  REQUIRE(event_refusal(whole.kind, whole.body).empty());
  for (size_t size = 0; size < whole.body.size(); ++size)
    CHECK_FALSE(event_refusal(whole.kind, whole.body.substr(0, size)).empty());
  CHECK(event_refusal(whole.kind, whole.body + "\xC0")
        == "engine frame of kind 16: wrong type, value or length at its size");

  // An array header that announces 2^32 - 1 elements, or thousands of levels.
  CHECK_FALSE(event_refusal(frame_kind::ready, "\xDD\xFF\xFF\xFF\xFF").empty());
  auto tasks_at = whole.body.find('\x92');
  auto huge = whole.body.substr(0, tasks_at) + "\xDD\xFF\xFF\xFF\xFF\x01";
  CHECK_FALSE(event_refusal(frame_kind::ready, huge).empty());
  std::string deep(1u << 20, '\x91');
  for (auto kind : {frame_kind::ready, frame_kind::output, frame_kind::beat})
    CHECK_FALSE(event_refusal(kind, deep).empty());
  CHECK_FALSE(
    event_refusal(frame_kind::output, "\xDB\xFF\xFF\xFF\xFF").empty());
  CHECK_FALSE(event_refusal(frame_kind::beat, "\x91\x80").empty());
  CHECK_FALSE(event_refusal(frame_kind::beat, "\x91\xFF").empty()); // -1
}

TEST_CASE("numbers outside of an enumeration are refused",
          "[models][engine_codec][hostile]") {
  auto finished = frame_of(engine_event{attempt_finished{.id = some_id}});
  auto at = 1 + id_bytes.size();
  REQUIRE(finished.body[at] == '\x01');
  finished.body[at] = '\x06';
  CHECK(event_refusal(finished.kind, finished.body).empty());
  finished.body[at] = '\x07';
  CHECK(event_refusal(finished.kind, finished.body)
        == "engine frame of kind 19: wrong type, value or length at finish");
  CHECK_FALSE(event_refusal(frame_kind::died, "\x91\x92\x00\xA0"s).empty());
  CHECK_FALSE(event_refusal(frame_kind::died, "\x91\x92\x7F\xA0"s).empty());
}

TEST_CASE("an order that exceeds a frame is not written",
          "[models][engine_codec]") {
  admit_order order;
  order.request.text.assign(models::frame_length_max, 'x');
  frame_writer writer;
  std::string out;
  CHECK_FALSE(append_order(order, writer, out));
  CHECK(out.empty());
}

#include "tests/support/job_samples.hpp"

namespace troupe::tests {

namespace rt = troupe::runtime;

template <class E>
E job_samples::any(E first, E last) {
  const auto low = static_cast<uint64_t>(first);
  return static_cast<E>(low + below(static_cast<uint64_t>(last) - low + 1));
}

rt::job_id job_samples::id(rt::shard_id shard) {
  now_us_ += static_cast<int64_t>(1 + below(1000));
  return rt::job_id::make(rt::wall_from_us(now_us_), shard, random_);
}

rt::wall_time job_samples::time() {
  return chance(3) ? rt::wall_time{}
                   : rt::wall_from_us(static_cast<int64_t>(u64() >> 12));
}

// Small and large numbers alike, so that every msgpack width occurs.
uint32_t job_samples::u32() {
  return static_cast<uint32_t>(random_.next() >> (32 + below(32)));
}
uint64_t job_samples::u64() {
  return random_.next() >> below(64);
}

std::string job_samples::text(size_t size_max) {
  static const std::vector<std::string> pieces = {
    "a",  "word ", "\n", "\u00e9", "\u65e5\u672c", "\U0001F600",
    "\t", "\"",    "<",  "{}",     "0123456789",   std::string(1, char{0})};
  std::string out;
  const auto size = below(size_max + 1);
  while (out.size() < size)
    out += pieces[below(pieces.size())];
  return out;
}

std::string job_samples::bytes(size_t size) {
  std::string out(size, '\0');
  for (auto& byte : out)
    byte = static_cast<char>(random_.next());
  return out;
}

rt::job_spec job_samples::spec(rt::job_id id) {
  rt::job_spec x;
  x.id = id;
  x.tenant = chance(2) ? "default" : "tenant-" + std::to_string(below(5));
  x.model = "model-" + std::to_string(below(5));
  x.task = any(rt::task_kind::chat, rt::task_kind::run);
  if (chance(2))
    x.text = text(400);
  else
    for (size_t i = 0; i <= below(4); ++i)
      x.messages.push_back({chance(2) ? "user" : "assistant", text(200)});
  x.params.max_output_tokens = u32();
  x.params.temperature = random_.unit() * 2;
  x.params.top_p = chance(3) ? 1.0 : random_.unit();
  x.params.top_k = u32();
  for (size_t i = below(5); i > 0; --i)
    x.params.stop.push_back(text(16));
  if (chance(2))
    x.params.seed = static_cast<int64_t>(random_.next());
  x.params.presence_penalty = random_.unit() * 4 - 2;
  x.params.frequency_penalty = -0.0;
  if (chance(3)) {
    auto& simulate = x.simulate.emplace();
    if (chance(2))
      simulate.service_s = random_.unit();
    if (chance(2))
      simulate.tokens = u32();
    if (chance(2))
      simulate.fail_at_token = u32();
    simulate.fail_code = chance(2) ? "transient" : "";
    simulate.hang = chance(2);
    simulate.crash = chance(2);
    if (chance(2))
      simulate.predicted_s = 1e300;
  }
  x.job_class = "class-" + std::to_string(below(3));
  x.tier = any(rt::service_tier::flex, rt::service_tier::priority);
  x.deadline = {rt::duration{u32()}, rt::duration{u32()},
                any(rt::deadline_action::partial, rt::deadline_action::fail)};
  x.resume = any(rt::resume_mode::resume, rt::resume_mode::never);
  x.max_attempts = 1 + static_cast<uint32_t>(below(10));
  x.retention = rt::duration{static_cast<int64_t>(u64() >> 1)};
  for (size_t i = below(4); i > 0; --i)
    x.metadata[text(10)] = text(30);
  x.estimated_s = random_.unit() * 100;
  if (chance(4))
    x.replay_of = this->id(id.shard());
  if (chance(4))
    x.traceparent = text(55);
  x.truncation_auto = chance(2);
  return x;
}

rt::job_record job_samples::record(rt::job_id id, rt::job_status status) {
  rt::job_record x;
  x.id = id;
  x.tenant = "tenant-" + std::to_string(below(3));
  x.model = "model-" + std::to_string(below(3));
  x.model_used = chance(2) ? x.model : "";
  x.job_class = "class-" + std::to_string(below(3));
  x.task = any(rt::task_kind::chat, rt::task_kind::run);
  x.tier = any(rt::service_tier::flex, rt::service_tier::priority);
  x.status = status;
  x.phase = rt::is_terminal(status)
              ? rt::job_phase::none
              : any(rt::job_phase::admitted, rt::job_phase::delivering);
  x.version = u32();
  x.attempt = u32();
  x.charged = u32();
  x.solo_crashes = u32();
  x.suspect = chance(2);
  x.max_attempts = u32();
  x.lease_epoch = u64();
  x.order_key = static_cast<int64_t>(random_.next());
  x.estimated_s = random_.unit();
  x.created_at = id.created_at();
  x.started_at = time();
  x.first_output_at = time();
  x.finished_at = time();
  x.start_at = time();
  x.total_at = time();
  x.retires_at = time();
  x.on_deadline = any(rt::deadline_action::partial, rt::deadline_action::fail);
  x.resume = any(rt::resume_mode::resume, rt::resume_mode::never);
  x.next_seq = u64();
  x.output_bytes = u64();
  x.usage = {u32(), u32(), u32(), random_.unit()};
  x.timing = {static_cast<int64_t>(u64() >> 1), -1, 0};
  x.finish = any(rt::finish_reason::none, rt::finish_reason::shutdown);
  x.dead_letter = chance(4);
  if (chance(3))
    x.error = rt::failure{
      any(rt::errc::invalid_argument, rt::errc::rate_limited), text(60)};
  x.budget_cost = chance(2) ? random_.unit() : 0;
  x.budget_serial = chance(2) ? u64() : 0;
  x.kept_tokens_min = chance(2) ? u32() : 0;
  x.letter = any(rt::letter_state::dead, rt::letter_state::dropped);
  if (x.letter == rt::letter_state::replayed)
    x.replayed_as = this->id(id.shard());
  const auto octets = id.bytes();
  x.decision.assign(octets.begin(), octets.end());
  return x;
}

rt::event job_samples::event(uint64_t seq, rt::job_id id) {
  rt::event x;
  x.seq = seq;
  x.at = time();
  switch (below(8)) {
    case 0:
      x.body = rt::job_created{record(id)};
      break;
    case 1:
      x.body = rt::job_queued{u64(), random_.unit()};
      break;
    case 2:
      x.body = rt::job_started{u32(), "m", "m/0@node"};
      break;
    case 3:
      x.body = rt::output_delta{u32(), u64(), text(40), u32()};
      break;
    case 4:
      x.body = rt::output_item_done{u32(), text(200), rt::finish_reason::stop};
      break;
    case 5:
      x.body = rt::job_retrying{u32(), "timeout", random_.unit(),
                                rt::failure{rt::errc::worker_lost, text(20)}};
      break;
    case 6:
      x.body = rt::output_reset{u32(), u64()};
      break;
    default:
      x.body = rt::job_ended{record(id, rt::job_status::failed), text(30)};
      break;
  }
  return x;
}

std::vector<rt::event> job_samples::events(uint64_t first_seq, size_t count,
                                           rt::job_id id) {
  std::vector<rt::event> all;
  for (size_t i = 0; i < count; ++i)
    all.push_back(event(first_seq + i, id));
  return all;
}

rt::job_output job_samples::output() {
  return {text(500), any(rt::finish_reason::none, rt::finish_reason::shutdown)};
}

rt::idempotency_entry job_samples::idempotency(rt::job_id job) {
  return {job, bytes(32), time()};
}

} // namespace troupe::tests

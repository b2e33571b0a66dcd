#include "tests/runtime/storage/store_suite.hpp"

#include "runtime/job_codec.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>

namespace troupe::tests {

using namespace troupe::runtime;

namespace {

constexpr shard_id first{3};
constexpr shard_id second{9};

errc code_of(const auto& x) {
  REQUIRE(x.has_error());
  return x.error().code;
}

uint64_t take(store& s, shard_id shard) {
  return s.acquire(shard, "node").value();
}

/// Commits one batch that must succeed.
uint64_t put(store& s, shard_id shard, uint64_t epoch,
             std::vector<store_op> ops) {
  const std::array batches{shard_batch{shard, epoch, std::move(ops)}};
  const auto answers = s.commit(batches);
  REQUIRE(answers.size() == 1);
  REQUIRE(answers[0].has_value());
  return answers[0]->seq;
}

put_record record_of(const job_record& x) {
  return {x.id, !is_terminal(x.status), encode(x)};
}

append_events chunk(job_id id, std::span<const event> events) {
  return {id, events.front().seq, static_cast<uint32_t>(events.size()),
          encode_events(events)};
}

// --- sequence numbers and epochs
// ----------------------------------------------

void numbers_are_dense(store_host& host) {
  auto& s = host.get();
  const auto a = take(s, first);
  const auto b = take(s, second);
  for (uint64_t i = 1; i <= 50; ++i) {
    const std::array batches{shard_batch{first, a, {}},
                             shard_batch{second, b, {}},
                             shard_batch{first, a, {}}};
    const auto answers = s.commit(batches);
    REQUIRE(answers.size() == 3);
    CHECK(answers[0]->seq == 2 * i - 1);
    CHECK(answers[1]->seq == i);
    CHECK(answers[2]->seq == 2 * i);
  }
  host.restart();
  CHECK(load_image(host.get(), first).last_seq == 100);
  CHECK(load_image(host.get(), second).last_seq == 50);
  CHECK(put(host.get(), first, take(host.get(), first), {}) == 101);
}

void nothing_to_commit(store_host& host) {
  CHECK(host.get().commit({}).empty());
}

void epochs_grow(store_host& host) {
  CHECK(take(host.get(), first) == 1);
  CHECK(take(host.get(), first) == 2);
  host.restart();
  CHECK(take(host.get(), first) == 3);
  CHECK(take(host.get(), second) == 1);
}

void stale_fails_alone(store_host& host) {
  auto& s = host.get();
  job_samples samples{1};
  const auto old_epoch = take(s, first);
  const auto epoch = take(s, first);
  const auto other = take(s, second);
  const auto lost = samples.id(first);
  const auto kept = samples.id(second);
  const std::array batches{admission(samples, first, old_epoch, lost),
                           admission(samples, second, other, kept),
                           shard_batch{first, epoch + 1, {}},
                           shard_batch{first, 0, {}}};
  const auto answers = s.commit(batches);
  REQUIRE(answers.size() == 4);
  CHECK(code_of(answers[0]) == errc::stale_epoch);
  CHECK(answers[1]->seq == 1);
  CHECK(code_of(answers[2]) == errc::stale_epoch);
  CHECK(code_of(answers[3]) == errc::stale_epoch);
  CHECK(code_of(s.record(lost)) == errc::not_found);
  CHECK(code_of(s.spec(lost)) == errc::not_found);
  CHECK(s.events(lost, 0, 10)->empty());
  CHECK(s.record(kept).has_value());
  CHECK(load_image(s, first).last_seq == 0);
  CHECK(put(s, first, epoch, {}) == 1);
}

void never_acquired_is_stale(store_host& host) {
  const std::array batches{shard_batch{first, 0, {}},
                           shard_batch{first, 1, {}}};
  for (const auto& answer : host.get().commit(batches))
    CHECK(code_of(answer) == errc::stale_epoch);
  CHECK(load_image(host.get(), first) == shard_image{});
}

void leases(store_host& host) {
  auto& s = host.get();
  CHECK(code_of(s.acquire(first, "")) == errc::invalid_argument);
  const auto epoch = take(s, first);
  CHECK(s.renew(first, epoch).has_value());
  CHECK(code_of(s.renew(first, epoch + 1)) == errc::stale_epoch);
  CHECK(code_of(s.release(first, epoch + 1)) == errc::stale_epoch);
  CHECK(s.release(first, epoch).has_value());
  // Released: the epoch that was is no longer good for anything.
  CHECK(code_of(s.renew(first, epoch)) == errc::stale_epoch);
  CHECK(code_of(s.release(first, epoch)) == errc::stale_epoch);
  const std::array batches{shard_batch{first, epoch, {}}};
  CHECK(code_of(s.commit(batches)[0]) == errc::stale_epoch);
  host.restart();
  CHECK(take(host.get(), first) == epoch + 1);
}

void leases_end_with_the_process(store_host& host) {
  const auto epoch = take(host.get(), first);
  host.restart();
  auto& s = host.get();
  const std::array batches{shard_batch{first, epoch, {}}};
  CHECK(code_of(s.commit(batches)[0]) == errc::stale_epoch);
  CHECK(code_of(s.renew(first, epoch)) == errc::stale_epoch);
  CHECK(load_image(s, first).last_seq == 0);
}

// --- batches
// ------------------------------------------------------------------

void foreign_operation_fails_alone(store_host& host) {
  auto& s = host.get();
  job_samples samples{2};
  const auto epoch = take(s, first);
  auto bad = admission(samples, first, epoch, samples.id(first));
  const auto good_part = std::get<put_record>(bad.ops[1]).id;
  const auto foreign = samples.record(samples.id(second));
  bad.ops.push_back(record_of(foreign));
  const auto kept = samples.id(first);
  const std::array batches{bad, admission(samples, first, epoch, kept)};
  const auto answers = s.commit(batches);
  CHECK(code_of(answers[0]) == errc::invalid_argument);
  CHECK(answers[1]->seq == 1);
  CHECK(code_of(s.record(good_part)) == errc::not_found);
  CHECK(code_of(s.record(foreign.id)) == errc::not_found);
  CHECK(s.record(kept).has_value());
}

void empty_operations_are_refused(store_host& host) {
  auto& s = host.get();
  job_samples samples{3};
  const auto epoch = take(s, first);
  for (const store_op& op : std::initializer_list<store_op>{
         append_events{samples.id(first), 0, 0, {}}, put_idempotency{},
         drop_idempotency{}}) {
    const std::array batches{shard_batch{first, epoch, {op}}};
    CHECK(code_of(s.commit(batches)[0]) == errc::invalid_argument);
  }
}

// --- jobs
// ---------------------------------------------------------------------

void unknown_jobs(store_host& host) {
  job_samples samples{4};
  const auto& s = host.get();
  const auto id = samples.id(first);
  CHECK(code_of(s.record(id)) == errc::not_found);
  CHECK(code_of(s.spec(id)) == errc::not_found);
  CHECK(code_of(s.output(id)) == errc::not_found);
  CHECK(s.events(id, 0, 10)->empty());
  CHECK(s.events(id, 5, 10)->empty());
}

void values_come_back(store_host& host) {
  auto& s = host.get();
  job_samples samples{5};
  const auto epoch = take(s, first);
  const auto id = samples.id(first);
  const auto spec = samples.spec(id);
  auto record = samples.record(id);
  const auto events = samples.events(0, 3, id);
  const auto output = samples.output();
  put(s, first, epoch,
      {put_spec{id, encode(spec)}, record_of(record), chunk(id, events)});
  CHECK(s.record(id).value() == record);
  record = samples.record(id, job_status::completed);
  put(s, first, epoch, {record_of(record), put_output{id, encode(output)}});
  for (int round = 0; round < 2; ++round) {
    const auto& now = host.get();
    CHECK(now.record(id).value() == record);
    CHECK(now.spec(id).value() == spec);
    CHECK(now.output(id).value() == output);
    CHECK(now.events(id, 0, 100).value() == events);
    host.restart();
  }
}

void live_jobs_in_order(store_host& host) {
  auto& s = host.get();
  job_samples samples{6};
  const auto epoch = take(s, first);
  const auto other = take(s, second);
  std::vector<job_record> jobs;
  for (int i = 0; i < 700; ++i)
    jobs.push_back(samples.record(samples.id(first)));
  auto shuffled = jobs;
  for (size_t i = shuffled.size(); i > 1; --i)
    std::swap(shuffled[i - 1], shuffled[samples.below(i)]);
  for (const auto& job : shuffled)
    put(s, first, epoch, {record_of(job)});
  put(s, second, other, {record_of(samples.record(samples.id(second)))});
  // Every third one ends, some in the commit that starts them again.
  std::vector<std::string> expected;
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (i % 3 != 0) {
      expected.push_back(encode(jobs[i]));
      continue;
    }
    put(s, first, epoch,
        {record_of(jobs[i]),
         record_of(samples.record(jobs[i].id, job_status::cancelled))});
  }
  for (int round = 0; round < 2; ++round) {
    size_t live = 0;
    const load_visitor visitor{[&](job_record&&) { ++live; }, {}};
    const auto summary = host.get().load(first, visitor);
    CHECK(summary->live_jobs == expected.size());
    CHECK(live == expected.size());
    CHECK(load_image(host.get(), first).live == expected);
    CHECK(load_image(host.get(), second).live.size() == 1);
    host.restart();
  }
}

void visitors_may_be_empty(store_host& host) {
  auto& s = host.get();
  job_samples samples{7};
  const auto epoch = take(s, first);
  const auto id = samples.id(first);
  put(s, first, epoch,
      {record_of(samples.record(id)),
       put_idempotency{"k", encode(samples.idempotency(id))}});
  const auto summary = s.load(first, {});
  CHECK(summary->epoch == epoch);
  CHECK(summary->last_seq == 1);
  CHECK(summary->live_jobs == 1);
}

void bad_bytes_are_corruption(store_host& host) {
  auto& s = host.get();
  job_samples samples{8};
  const auto epoch = take(s, first);
  const auto id = samples.id(first);
  put(s, first, epoch,
      {put_spec{id, "\x01?"}, put_record{id, true, ""}, put_output{id, "\x7F"},
       append_events{id, 0, 1, "\x01\xC0"}});
  CHECK(code_of(s.record(id)) == errc::corruption);
  CHECK(code_of(s.spec(id)) == errc::corruption);
  CHECK(code_of(s.output(id)) == errc::corruption);
  CHECK(code_of(s.events(id, 0, 10)) == errc::corruption);
  CHECK(code_of(s.load(first, {})) == errc::corruption);
  CHECK(code_of(s.list({.filter = {.tenant = {}, .all_tenants = true}}))
        == errc::corruption);
  // The neighbours are well.
  take(s, second);
  CHECK(s.load(second, {}).has_value());
}

void live_without_record_is_corruption(store_host& host) {
  auto& s = host.get();
  job_samples samples{9};
  const auto epoch = take(s, first);
  const auto id = samples.id(first);
  const auto entry = encode(samples.idempotency(id));
  put(s, first, epoch, {put_idempotency{"k", entry + "x"}});
  CHECK(code_of(s.load(first, {})) == errc::corruption);
  put(s, first, epoch, {put_idempotency{"k", entry}});
  CHECK(s.load(first, {}).has_value());
}

// --- idempotency
// --------------------------------------------------------------

void idempotency_keys(store_host& host) {
  auto& s = host.get();
  job_samples samples{10};
  const auto epoch = take(s, first);
  const auto other = take(s, second);
  const auto entry = [&](shard_id shard) {
    return encode(samples.idempotency(samples.id(shard)));
  };
  const auto binary = std::string(31, '\xFF') + '\0';
  const auto kept = entry(first);
  put(s, first, epoch,
      {put_idempotency{"a", entry(first)}, put_idempotency{"b", entry(first)},
       put_idempotency{binary, kept}});
  put(s, second, other, {put_idempotency{"a", entry(second)}});
  const auto newer = entry(first);
  put(s, first, epoch,
      {put_idempotency{"a", newer}, drop_idempotency{"b"},
       drop_idempotency{"never"}});
  for (int round = 0; round < 2; ++round) {
    const auto image = load_image(host.get(), first);
    REQUIRE(image.idempotency.size() == 2);
    CHECK(image.idempotency[0] == std::pair{std::string{"a"}, newer});
    CHECK(image.idempotency[1] == std::pair{binary, kept});
    CHECK(load_image(host.get(), second).idempotency.size() == 1);
    host.restart();
  }
}

// --- retention
// ----------------------------------------------------------------

void retire(store_host& host) {
  auto& s = host.get();
  job_samples samples{11};
  const auto epoch = take(s, first);
  const auto neighbour = samples.id(first);
  std::vector<job_id> ids;
  for (int i = 0; i < 3; ++i)
    ids.push_back(samples.id(first));
  ids.push_back(neighbour);
  for (const auto id : ids) {
    auto batch = admission(samples, first, epoch, id);
    batch.ops.push_back(put_output{id, encode(samples.output())});
    put(s, first, epoch, std::move(batch.ops));
    put(s, first, epoch,
        {chunk(id, samples.events(2, 3, id)),
         record_of(samples.record(id, job_status::completed))});
  }
  const auto before = read_everything(s, neighbour);
  put(s, first, epoch, {retire_job{ids[0], true}, retire_job{ids[1], false}});
  // A chunk of the very commit that retires the job goes too.
  put(s, first, epoch,
      {chunk(ids[2], samples.events(5, 2, ids[2])), retire_job{ids[2], true}});
  host.restart();
  const auto& now = host.get();
  for (const auto i : {0, 1, 2}) {
    CHECK(code_of(now.spec(ids[i])) == errc::not_found);
    CHECK(code_of(now.output(ids[i])) == errc::not_found);
    CHECK(now.events(ids[i], 0, 100)->empty());
  }
  CHECK(now.record(ids[0]).has_value());
  CHECK(code_of(now.record(ids[1])) == errc::not_found);
  CHECK(now.record(ids[2]).has_value());
  CHECK(read_everything(now, neighbour) == before);
}

void same_history_same_image(store_host& host) {
  job_samples samples{12};
  const auto epoch = take(host.get(), first);
  for (int i = 0; i < 40; ++i)
    put(host.get(), first, epoch,
        admission(samples, first, epoch, samples.id(first)).ops);
  const auto before = load_image(host.get(), first);
  host.restart();
  CHECK(load_image(host.get(), first) == before);
  CHECK(load_image(host.get(), first) == before);
  host.restart();
  CHECK(load_image(host.get(), first) == before);
}

constexpr std::array cases{
  store_case{"sequence numbers are dense per shard", numbers_are_dense},
  store_case{"committing nothing is fine", nothing_to_commit},
  store_case{"every acquisition raises the epoch", epochs_grow},
  store_case{"a stale batch fails alone", stale_fails_alone},
  store_case{"a shard that nobody has takes nothing", never_acquired_is_stale},
  store_case{"leases are renewed and released by their epoch", leases},
  store_case{"a lease ends with the process that had it",
             leases_end_with_the_process},
  store_case{"a batch is written whole or not at all",
             foreign_operation_fails_alone},
  store_case{"empty operations are refused", empty_operations_are_refused},
  store_case{"unknown jobs are not found", unknown_jobs},
  store_case{"what was committed comes back", values_come_back},
  store_case{"load lists the live jobs in order of id", live_jobs_in_order},
  store_case{"a loader need not look", visitors_may_be_empty},
  store_case{"bytes that do not decode are corruption",
             bad_bytes_are_corruption},
  store_case{"a bad idempotency entry stops the shard alone",
             live_without_record_is_corruption},
  store_case{"idempotency keys belong to their shard", idempotency_keys},
  store_case{"retiring a job removes what it says and nothing else", retire},
  store_case{"loading twice gives equal bytes", same_history_same_image},
};

} // namespace

std::span<const store_case> store_suite() {
  return cases;
}

shard_image load_image(store& s, shard_id shard) {
  shard_image image;
  load_visitor visitor;
  visitor.on_live_job = [&](job_record&& x) {
    image.live.push_back(encode(x));
  };
  visitor.on_idempotency = [&](std::string key, idempotency_entry&& x) {
    image.idempotency.emplace_back(std::move(key), encode(x));
  };
  const auto summary = s.load(shard, visitor);
  INFO((summary ? std::string{} : summary.error().context));
  REQUIRE(summary.has_value());
  CHECK(summary->live_jobs == image.live.size());
  image.last_seq = summary->last_seq;
  std::sort(image.idempotency.begin(), image.idempotency.end());
  return image;
}

std::vector<std::string> read_everything(const store_reader& s, job_id id) {
  std::vector<std::string> all;
  const auto add = [&](const auto& x) {
    all.push_back(x ? encode(*x) : std::string{to_string(x.error().code)});
  };
  add(s.record(id));
  add(s.spec(id));
  add(s.output(id));
  const auto events = s.events(id, 0, 1'000'000);
  all.push_back(events ? encode_events(*events)
                       : std::string{to_string(events.error().code)});
  return all;
}

shard_batch admission(job_samples& samples, shard_id shard, uint64_t epoch,
                      job_id id) {
  return {shard,
          epoch,
          {put_spec{id, encode(samples.spec(id))},
           record_of(samples.record(id)), chunk(id, samples.events(0, 2, id))}};
}

} // namespace troupe::tests

#include "tests/runtime/storage/store_reading_suite.hpp"

#include "runtime/job_codec.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <map>

namespace troupe::tests {

using namespace troupe::runtime;

namespace {

constexpr shard_id shard{5};

errc code_of(const auto& x) {
  REQUIRE(x.has_error());
  return x.error().code;
}

void put(store& s, uint64_t epoch, std::vector<store_op> ops) {
  const std::array batches{shard_batch{shard, epoch, std::move(ops)}};
  REQUIRE(s.commit(batches)[0].has_value());
}

append_events chunk(job_id id, std::span<const event> events) {
  return {id, events.front().seq, static_cast<uint32_t>(events.size()),
          encode_events(events)};
}

// --- replay runs

void runs_are_kept_replaced_and_forgotten(store_host& host) {
  auto& s = host.get();
  job_samples samples{31};
  const auto epoch = s.acquire(shard, "node").value();
  std::vector<replay_run> runs(3);
  for (auto& x : runs) {
    x.id = samples.id(shard);
    x.tenant = "acme";
    x.waiting = {samples.id(shard), samples.id(shard)};
    put(s, epoch, {put_run{x.id, encode(x)}});
  }
  runs[1].status = run_status::paused;
  runs[1].counts.submitted = 7;
  put(s, epoch, {put_run{runs[1].id, encode(runs[1])}});
  CHECK(s.runs().value() == runs);
  put(s, epoch, {put_run{runs[0].id, {}}});
  runs.erase(runs.begin());
  host.restart();
  CHECK(host.get().runs().value() == runs);
  // They are no jobs.
  CHECK(code_of(host.get().record(runs[0].id)) == errc::not_found);
}

// --- values

using named_values = std::vector<std::pair<std::string, std::string>>;

named_values values_of(store& s, shard_id of) {
  named_values found;
  load_visitor visitor;
  visitor.on_value = [&](std::string name, std::string bytes) {
    found.emplace_back(std::move(name), std::move(bytes));
  };
  REQUIRE(s.load(of, visitor).has_value());
  return found;
}

void values_are_kept_replaced_and_forgotten(store_host& host) {
  auto& s = host.get();
  const auto epoch = s.acquire(shard, "node").value();
  const shard_id neighbour{6};
  const auto other = s.acquire(neighbour, "node").value();
  const std::string binary{"poison/\0\xFF", 9};
  put(s, epoch,
      {put_value{"cost/b", "1"}, put_value{binary, std::string(1'000, '\0')}});
  put(s, epoch, {put_value{"cost/a", "2"}, put_value{"cost/b", "3"}});
  const std::array theirs{
    shard_batch{neighbour, other, {put_value{"cost/a", "other"}}}};
  REQUIRE(s.commit(theirs)[0].has_value());
  const named_values all{
    {"cost/a", "2"}, {"cost/b", "3"}, {binary, std::string(1'000, '\0')}};
  CHECK(values_of(s, shard) == all);
  host.restart();
  CHECK(values_of(host.get(), shard) == all);
  CHECK(values_of(host.get(), neighbour) == named_values{{"cost/a", "other"}});
  const auto again = host.get().acquire(shard, "node").value();
  put(host.get(), again, {put_value{"cost/b", {}}, put_value{binary, {}}});
  put(host.get(), again, {put_value{"never/there", {}}});
  host.restart();
  CHECK(values_of(host.get(), shard) == named_values{{"cost/a", "2"}});
}

void values_without_a_fit_name_are_refused(store_host& host) {
  auto& s = host.get();
  const auto epoch = s.acquire(shard, "node").value();
  for (const auto& name : {std::string{}, std::string(201, 'n')}) {
    const std::array batches{shard_batch{shard, epoch, {put_value{name, "x"}}}};
    CHECK(code_of(s.commit(batches)[0]) == errc::invalid_argument);
  }
  CHECK(values_of(s, shard).empty());
}

// --- budgets

void budgets_are_kept_with_their_home(store_host& host) {
  auto load = [&](shard_id of) {
    std::map<std::string, tenant_record> found;
    REQUIRE(host.get()
              .load(of, {.on_budget =
                           [&](std::string tenant, tenant_record&& x) {
                             found.emplace(std::move(tenant), std::move(x));
                           }})
              .has_value());
    return found;
  };
  auto& s = host.get();
  auto epoch = s.acquire(shard, "node").value();
  const tenant_record old{.level_micro_cost = 5, .counted_below = 2};
  const tenant_record now{.level_micro_cost = -7, .counted_below = 9};
  put(s, epoch,
      {put_budget{"acme", encode(old)}, put_budget{"a", encode(old)}});
  put(s, epoch, {put_budget{"acme", encode(now)}});
  const std::array empty{
    shard_batch{shard, epoch, {put_budget{"", encode(old)}}}};
  CHECK(code_of(s.commit(empty)[0]) == errc::invalid_argument);
  host.restart();
  static_cast<void>(host.get().acquire(shard, "node").value());
  CHECK(load(shard)
        == std::map<std::string, tenant_record>{{"a", old}, {"acme", now}});
  CHECK(load({4}).empty());
}

// --- events
// -------------------------------------------------------------------

void events_across_chunks(store_host& host) {
  auto& s = host.get();
  job_samples samples{21};
  const auto epoch = s.acquire(shard, "node").value();
  const auto id = samples.id(shard);
  const auto before = samples.id(shard);
  const auto all = samples.events(0, 300, id);
  // Neighbours on both sides, so that a scan that leaves the job is noticed.
  put(s, epoch, {chunk(before, samples.events(0, 4, before))});
  const auto after = samples.id(shard);
  put(s, epoch, {chunk(after, samples.events(0, 4, after))});
  for (size_t at = 0; at < all.size();) {
    const auto size = std::min(1 + samples.below(20), all.size() - at);
    put(s, epoch, {chunk(id, std::span{all}.subspan(at, size))});
    at += size;
  }
  host.restart();
  for (size_t from = 0; from <= all.size() + 2; ++from)
    for (const size_t limit : {size_t{1}, size_t{7}, size_t{1000}}) {
      const auto page = host.get().events(id, from, limit);
      REQUIRE(page.has_value());
      const auto begin = std::min(from, all.size());
      const auto size = std::min(limit, all.size() - begin);
      REQUIRE(std::equal(page->begin(), page->end(),
                         all.begin() + static_cast<ptrdiff_t>(begin),
                         all.begin() + static_cast<ptrdiff_t>(begin + size)));
    }
  CHECK(host.get().events(id, 0, 0)->empty());
}

void repeated_chunks_are_one(store_host& host) {
  auto& s = host.get();
  job_samples samples{22};
  const auto epoch = s.acquire(shard, "node").value();
  const auto id = samples.id(shard);
  const auto all = samples.events(0, 10, id);
  const std::span view{all};
  put(s, epoch, {chunk(id, view.first(5))});
  put(s, epoch, {chunk(id, view.first(5)), chunk(id, view.subspan(3))});
  CHECK(s.events(id, 0, 100).value() == all);
  CHECK(s.events(id, 4, 100)->front().seq == 4);
}

void holes_are_corruption(store_host& host) {
  auto& s = host.get();
  job_samples samples{23};
  const auto epoch = s.acquire(shard, "node").value();
  const auto id = samples.id(shard);
  put(s, epoch, {chunk(id, samples.events(0, 3, id))});
  put(s, epoch, {chunk(id, samples.events(5, 3, id))});
  CHECK(code_of(s.events(id, 0, 100)) == errc::corruption);
  CHECK(s.events(id, 0, 3)->size() == 3);
  CHECK(s.events(id, 5, 100)->size() == 3);
  const auto late = samples.id(shard);
  put(s, epoch, {chunk(late, samples.events(2, 3, late))});
  CHECK(code_of(s.events(late, 0, 100)) == errc::corruption);
}

// --- lists
// --------------------------------------------------------------------

/// What `list` must answer, computed the slow way; without cursor and limit.
std::vector<job_id> expected_ids(const std::vector<job_record>& all,
                                 const job_query& query) {
  const auto& f = query.filter;
  const auto in = [](const auto& wanted, const auto& value) {
    return wanted.empty() || std::count(wanted.begin(), wanted.end(), value);
  };
  std::vector<job_id> ids;
  for (const auto& x : all)
    if ((f.all_tenants || x.tenant == f.tenant) && in(f.statuses, x.status)
        && in(f.models, x.model) && in(f.classes, x.job_class)
        && in(f.tasks, x.task) && in(f.tiers, x.tier)
        && (!f.dead_letter || x.dead_letter == *f.dead_letter)
        && (f.created_after == wall_time{} || x.created_at > f.created_after)
        && (f.created_before == wall_time{} || x.created_at < f.created_before))
      ids.push_back(x.id);
  if (query.descending)
    std::reverse(ids.begin(), ids.end());
  return ids;
}

/// Follows the cursor to the end; checks has_more on the way.
std::vector<job_id> all_pages(const store& s, job_query query) {
  std::vector<job_id> ids;
  for (int guard = 0; guard < 10'000; ++guard) {
    const auto page = s.list(query);
    REQUIRE(page.has_value());
    REQUIRE(page->records.size() <= query.limit);
    for (const auto& x : page->records)
      ids.push_back(x.id);
    if (!page->has_more)
      return ids;
    REQUIRE((page->scanned_to || page->records.size() == query.limit));
    query.after = page->scanned_to ? page->scanned_to : ids.back();
  }
  FAIL("the list does not end");
  return ids;
}

std::vector<job_record> fill(store& s, job_samples& samples, size_t count) {
  const auto epoch = s.acquire(shard, "node").value();
  std::vector<job_record> all;
  std::vector<store_op> ops;
  for (size_t i = 0; i < count; ++i) {
    const auto status = static_cast<job_status>(1 + samples.below(7));
    auto& x = all.emplace_back(samples.record(samples.id(shard), status));
    ops.push_back(put_record{x.id, !is_terminal(status), encode(x)});
  }
  put(s, epoch, std::move(ops));
  return all;
}

job_query random_query(job_samples& samples,
                       const std::vector<job_record>& all) {
  job_query q;
  auto& f = q.filter;
  f.all_tenants = samples.chance(2);
  f.tenant = "tenant-" + std::to_string(samples.below(4));
  if (samples.chance(3))
    f.statuses = {job_status::queued, job_status::failed};
  if (samples.chance(3))
    f.models = {"model-1", "model-2", "model-9"};
  if (samples.chance(4))
    f.classes = {"class-0"};
  if (samples.chance(4))
    f.tasks = {task_kind::chat, task_kind::embed};
  if (samples.chance(4))
    f.tiers = {service_tier::flex};
  if (samples.chance(4))
    f.dead_letter = samples.chance(2);
  if (samples.chance(3))
    f.created_after = all[samples.below(all.size())].created_at;
  if (samples.chance(3))
    f.created_before = all[samples.below(all.size())].created_at;
  q.descending = samples.chance(2);
  q.limit = static_cast<uint32_t>(1 + samples.below(100));
  return q;
}

void lists_filter_and_page(store_host& host) {
  job_samples samples{24};
  const auto all = fill(host.get(), samples, 400);
  host.restart();
  for (int i = 0; i < 150; ++i) {
    const auto query = random_query(samples, all);
    REQUIRE(all_pages(host.get(), query) == expected_ids(all, query));
  }
}

void cursor_need_not_exist(store_host& host) {
  job_samples samples{25};
  const auto all = fill(host.get(), samples, 20);
  job_query q;
  q.filter.all_tenants = true;
  const auto at = all[10].id;
  q.after = job_id{at.high(), at.low() + 1};
  CHECK(host.get().list(q)->records.front().id == at);
  CHECK(host.get().list(q)->records.size() == 11);
  q.descending = false;
  CHECK(host.get().list(q)->records.front().id == all[11].id);
  for (const auto edge : {job_id{0, 0}, job_id{~0ull, ~0ull}})
    for (const bool descending : {true, false}) {
      q.after = edge;
      q.descending = descending;
      const bool everything = descending == (edge != job_id{0, 0});
      CHECK(host.get().list(q)->records.size() == (everything ? 20 : 0));
    }
}

void bad_queries_are_refused(store_host& host) {
  job_query q;
  CHECK(code_of(host.get().list(q)) == errc::invalid_argument);
  q.filter.tenant = "t";
  CHECK(host.get().list(q)->records.empty());
  for (const uint32_t limit : {0u, 101u, ~0u}) {
    q.limit = limit;
    CHECK(code_of(host.get().list(q)) == errc::invalid_argument);
  }
  q.limit = 1;
  q.filter.created_after = wall_time::max() - duration{1};
  CHECK(host.get().list(q)->records.empty());
  q.filter.created_after = wall_time{};
  q.filter.created_before = wall_time::min() + duration{1};
  CHECK(host.get().list(q)->records.empty());
}

void lists_stop_at_their_bound(store_host& host) {
  job_samples samples{26};
  const auto all = fill(host.get(), samples, 10'050);
  job_query q;
  q.filter.tenant = "nobody";
  q.descending = false;
  const auto page = host.get().list(q);
  CHECK(page->records.empty());
  CHECK(page->has_more);
  REQUIRE(page->scanned_to == all[9999].id);
  q.after = page->scanned_to;
  const auto rest = host.get().list(q);
  CHECK_FALSE(rest->has_more);
  CHECK_FALSE(rest->scanned_to);
  q.after = all[49].id; // Exactly 10,000 rows are left: the end is seen.
  CHECK_FALSE(host.get().list(q)->has_more);
}

void lists_filter_by_metadata(store_host& host) {
  auto& s = host.get();
  job_samples samples{27};
  const auto epoch = s.acquire(shard, "node").value();
  std::vector<job_id> red, blue;
  std::vector<store_op> ops;
  for (size_t i = 0; i < 1'500; ++i) {
    const auto record = samples.record(samples.id(shard), job_status::failed);
    auto spec = samples.spec(record.id);
    spec.metadata = {{"color", i % 100 == 0 ? "red" : "blue"}};
    if (i % 200 == 0)
      spec.metadata["size"] = "L";
    (i % 100 == 0 ? red : blue).push_back(record.id);
    ops.push_back(put_record{record.id, false, encode(record)});
    ops.push_back(put_spec{record.id, encode(spec)});
  }
  put(s, epoch, std::move(ops));
  put(s, epoch, {retire_job{red[3]}});
  host.restart();
  job_query q;
  q.filter.all_tenants = true;
  q.filter.metadata = {{"color", {"red"}}};
  q.descending = false;
  red.erase(red.begin() + 3);
  CHECK(all_pages(host.get(), q) == red);
  // A thousand specifications a call, and the next one goes on.
  const auto page = host.get().list(q);
  CHECK(page->records.size() == 9);
  CHECK(page->has_more);
  REQUIRE(page->scanned_to);
  q.filter.metadata["size"] = {"M", "L"};
  CHECK(all_pages(host.get(), q).size() == 8);
  q.filter.metadata["color"] = {"red", "blue"};
  q.filter.metadata.erase("size");
  CHECK(all_pages(host.get(), q).size() == red.size() + blue.size());
  q.filter.metadata = {{"shape", {"round"}}};
  CHECK(all_pages(host.get(), q).empty());
}

void large_specifications_end_a_list_early(store_host& host) {
  auto& s = host.get();
  job_samples samples{28};
  const auto epoch = s.acquire(shard, "node").value();
  std::vector<job_id> all;
  for (size_t i = 0; i < 20; ++i) {
    const auto record = samples.record(samples.id(shard), job_status::failed);
    job_spec spec{.id = record.id, .text = std::string(1u << 20, 'x')};
    all.push_back(record.id);
    put(s, epoch,
        {put_record{record.id, false, encode(record)},
         put_spec{record.id, encode(spec)}});
  }
  job_query q;
  q.filter.all_tenants = true;
  q.filter.metadata = {{"k", {"v"}}};
  q.descending = false;
  const auto page = host.get().list(q);
  CHECK(page->records.empty());
  CHECK(page->scanned_to == all[15]);
  CHECK(all_pages(host.get(), q).empty());
}

constexpr std::array cases{
  store_case{"replay runs are kept, replaced and forgotten",
             runs_are_kept_replaced_and_forgotten},
  store_case{"values are kept, replaced and forgotten",
             values_are_kept_replaced_and_forgotten},
  store_case{"values without a fit name are refused",
             values_without_a_fit_name_are_refused},
  store_case{"budgets are kept with their home shard",
             budgets_are_kept_with_their_home},
  store_case{"events are paged across chunks", events_across_chunks},
  store_case{"a chunk that comes twice counts once", repeated_chunks_are_one},
  store_case{"a hole in the events is corruption", holes_are_corruption},
  store_case{"lists filter and page", lists_filter_and_page},
  store_case{"lists filter by metadata", lists_filter_by_metadata},
  store_case{"large specifications end a list early",
             large_specifications_end_a_list_early},
  store_case{"a cursor need not exist any more", cursor_need_not_exist},
  store_case{"bad list queries are refused", bad_queries_are_refused},
  store_case{"a list scans at most 10,000 rows", lists_stop_at_their_bound},
};

} // namespace

std::span<const store_case> store_reading_suite() {
  return cases;
}

} // namespace troupe::tests

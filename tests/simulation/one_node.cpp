#include "tests/simulation/one_node.hpp"

#include "models/simulated_engine.hpp"
#include "runtime/job_codec.hpp"
#include "tests/simulation/ledger_check.hpp"
#include "tests/support/powered_store.hpp"
#include "tests/support/virtual_node.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace troupe::tests {
namespace {

using namespace std::chrono_literals;
using runtime::job_id;
using runtime::seeded_rng;

/// What a seed means.
struct plan {
  explicit plan(seeded_rng& r) {
    jobs = 8 + r.below(40);
    shards = static_cast<uint16_t>(1 + r.below(8));
    slots = static_cast<uint32_t>(1 + r.below(4));
    workers = 1 + r.below(2);
    cuts = r.below(2) == 0 ? 0 : 1 + r.below(4);
    engine_faults = r.below(2) == 0 ? 0.0 : 0.05 + 0.2 * r.unit();
    cancels = r.below(2) == 0 ? 0.0 : 0.2 * r.unit();
    limits = r.below(2) == 0 ? 0.0 : 0.3 * r.unit();
    gap = runtime::duration{static_cast<int64_t>(1'000 + r.below(300'000))};
  }
  std::string str() const {
    return "jobs " + std::to_string(jobs) + " shards " + std::to_string(shards)
           + " workers " + std::to_string(workers) + " slots "
           + std::to_string(slots) + " cuts " + std::to_string(cuts)
           + " engine_faults " + std::to_string(engine_faults) + " cancels "
           + std::to_string(cancels) + " limits " + std::to_string(limits);
  }
  uint64_t jobs;
  uint16_t shards;
  uint32_t slots;
  size_t workers;
  uint64_t cuts;
  double engine_faults;
  double cancels;
  double limits;
  runtime::duration gap; ///< Mean time between submissions.
};

/// A reader that may leave, lose its node and come back.
struct reader {
  uint64_t ticket = 0;
  bool open = false;
  bool done = false;
  uint64_t cursor = 0;                      ///< Next seq that it needs.
  std::map<uint64_t, runtime::event> early; ///< Live ones ahead of history.
};

struct client_job {
  runtime::job_spec spec;
  gateway::submit_options how;
  runtime::mono_time send_at{};
  uint64_t ticket = 0; ///< Of the submission under way; 0 = none.
  std::optional<job_id> id;
  bool refused = false; ///< For good: no time would do.
  bool will_cancel = false;
  bool cancel_sent = false;
  reader watch;
};

/// Counts the attempts that leave their slots.
class counted_engine final : public models::engine {
public:
  counted_engine(models::simulated_config config, uint64_t& parks)
    : engine_{config}, parks_{parks} {}

  void start(models::engine_wakeup wake) override {
    engine_.start(std::move(wake));
  }
  void admit(models::attempt_request request) override {
    engine_.admit(std::move(request));
  }
  void cancel(runtime::attempt_id id) override { engine_.cancel(id); }
  void park(runtime::attempt_id id, bool keep_cache) override {
    engine_.park(id, keep_cache);
  }
  void resume(runtime::attempt_id id) override { engine_.resume(id); }
  std::vector<models::engine_event> poll(runtime::mono_time now) override {
    auto events = engine_.poll(now);
    for (const auto& e : events)
      parks_ += std::holds_alternative<models::attempt_parked>(e) ? 1 : 0;
    return events;
  }
  std::optional<runtime::mono_time> next_due() const override {
    return engine_.next_due();
  }
  void kill() override { engine_.kill(); }

private:
  models::simulated_engine engine_;
  uint64_t& parks_;
};

class simulation {
public:
  simulation(uint64_t seed, simulation_mix mix)
    : random_{seed}, schedule_{seed ^ 0x5EED},
      predictions_{seed ^ 0xF0CA}, mix_{mix}, plan_{random_} {
    report_.options = plan_.str();
    for (uint64_t i = 0; i < plan_.jobs; ++i)
      jobs_.push_back(make_job(i));
    cuts_left_ = plan_.cuts;
    boot(runtime::mono_time{1h});
  }

  simulation_report run() {
    // An unlucky breaker opens for 5 minutes again and again.
    bool finished = drive(4h);
    if (!finished)
      violate("I22: not every acknowledged job ended in 4 virtual hours: "
              + unfinished() + "\n" + node_->states());
    node_->settle();
    auto contents = store_->contents();
    node_.reset();
    std::vector<ledger_expectation> expected;
    for (const auto& job : jobs_)
      if (job.id)
        expected.push_back({*job.id, job.spec, seen_[*job.id]});
    for (auto& v : check_ledger(contents, expected))
      violate(std::move(v));
    count(contents);
    report_.trace_hash = trace_.value;
    return std::move(report_);
  }

private:
  // --- set-up ---------------------------------------------------------------------

  client_job make_job(uint64_t i) {
    client_job job;
    job.spec.model = "sim";
    job.spec.text = "request " + std::to_string(i);
    job.spec.tier = static_cast<runtime::service_tier>(1 + random_.below(3));
    job.send_at = runtime::mono_time{1h}
                  + runtime::duration{static_cast<int64_t>(random_.below(
                    static_cast<uint64_t>(plan_.gap.count()) * plan_.jobs))};
    // Every submission has a key, so that one whose answer was lost can be
    // sent again.
    job.how.idempotency_key = std::string(24, 'k') + pad(i);
    job.how.fingerprint = std::string(24, 'f') + pad(i);
    job.spec.simulate = make_faults();
    if (mix_ == simulation_mix::predicted)
      job.spec.simulate->predicted_s = predict(*job.spec.simulate->service_s);
    if (random_.unit() < plan_.limits)
      job.spec.deadline.start_timeout = runtime::duration{
        static_cast<int64_t>(50'000 + random_.below(5'000'000))};
    if (random_.unit() < plan_.limits)
      job.spec.deadline.total_timeout = runtime::duration{
        static_cast<int64_t>(50'000 + random_.below(5'000'000))};
    job.will_cancel = random_.unit() < plan_.cancels;
    return job;
  }

  /// Of half the jobs what they take, of the others up to three times that.
  double predict(double service_s) {
    return predictions_.below(2) == 0 ? service_s
                                      : 3 * predictions_.unit() * service_s;
  }

  std::optional<runtime::simulate_params> make_faults() {
    runtime::simulate_params p;
    p.tokens = static_cast<uint32_t>(random_.below(30));
    p.service_s = 0.01 + random_.unit();
    if (random_.unit() < plan_.engine_faults) {
      switch (random_.below(4)) {
        case 0:
          p.crash = true;
          [[fallthrough]];
        case 1:
          p.fail_at_token = static_cast<uint32_t>(random_.below(20));
          break;
        case 2:
          p.hang = true;
          break;
        case 3:
          p.fail_at_token = 0;
          p.fail_code = "invalid";
          break;
      }
    }
    return p;
  }

  static std::string pad(uint64_t i) {
    auto digits = std::to_string(i);
    return std::string(8 - digits.size(), '0') + digits;
  }

  void boot(runtime::mono_time at) {
    store_ = store_ ? std::make_unique<powered_store>(store_->contents())
                    : std::make_unique<powered_store>();
    virtual_node_options options;
    options.seed = random_.next();
    options.choose = [this](size_t n) {
      return static_cast<size_t>(schedule_.below(n));
    };
    options.tree.shards = plan_.shards;
    models::simulated_config engine{
      .tokens = 20, .seed = 7, .slots = plan_.slots};
    options.tree.models.push_back({.name = "sim",
                                   .kind = "simulated",
                                   .tasks = {runtime::task_kind::chat},
                                   .workers = plan_.workers,
                                   .make_engine = [this, engine] {
                                     return std::make_unique<counted_engine>(
                                       engine, report_.parks);
                                   }});
    node_ = std::make_unique<virtual_node>(*store_, std::move(options), at);
    node_->sink().tap = [this](const runtime::delivery& d) { on_delivery(d); };
    if (cuts_left_ > 0) {
      --cuts_left_;
      store_->cut_at(random_.below(60), random_.below(2) == 0);
      cut_armed_ = true;
    }
  }

  // --- the clients ------------------------------------------------------------------

  bool drive(runtime::duration limit) {
    auto end = node_->clock().now + limit;
    while (node_->clock().now < end) {
      act();
      node_->advance(
        runtime::duration{static_cast<int64_t>(500 + random_.below(20'000))});
      if (node_->fatal() || store_->off())
        restart();
      if (all_done())
        return true;
    }
    return all_done();
  }

  void restart() {
    ++report_.power_cuts;
    cut_armed_ = false;
    auto now = node_->clock().now;
    store_->cut_now();
    node_.reset();
    for (auto& job : jobs_) {
      job.ticket = 0;
      job.cancel_sent = false;
      job.watch.open = false;
      job.watch.early.clear();
    }
    boot(now + 100ms);
  }

  void act() {
    auto now = node_->clock().now;
    for (auto& job : jobs_) {
      if (!job.id) {
        if (job.ticket == 0 && !job.refused && job.send_at <= now)
          send(job);
        continue;
      }
      if (job.watch.done)
        continue;
      if (!job.watch.open)
        open_watch(job);
      else if (random_.below(200) == 0)
        leave(job);
      if (job.will_cancel && !job.cancel_sent && random_.below(20) == 0)
        cancel(job);
    }
  }

  void send(client_job& job) {
    auto to = node_->ticket();
    job.ticket = to.ticket;
    submits_[to.ticket] = &job;
    node_->port().submit(job.spec, job.how, to);
  }

  void open_watch(client_job& job) {
    auto to = node_->ticket();
    job.watch.ticket = to.ticket;
    job.watch.open = true;
    job.watch.early.clear();
    watches_[to.ticket] = &job;
    ++report_.resumes;
    node_->port().watch(*job.id, "default", to);
  }

  void leave(client_job& job) {
    node_->port().forget(*job.id, {1, job.watch.ticket});
    job.watch.open = false;
    job.watch.early.clear();
  }

  void cancel(client_job& job) {
    job.cancel_sent = true;
    node_->port().cancel(*job.id, "default", "changed my mind",
                         node_->ticket());
  }

  // --- what they hear -----------------------------------------------------------------

  void on_delivery(const runtime::delivery& d) {
    trace_.add(
      static_cast<uint64_t>(node_->clock().now.time_since_epoch().count()));
    trace_.add(d.ticket);
    trace_.add(d.body.index());
    if (const auto* x = std::get_if<runtime::job_accepted>(&d.body))
      on_accepted(d.ticket, *x);
    else if (const auto* no = std::get_if<runtime::refused>(&d.body))
      on_refused(d.ticket, *no);
    else if (const auto* opened = std::get_if<runtime::watch_opened>(&d.body))
      on_opened(d.ticket, *opened);
    else if (const auto* live = std::get_if<runtime::job_events>(&d.body))
      on_events(d.ticket, *live->events);
    else if (const auto* page = std::get_if<runtime::events_page>(&d.body))
      on_events(d.ticket, page->events);
  }

  void on_accepted(uint64_t ticket, const runtime::job_accepted& x) {
    auto it = submits_.find(ticket);
    if (it == submits_.end() || it->second->ticket != ticket)
      return;
    auto& job = *it->second;
    auto id = x.job.record.id;
    if (job.id && *job.id != id)
      violate("I8: one key, two ids");
    if (!by_id_.emplace(id, &job).second && by_id_[id] != &job)
      violate("I8: one id, two keys");
    job.id = id;
    ++report_.acknowledged;
  }

  void on_refused(uint64_t ticket, const runtime::refused& no) {
    if (auto it = submits_.find(ticket);
        it != submits_.end() && it->second->ticket == ticket) {
      it->second->ticket = 0; // Sent again later.
      it->second->refused = no.why.code == runtime::errc::deadline_unmeetable;
    }
    if (auto it = watches_.find(ticket);
        it != watches_.end() && it->second->watch.ticket == ticket)
      it->second->watch.open = false;
  }

  void on_opened(uint64_t ticket, const runtime::watch_opened& x) {
    auto* job = watching(ticket);
    if (job == nullptr)
      return;
    if (job->watch.cursor < x.next_seq)
      node_->port().read_events(*job->id, "default", job->watch.cursor, 1000,
                                {1, ticket});
  }

  void on_events(uint64_t ticket, const std::vector<runtime::event>& events) {
    auto* job = watching(ticket);
    if (job == nullptr)
      return;
    auto& watch = job->watch;
    for (const auto& e : events) {
      trace_.add(e.seq);
      note_seen(*job->id, e);
      if (e.seq >= watch.cursor)
        watch.early.emplace(e.seq, e);
    }
    while (!watch.early.empty() && watch.early.begin()->first == watch.cursor) {
      ++watch.cursor;
      watch.done = std::holds_alternative<runtime::job_ended>(
        watch.early.begin()->second.body);
      watch.early.erase(watch.early.begin());
    }
    if (watch.done && !watch.early.empty())
      violate("I5: an event after the terminal one");
  }

  /// The same bytes for every reader of a seq, across restarts.
  void note_seen(job_id id, const runtime::event& e) {
    auto bytes = runtime::encode_events({&e, 1});
    for (char c : bytes)
      trace_.add(static_cast<uint8_t>(c));
    auto [it, fresh] = seen_[id].emplace(e.seq, bytes);
    if (!fresh && it->second != bytes)
      violate("I5: two versions of event " + std::to_string(e.seq) + " of "
              + id.str());
  }

  client_job* watching(uint64_t ticket) {
    auto it = watches_.find(ticket);
    if (it == watches_.end() || it->second->watch.ticket != ticket
        || !it->second->watch.open)
      return nullptr;
    return it->second;
  }

  // --- the end ------------------------------------------------------------------------

  bool all_done() const {
    return std::all_of(jobs_.begin(), jobs_.end(), [](const client_job& job) {
      return job.refused || (job.id && job.watch.done);
    });
  }

  std::string unfinished() const {
    std::string text;
    for (const auto& job : jobs_)
      if (job.refused)
        continue;
      else if (!job.id)
        text += " " + job.spec.text + " (not accepted)";
      else if (!job.watch.done)
        text += " " + job.id->str() + " at " + std::to_string(job.watch.cursor);
    return text;
  }

  void count(const runtime::memory_contents& contents) {
    for (const auto& [id, bytes] : contents.records) {
      auto record = runtime::decode_record(bytes);
      if (record && record->status == runtime::job_status::completed)
        ++report_.completed;
    }
    for (const auto& [id, events] : seen_)
      for (const auto& [seq, bytes] : events)
        if (auto e = runtime::decode_events(bytes);
            e && std::holds_alternative<runtime::job_retrying>((*e)[0].body))
          ++report_.engine_deaths;
  }

  void violate(std::string what) { report_.violations.push_back(what); }

  /// FNV-1a, 64 bits.
  struct trace {
    uint64_t value = 0xCBF29CE484222325u;
    void add(uint64_t x) {
      for (int i = 0; i < 8; ++i, x >>= 8)
        value = (value ^ (x & 0xFF)) * 0x100000001B3u;
    }
  };

  seeded_rng random_;
  seeded_rng schedule_;
  seeded_rng predictions_;
  simulation_mix mix_;
  plan plan_;
  uint64_t cuts_left_ = 0;
  bool cut_armed_ = false;
  std::unique_ptr<powered_store> store_;
  std::vector<client_job> jobs_;
  std::map<uint64_t, client_job*> submits_;
  std::map<uint64_t, client_job*> watches_;
  std::map<job_id, client_job*> by_id_;
  std::map<job_id, std::map<uint64_t, std::string>> seen_;
  trace trace_;
  simulation_report report_;
  std::unique_ptr<virtual_node> node_;
};

} // namespace

simulation_report simulate_one_node(uint64_t seed, simulation_mix mix) {
  return simulation{seed, mix}.run();
}

} // namespace troupe::tests

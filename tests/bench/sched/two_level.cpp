#include "tests/bench/sched/two_level.hpp"

#include "runtime/scheduling/attempt_line.hpp"
#include "runtime/scheduling/dispatch_core.hpp"
#include "runtime/scheduling/lease_ahead.hpp"
#include "runtime/scheduling/policy_source.hpp"
#include "runtime/scheduling/ready_queue.hpp"

#include <algorithm>
#include <cmath>
#include <queue>

namespace troupe::bench {
namespace {

using runtime::attempt_id;
using runtime::job_id;
using runtime::shard_id;

constexpr const char* model = "m";
constexpr const char* tenant = "t";
constexpr const char* worker = "w";
constexpr int64_t second_us = 1'000'000;

int64_t to_us(double seconds) {
  return static_cast<int64_t>(std::llround(seconds * 1e6));
}

double to_s(int64_t us) {
  return static_cast<double>(us) / 1e6;
}

runtime::mono_time mono(int64_t us) {
  return runtime::mono_time{runtime::duration{us}};
}

/// Things that happen later, in order of time, then of being said.
class agenda {
public:
  int64_t now() const noexcept { return now_; }
  void after(int64_t delay_us, std::function<void()> what) {
    queue_.push({now_ + delay_us, next_++, std::move(what)});
  }
  bool step() {
    if (queue_.empty())
      return false;
    auto what = queue_.top().what;
    now_ = queue_.top().at;
    queue_.pop();
    what();
    return true;
  }

private:
  struct entry {
    int64_t at;
    uint64_t number;
    std::function<void()> what;
    bool operator>(const entry& x) const {
      return at != x.at ? at > x.at : number > x.number;
    }
  };
  std::priority_queue<entry, std::vector<entry>, std::greater<>> queue_;
  int64_t now_ = 0;
  uint64_t next_ = 0;
};

class two_levels {
public:
  two_levels(const workload& w, const two_level_options& options)
    : work_{w}, options_{options}, delay_{to_us(options.delay_s)},
      shards_(options.shards), jobs_(w.jobs.size()) {
    outcome_.trace.jobs.resize(w.jobs.size());
    leases_.jobs.resize(w.jobs.size());
    log_.keys.resize(w.jobs.size());
    log_.bases.resize(w.jobs.size());
    log_.limits.push_back({0, 0});
  }

  run_outcome run() {
    start_dispatcher();
    agenda_.after(to_us(work_.jobs.front().arrival), [this] { submit_next(); });
    agenda_.after(second_us, [this] { on_second(); });
    if (options_.kill_every_s > 0)
      agenda_.after(to_us(options_.kill_every_s), [this] { kill(); });
    while (left_ > 0 && agenda_.step())
      continue;
    if (options_.kill_every_s <= 0)
      audit();
    return std::move(outcome_);
  }

private:
  enum class where : uint8_t { queue, leased, slot, done };
  using policy_ptr = std::shared_ptr<const runtime::model_policy>;
  struct job_state {
    where place = where::queue;
    uint32_t attempt = 0;
    int64_t picked_at = 0;
    runtime::duration arrived_after{0}; ///< Of its order, at the worker.
  };
  struct shard_state {
    runtime::ready_queue queue;
    std::vector<runtime::announced_head> announced;
    policy_ptr policy = std::make_shared<runtime::model_policy>();
    uint64_t dispatcher = 0; ///< The newest that introduced itself.
  };
  struct dispatcher_state {
    runtime::dispatch_core core{runtime::dispatch_settings{}};
    runtime::policy_source policy;
    runtime::lease_ahead lead;
  };

  static uint32_t index(const job_id& id) {
    return static_cast<uint32_t>(id.low());
  }
  shard_state& home(uint32_t job) { return shards_[job % options_.shards]; }
  shard_id home_id(uint32_t job) const {
    return {static_cast<uint16_t>(job % options_.shards)};
  }

  // --- shards ----------------------------------------------------------------

  void submit_next() {
    auto job = next_++;
    const auto& j = work_.jobs[job];
    auto& s = home(job);
    runtime::key_inputs in{.arrival = runtime::wall_from_us(agenda_.now()),
                           .log_mgf = s.policy->terms.gamma * j.predicted
                                      / s.policy->terms.capacity};
    auto key = runtime::make_priority_key(in, s.policy->terms);
    log_.keys[job] = key.key;
    log_.bases[job] = key.base;
    enqueue(job);
    if (next_ < work_.jobs.size())
      agenda_.after(
        std::max<int64_t>(to_us(work_.jobs[next_].arrival) - agenda_.now(), 0),
        [this] { submit_next(); });
  }

  void enqueue(uint32_t job) {
    jobs_[job].place = where::queue;
    home(job).queue.push(model, tenant, log_.keys[job], job_id{0, job},
                         to_us(work_.jobs[job].predicted));
    if (look(home(job)))
      announce(home_id(job));
  }

  /// True if the first jobs of the queue changed.
  bool look(shard_state& s) {
    std::vector<runtime::announced_head> heads;
    for (const auto& h : s.queue.heads(model, tenant, options_.heads))
      heads.push_back({.id = h.id,
                       .key = h.key,
                       .attempt = jobs_[index(h.id)].attempt,
                       .work_s = work_.jobs[index(h.id)].predicted});
    if (heads == s.announced)
      return false;
    s.announced = std::move(heads);
    return true;
  }

  void announce(shard_id id) {
    to_dispatcher([this, id, heads = shards_[id.value].announced] {
      dispatcher_->core.announce(id, {{tenant, heads}});
    });
  }

  /// To a new dispatcher, with what the last one said.
  void introduce(shard_id id) {
    auto& s = shards_[id.value];
    s.dispatcher = incarnation_;
    look(s);
    to_dispatcher([this, id, heads = s.announced, last = s.policy] {
      dispatcher_->core.reset(id);
      dispatcher_->policy.resume(*last, mono(agenda_.now()));
      dispatcher_->core.announce(id, {{tenant, heads}});
    });
  }

  void on_lease(shard_id id, const std::vector<runtime::lease_order>& orders,
                uint64_t from) {
    auto& s = shards_[id.value];
    if (from < s.dispatcher)
      return;
    std::vector<runtime::granted_lease> granted;
    std::vector<runtime::refused_lease> refused;
    for (const auto& o : orders) {
      auto& j = jobs_[index(o.job)];
      if (j.attempt != o.after_attempt || !s.queue.remove(o.job)) {
        refused.push_back({o.job, o.stamp.number});
        continue;
      }
      j.place = where::leased;
      attempt_id a{.job = o.job, .epoch = 1, .attempt = ++j.attempt};
      granted.push_back({a, o.worker, o.stamp});
      agenda_.after(delay_, [this, a, stamp = o.stamp] { on_start(a, stamp); });
    }
    look(s);
    to_dispatcher([this, id, granted, refused, heads = s.announced] {
      for (const auto& a : granted)
        dispatcher_->core.granted(a, mono(agenda_.now()));
      for (const auto& x : refused)
        dispatcher_->core.refused(x);
      dispatcher_->core.announce(id, {{tenant, heads}});
    });
  }

  // --- the worker ------------------------------------------------------------

  void on_start(attempt_id a, const runtime::order_stamp& stamp) {
    auto& j = jobs_[index(a.job)];
    outcome_.run_twice += j.place != where::leased;
    j.arrived_after = mono(agenda_.now()) - stamp.ordered_at;
    if (running_.size() < work_.slots)
      return begin(a);
    if (line_.size() < work_.slots) {
      j.place = where::slot;
      line_.push(stamp.key, a, {}, a);
      return;
    }
    ++outcome_.refused_starts;
    freed(a, 0, {});
    agenda_.after(delay_, [this, a] { enqueue(index(a.job)); });
  }

  void begin(attempt_id a) {
    auto job = index(a.job);
    jobs_[job].place = where::slot;
    running_.push_back(a);
    outcome_.trace.jobs[job].start = to_s(agenda_.now());
    agenda_.after(std::max<int64_t>(to_us(work_.jobs[job].work), 1),
                  [this, a, since = agenda_.now()] { on_end(a, since); });
  }

  void on_end(attempt_id a, int64_t since) {
    auto& t = outcome_.trace.jobs[index(a.job)];
    outcome_.run_twice += t.served;
    t.finish = to_s(agenda_.now());
    t.served = true;
    jobs_[index(a.job)].place = where::done;
    --left_;
    std::erase(running_, a);
    auto next = line_.pop();
    freed(a, agenda_.now() - since, next);
    if (next)
      begin(*next);
  }

  void freed(attempt_id a, int64_t ran_us, std::optional<attempt_id> next) {
    to_dispatcher([this, a, ran_us, next, at = mono(agenda_.now())] {
      auto now = mono(agenda_.now());
      auto& d = *dispatcher_;
      d.core.freed(worker, a, runtime::duration{ran_us});
      if (next)
        d.core.started(worker, *next, now);
      d.lead.heard(now - at);
      d.lead.arrived(jobs_[index(a.job)].arrived_after);
      d.lead.served(runtime::duration{ran_us});
      auto job = index(a.job);
      leases_.segments.push_back(
        {job, to_s(jobs_[job].picked_at), to_s(agenda_.now())});
    });
  }

  void introduce_worker() {
    auto held = running_;
    for (auto id : line_.ids())
      held.push_back(id);
    to_dispatcher([this, held] {
      dispatcher_->core.register_worker(worker, 1, work_.slots, held,
                                        mono(agenda_.now()));
    });
  }

  // --- the dispatcher --------------------------------------------------------

  /// Arrives only at the dispatcher that it was sent to.
  void to_dispatcher(std::function<void()> what) {
    agenda_.after(delay_, [this, what = std::move(what), to = incarnation_] {
      if (!dispatcher_ || to != incarnation_)
        return;
      what();
      dispatch();
    });
  }

  void dispatch() {
    std::vector<std::vector<runtime::lease_order>> by_shard(shards_.size());
    if (options_.ahead)
      dispatcher_->core.set_lead(dispatcher_->lead.ratio());
    for (auto& o : dispatcher_->core.pick(mono(agenda_.now()))) {
      auto job = index(o.job);
      dispatcher_->policy.leased(o.work_s);
      jobs_[job].picked_at = agenda_.now();
      leases_.jobs[job] = {to_s(agenda_.now()), to_s(agenda_.now()), true};
      by_shard[o.shard.value].push_back(std::move(o));
    }
    for (uint16_t s = 0; s < shards_.size(); ++s)
      if (!by_shard[s].empty())
        agenda_.after(delay_, [this, s, orders = std::move(by_shard[s]),
                               from = incarnation_] {
          on_lease(shard_id{s}, orders, from);
        });
  }

  /// Shards report, the dispatcher publishes.
  void on_second() {
    agenda_.after(second_us, [this] { on_second(); });
    for (uint16_t s = 0; s < shards_.size(); ++s)
      to_dispatcher([this, s, due = to_s(shards_[s].queue.work_us(model))] {
        dispatcher_->policy.backlog(shard_id{s}, due, {});
      });
    if (!dispatcher_)
      return;
    auto now = mono(agenda_.now());
    auto& core = dispatcher_->core;
    core.correct_charges(now);
    publish(
      dispatcher_->policy.publish({.capacity = static_cast<double>(work_.slots),
                                   .running_s = core.running_work_s(now)},
                                  now));
  }

  void publish(const policy_ptr& next) {
    auto limit = std::max(limit_s_, next->terms.limit_s);
    log_.limits.push_back({to_s(agenda_.now()), limit});
    log_.limits.push_back({to_s(agenda_.now() + delay_), next->terms.limit_s});
    limit_s_ = next->terms.limit_s;
    agenda_.after(delay_, [this, next] {
      for (auto& s : shards_)
        s.policy = next;
    });
  }

  void start_dispatcher() {
    ++incarnation_;
    dispatcher_.emplace(
      dispatcher_state{.policy = {options_.boost, {}}, .lead = {}});
    dispatcher_->policy.publish({}, mono(agenda_.now()));
    agenda_.after(delay_, [this] {
      for (uint16_t s = 0; s < shards_.size(); ++s)
        introduce(shard_id{s});
      introduce_worker();
    });
  }

  void kill() {
    dispatcher_.reset();
    agenda_.after(to_us(options_.down_s), [this] { start_dispatcher(); });
    agenda_.after(to_us(options_.kill_every_s), [this] { kill(); });
  }

  /// As the dispatcher sees it: a slot is taken from the choice until it hears
  /// that it is free. What no class can know costs at most four delays.
  void audit() {
    leases_.segments.erase(
      std::remove_if(leases_.segments.begin(), leases_.segments.end(),
                     [](const segment& s) { return s.to <= s.from; }),
      leases_.segments.end());
    outcome_.audit =
      audit_starvation(work_, leases_, log_, nullptr, 4 * options_.delay_s);
  }

  const workload& work_;
  two_level_options options_;
  int64_t delay_;
  agenda agenda_;
  std::vector<shard_state> shards_;
  std::vector<job_state> jobs_;
  std::optional<dispatcher_state> dispatcher_;
  uint64_t incarnation_ = 0;
  std::vector<attempt_id> running_;
  runtime::attempt_line<attempt_id> line_; ///< At the worker, without a slot.
  double limit_s_ = 0;                     ///< Published last.
  size_t next_ = 0;
  size_t left_ = work_.jobs.size();
  key_log log_;
  run_trace leases_; ///< What the audit looks at.
  run_outcome outcome_;
};

} // namespace

run_outcome serve_two_level(const workload& w,
                            const two_level_options& options) {
  return two_levels{w, options}.run();
}

} // namespace troupe::bench

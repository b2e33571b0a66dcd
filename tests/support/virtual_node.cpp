#include "tests/support/virtual_node.hpp"

#include "actors/inspector.hpp"

#include <caf/init_global_meta_objects.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>

#include <mutex>
#include <stdexcept>

namespace troupe::tests {

void init_actor_types() {
  static std::once_flag once;
  std::call_once(once, [] {
    caf::init_global_meta_objects<caf::id_block::troupe>();
    caf::core::init_global_meta_objects();
  });
}

void recording_sink::post(std::vector<runtime::delivery> items) {
  for (auto& item : items) {
    if (tap)
      tap(item);
    by_ticket_[item.ticket].push_back(std::move(item.body));
  }
}

const std::vector<runtime::delivery_body>&
recording_sink::of(uint64_t ticket) const {
  static const std::vector<runtime::delivery_body> none;
  auto it = by_ticket_.find(ticket);
  return it == by_ticket_.end() ? none : it->second;
}

namespace {

caf::actor_system_config& prepare(caf::actor_system_config& config) {
  init_actor_types();
  config.set("caf.scheduler.policy", "testing");
  config.set("caf.logger.inline-output", true);
  return config;
}

} // namespace

virtual_node::virtual_node(runtime::store& store, virtual_node_options options,
                           runtime::mono_time start)
  : choose_{std::move(options.choose)}, store_{store, clock_},
    system_{std::make_unique<caf::actor_system>(prepare(config_))},
    sink_{std::make_shared<recording_sink>()} {
  clock_.now = start;
  scheduler().clock().current_time =
    caf::actor_clock::time_point{start.time_since_epoch()};
  env_.system = system_.get();
  env_.clock = &clock_;
  env_.blocking = actors::spawn_mode::pooled;
  env_.seed = options.seed;
  env_.on_fatal = [this](int code, std::string) {
    if (!fatal_)
      fatal_ = code;
  };
  sink_number_ = env_.sinks.add(sink_);
  if (!options.tenants.empty())
    env_.tenants.configure(options.tenants, options.tree.shards);
  port_ = std::make_unique<gateway::actor_port>(env_, options.tree.shards);
  cluster::spawn_node_tree(env_, store_, options.tree);
}

virtual_node::~virtual_node() {
  // Nobody hears what the mailboxes still hold; a test that simulates a crash
  // cuts the store's power first.
  env_.sinks.remove(sink_number_);
  choose_ = nullptr;
  fatal_ = 0;
  do {
    for (const auto& actor : env_.catalog.actors())
      caf::anon_send_exit(caf::actor_cast<caf::actor>(actor),
                          caf::exit_reason::kill);
    scheduler().run();
  } while (env_.catalog.size() > 0);
  env_.directory.clear();
  scheduler().run();
  system_.reset();
}

caf::scheduler::test_coordinator& virtual_node::scheduler() {
  return dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
}

bool virtual_node::step() {
  auto& jobs = scheduler().jobs;
  if (jobs.empty() || fatal_)
    return false;
  if (choose_ && jobs.size() > 1) {
    auto k = choose_(jobs.size());
    std::swap(jobs[0], jobs[k]);
  }
  return scheduler().try_run_once();
}

bool virtual_node::settle() {
  constexpr uint64_t steps_max = 100'000;
  uint64_t steps = 0;
  while (step())
    if (++steps > steps_max)
      throw std::runtime_error("livelock at one instant:\n" + states());
  return !fatal_;
}

std::string virtual_node::states() const {
  std::string text;
  for (const auto& line : env_.catalog.snapshot())
    text += line.name + "#" + std::to_string(line.generation) + " " + line.state
            + " " + std::to_string(line.handled) + "\n";
  return text;
}

bool virtual_node::advance(runtime::duration by) {
  auto end = clock_.now + by;
  settle();
  while (!fatal_) {
    const auto& timers = scheduler().clock().schedule;
    runtime::mono_time next = end;
    if (!timers.empty())
      next = std::min(
        end, std::chrono::ceil<runtime::duration>(timers.begin()->first));
    next = std::max(next, clock_.now);
    auto jump = next - clock_.now;
    clock_.now = next;
    scheduler().clock().advance_time(jump);
    settle();
    if (next >= end && (timers.empty() || timers.begin()->first > end))
      break;
  }
  return !fatal_;
}

bool virtual_node::run_until(const std::function<bool()>& done,
                             runtime::duration limit) {
  auto end = clock_.now + limit;
  settle();
  while (!done() && !fatal_ && clock_.now < end)
    advance(std::chrono::milliseconds{10});
  return done();
}

} // namespace troupe::tests

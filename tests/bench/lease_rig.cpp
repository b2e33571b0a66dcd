#include "tests/bench/lease_rig.hpp"

#include "actors/actor_env.hpp"
#include "actors/inspector.hpp"
#include "cluster/node_setup.hpp"
#include "cluster/node_tree.hpp"
#include "gateway/actor_port.hpp"
#include "models/simulated_engine.hpp"
#include "runtime/metrics.hpp"
#include "runtime/storage/memory_store.hpp"
#include "runtime/storage/rocksdb_store.hpp"
#include "runtime/storage/tiered_store.hpp"
#include "tests/bench/poller.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <sys/resource.h>

#include <mutex>
#include <stdexcept>

namespace troupe::bench {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t shards = 64;
constexpr const char* model = "sim";

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// Engines behind it are not ready before it opens.
class start_gate {
public:
  bool is_open() const noexcept { return open_; }
  void on_open(models::engine_wakeup wake) {
    const std::lock_guard lock{mutex_};
    waiting_.push_back(std::move(wake));
  }
  void open() {
    const std::lock_guard lock{mutex_};
    open_ = true;
    for (auto& wake : waiting_)
      wake();
  }

private:
  std::atomic<bool> open_{false};
  std::mutex mutex_;
  std::vector<models::engine_wakeup> waiting_;
};

class gated_engine final : public models::engine {
public:
  gated_engine(models::simulated_config config, start_gate& gate)
    : engine_{config}, gate_{gate} {}

  void start(models::engine_wakeup wake) override {
    engine_.start(wake);
    gate_.on_open(std::move(wake));
  }
  void admit(models::attempt_request request) override {
    engine_.admit(std::move(request));
  }
  void cancel(runtime::attempt_id id) override { engine_.cancel(id); }
  std::vector<models::engine_event> poll(runtime::mono_time now) override {
    if (!gate_.is_open())
      return {};
    return engine_.poll(now);
  }
  std::optional<runtime::mono_time> next_due() const override {
    if (!gate_.is_open())
      return std::nullopt;
    return engine_.next_due();
  }
  void kill() override { engine_.kill(); }

private:
  models::simulated_engine engine_;
  start_gate& gate_;
};

/// Counts answers to submissions.
class counting_sink final : public runtime::client_sink {
public:
  void post(std::vector<runtime::delivery> items) override {
    for (const auto& x : items) {
      accepted += std::holds_alternative<runtime::job_accepted>(x.body) ? 1 : 0;
      if (const auto* no = std::get_if<runtime::refused>(&x.body)) {
        const std::lock_guard lock{mutex_};
        ++refused;
        reason = no->why.context;
      }
    }
  }
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> refused{0};
  std::string why() {
    const std::lock_guard lock{mutex_};
    return reason;
  }

private:
  std::mutex mutex_;
  std::string reason;
};

cluster::tree_config make_tree(const lease_plan& plan, start_gate& gate) {
  const models::simulated_config engine{.service =
                                          models::service_kind::constant,
                                        .median_s = plan.service_s,
                                        .p95_s = plan.service_s,
                                        .tokens = 0,
                                        .seed = plan.seed,
                                        .slots = plan.slots};
  cluster::tree_config tree{.shards = shards};
  auto rules = std::make_shared<runtime::queue_rules>();
  rules->classes["standard"].backlog_limit = 24h * 365;
  tree.shard.rules = rules;
  tree.models.push_back(
    {.name = model,
     .kind = "simulated",
     .tasks = {runtime::task_kind::chat},
     .workers = plan.workers,
     .slots = plan.slots,
     .make_engine = [engine, &gate]() -> std::unique_ptr<models::engine> {
       return std::make_unique<gated_engine>(engine, gate);
     }});
  return tree;
}

std::unique_ptr<runtime::store> open_store(const lease_plan& plan) {
  if (plan.store != lease_store::disk)
    return std::make_unique<runtime::memory_store>();
  runtime::rocksdb_config config;
  config.directory = plan.dir;
  config.shards = shards;
  auto opened = runtime::open_rocksdb_store(config);
  if (!opened)
    throw std::runtime_error{opened.error().context};
  return std::move(*opened);
}

class lease_rig {
public:
  explicit lease_rig(const lease_plan& plan)
    : plan_{plan}, store_{open_store(plan)},
      all_{*store_, runtime::system_clock()}, metrics_{{model}} {
    caf::init_global_meta_objects<caf::id_block::troupe>();
    caf::core::init_global_meta_objects();
    cluster::configure_caf(config_);
    system_ = std::make_unique<caf::actor_system>(config_);
    env_.system = system_.get();
    env_.clock = &runtime::system_clock();
    env_.metrics = &metrics_;
    env_.seed = plan.seed;
    env_.on_fatal = [](int, const std::string& why) {
      std::fprintf(stderr, "fatal: %s\n", why.c_str());
    };
    sink_number_ = env_.sinks.add(sink_);
    root_ = cluster::spawn_node_tree(env_, all_, make_tree(plan, gate_));
    port_ = std::make_unique<gateway::actor_port>(env_, shards);
    wait("the shards", [&] { return env_.board.shards_ready == shards; });
  }

  ~lease_rig() {
    gate_.open();
    {
      caf::scoped_actor self{*system_};
      self->monitor(caf::actor_cast<caf::actor>(root_));
      caf::anon_send(root_, actors::stop_children{});
      self->receive([](caf::down_msg&) {});
    }
    root_ = nullptr;
    env_.directory.clear();
    system_.reset();
  }

  lease_result run() {
    lease_result r;
    auto begin = now();
    fill();
    r.fill_s = to_seconds(now() - begin);
    auto cpu = cpu_seconds();
    begin = now();
    gate_.open();
    wait("the jobs' ends", [&] { return env_.board.live_jobs == 0; });
    r.drain_s = to_seconds(now() - begin);
    r.cpu_s = cpu_seconds() - cpu;
    auto text = metrics_.expose();
    r.leases = figure(text, "troupe_sched_leases_total{model=\"sim\",outcome="
                            "\"granted\"} ");
    auto count =
      figure(text, "troupe_sched_lease_seconds_count{model=\"sim\"} ");
    auto sum = figure(text, "troupe_sched_lease_seconds_sum{model=\"sim\"} ");
    r.lease_mean_s = count > 0 ? sum / count : 0;
    r.ahead = figure(text, "troupe_sched_ahead{model=\"sim\"} ");
    return r;
  }

private:
  template <class Done>
  void wait(const char* what, Done done) {
    const auto deadline = now() + from_seconds(600);
    poller pause;
    while (!done()) {
      if (now() > deadline || sink_->refused > 0)
        throw std::runtime_error{std::string{"waiting for "} + what + ": "
                                 + std::to_string(env_.board.live_jobs)
                                 + " jobs live; " + sink_->why()};
      pause.poll_until(now() + from_seconds(0.0005));
    }
  }

  void fill() {
    constexpr uint64_t unanswered_max = 4096;
    for (uint64_t n = 0; n < plan_.jobs; ++n) {
      runtime::job_spec spec;
      spec.tenant = "t" + std::to_string(n % plan_.tenants);
      spec.model = model;
      spec.text = "Package: bench";
      spec.durable = plan_.store != lease_store::ephemeral;
      spec.simulate = runtime::simulate_params{};
      spec.simulate->service_s = plan_.service_s;
      spec.simulate->predicted_s = 0.001;
      port_->submit(std::move(spec), {}, {sink_number_, n + 1});
      if (n + 1 - sink_->accepted >= unanswered_max)
        wait("answers",
             [&] { return n + 1 - sink_->accepted < unanswered_max / 2; });
    }
    wait("answers", [&] { return sink_->accepted == plan_.jobs; });
  }

  static double figure(const std::string& text, const std::string& series) {
    auto at = text.find(series);
    return at == std::string::npos ? 0
                                   : std::stod(text.substr(at + series.size()));
  }

  lease_plan plan_;
  start_gate gate_;
  std::unique_ptr<runtime::store> store_;
  runtime::tiered_store all_;
  runtime::metrics metrics_;
  caf::actor_system_config config_;
  actors::actor_env env_;
  std::shared_ptr<counting_sink> sink_ = std::make_shared<counting_sink>();
  uint32_t sink_number_ = 0;
  std::unique_ptr<caf::actor_system> system_;
  actors::supervisor_actor root_;
  std::unique_ptr<gateway::actor_port> port_;
};

} // namespace

lease_result run_leases(const lease_plan& plan) {
  lease_rig rig{plan};
  return rig.run();
}

} // namespace troupe::bench

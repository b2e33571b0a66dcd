#include "actors/circuit_breaker.hpp"

#include "actors/dispatcher.hpp"
#include "runtime/log.hpp"
#include "runtime/metrics.hpp"

#include <caf/send.hpp>

namespace troupe::actors {
namespace {

using runtime::breaker_state;
using runtime::call_outcome;
using runtime::mono_time;

/// Rounds of one generation stay below those of the next.
constexpr uint64_t first_round(uint64_t generation) {
  return generation << 32 | 1;
}

class circuit_breaker_state {
public:
  static constexpr const char* name = "troupe.circuit_breaker";

  circuit_breaker_state(circuit_breaker_actor::pointer self, actor_env* env,
                        circuit_breaker_config config, uint64_t generation)
    : self_{self}, env_{*env}, config_{std::move(config)},
      breaker_{config_.settings, first_round(generation)},
      rng_{env_.make_rng()}, entry_{env_.enrol(
                               self->ctrl(), name,
                               directory::breaker_name(config_.model),
                               generation)} {
    install_handlers(self, env_);
  }

  circuit_breaker_actor::behavior_type make_behavior() {
    if (entry_.generation() > 1)
      succeed(env_.board.breaker(config_.model));
    publish(true);
    return {
      [this](const ask_permits& x) { on_ask_permits(x); },
      [this](const call_ended& x) { on_call_ended(x); },
      [this](force_breaker& x) { on_force_breaker(x); },
      [this](reset_breaker& x) { on_reset_breaker(x); },
      [this](breaker_tick_atom) { on_tick(); },
      [this](inspect_actor) { return entry_.snapshot(); },
    };
  }

private:
  /// What a predecessor had learnt is lost; what it was told is not.
  void succeed(const runtime::breaker_line& last) {
    breaker_.resume(env_.mono());
    reason_ = last.reason;
    if (last.snapshot.forced_until)
      breaker_.force(last.snapshot.state, *last.snapshot.forced_until);
  }

  // --- messages ----------------------------------------------------------------

  void on_ask_permits(const ask_permits& x) {
    entry_.count();
    auto now = env_.mono();
    auto news = standing(now);
    if (!news.closed) {
      news.retry_at = now;
      for (uint32_t i = 0; i < x.wanted && news.retry_at <= now; ++i) {
        auto permit = breaker_.ask(now);
        if (permit.allowed)
          news.probes.push_back(permit.ticket);
        else
          news.retry_at = permit.retry_at;
      }
      // The first one began a round.
      news.round = breaker_.round();
      somebody_waits_ = news.retry_at > now;
    }
    tell_dispatcher(std::move(news));
    publish(false);
  }

  void on_call_ended(const call_ended& x) {
    entry_.count();
    breaker_.report(x.outcome, env_.mono(), rng_.unit());
    publish(false);
  }

  void on_force_breaker(force_breaker& x) {
    entry_.count();
    breaker_.force(x.state, env_.mono() + x.ttl);
    obey(runtime::to_string(x.state), x.reason, x.reply);
  }

  void on_reset_breaker(reset_breaker& x) {
    entry_.count();
    breaker_.reset(env_.mono());
    obey("reset", x.reason, x.reply);
  }

  void obey(std::string_view order, std::string& reason,
            runtime::sink_ref reply) {
    runtime::log_warn(
      "breaker", "an operator's order",
      {{"target", config_.model}, {"order", order}, {"reason", reason}});
    reason_ = std::move(reason);
    publish(true);
    env_.sinks.post(reply, runtime::breaker_answer{line(env_.mono())});
  }

  void on_tick() {
    armed_ = false;
    publish(false);
  }

  // --- telling -----------------------------------------------------------------

  /// What the dispatcher may do without asking.
  runtime::breaker_news standing(mono_time now) {
    runtime::breaker_news news{.generation = entry_.generation()};
    if (breaker_.state(now) == breaker_state::closed) {
      auto permit = breaker_.ask(now); // Closed: takes nothing.
      news.closed = permit.allowed;
      news.standing = permit.ticket;
    }
    news.round = breaker_.round();
    news.retry_at = breaker_.available_at(now);
    return news;
  }

  runtime::breaker_line line(mono_time now) {
    return {.snapshot = breaker_.snapshot(now),
            .available_at = breaker_.available_at(now),
            .reason = reason_};
  }

  /// After everything that may have changed something. `anyway`: even if the
  /// dispatcher would hear nothing new.
  void publish(bool anyway) {
    auto now = env_.mono();
    auto news = standing(now);
    bool changed = news.round != told_.round || news.closed != told_.closed
                   || !(news.standing == told_.standing);
    bool room = somebody_waits_ && news.retry_at <= now;
    told_ = news;
    if (changed || anyway || room) {
      somebody_waits_ = false;
      tell_dispatcher(std::move(news));
    }
    auto shown = line(now);
    note(shown.snapshot);
    arm(shown);
    env_.board.set_breaker(config_.model, std::move(shown));
  }

  void tell_dispatcher(runtime::breaker_news news) {
    if (auto d = env_.directory.find<dispatcher_actor>(
          directory::dispatcher_name(config_.model)))
      caf::anon_send(d, breaker_changed{std::move(news)});
  }

  /// Log and metrics.
  void note(const runtime::breaker_snapshot& now) {
    constexpr std::array states{breaker_state::closed, breaker_state::open,
                                breaker_state::half_open};
    for (size_t i = 0; i < states.size(); ++i) {
      auto more = now.transitions[i] - seen_.transitions[i];
      if (more > 0 && env_.metrics != nullptr)
        env_.metrics->breaker_moved(config_.model, states[i], more);
    }
    if (now.state != seen_.state)
      runtime::log_warn("breaker", "changed",
                        {{"target", config_.model},
                         {"state", to_string(now.state)},
                         {"cause", to_string(now.cause)},
                         {"calls", now.calls},
                         {"failed", now.failed},
                         {"slow", now.slow}});
    seen_ = now;
    entry_.set_state(now.state == breaker_state::closed ? "closed"
                     : now.state == breaker_state::open ? "open"
                                                        : "half_open");
  }

  /// Nothing happens by itself while it is closed and nobody holds it.
  void arm(const runtime::breaker_line& shown) {
    const auto& s = shown.snapshot;
    bool still =
      s.state == breaker_state::closed && !s.paused_until && !s.forced_until;
    if (still || armed_)
      return;
    armed_ = true;
    caf::delayed_anon_send(circuit_breaker_actor{self_},
                           std::chrono::seconds{1}, breaker_tick_atom_v);
  }

  circuit_breaker_actor::pointer self_;
  actor_env& env_;
  circuit_breaker_config config_;
  runtime::breaker breaker_;
  runtime::seeded_rng rng_;
  catalog_entry entry_;
  std::string reason_;
  runtime::breaker_news told_;
  runtime::breaker_snapshot seen_;
  bool somebody_waits_ = false; ///< A dispatcher that was refused.
  bool armed_ = false;
};

} // namespace

circuit_breaker_actor spawn_circuit_breaker(actor_env& env,
                                            circuit_breaker_config config,
                                            uint64_t generation) {
  return env.spawn<circuit_breaker_actor::stateful_impl<circuit_breaker_state>>(
    spawn_mode::pooled, &env, std::move(config), generation);
}

void report_call(const actor_env& env, const std::string& model,
                 const call_outcome& outcome) {
  if (outcome.ticket.round == 0)
    return;
  if (auto b = env.directory.find<circuit_breaker_actor>(
        directory::breaker_name(model)))
    caf::anon_send(b, call_ended{outcome});
}

} // namespace troupe::actors

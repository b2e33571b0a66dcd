// The gateway's breaker port over memory: real breakers without actors, and a
// switch that lets an order find nobody.
#pragma once

#include "gateway/breaker_port.hpp"
#include "runtime/guarded.hpp"

#include <atomic>
#include <map>

namespace troupe::tests {

/// Thread-safe. Knows `sim` and `lab/one`.
class scripted_breakers final : public gateway::breaker_port {
public:
  explicit scripted_breakers(runtime::sink_directory& sinks) : sinks_{sinks} {
    targets_.with([](auto& all) {
      all["lab/one"];
      all["sim"];
    });
  }

  void restart(bool on) { restarting_ = on; }

  std::vector<gateway::breaker_info> breakers() const override {
    return targets_.with([](const auto& all) {
      std::vector<gateway::breaker_info> out;
      for (const auto& [name, x] : all)
        out.push_back({name, x.line});
      return out;
    });
  }
  void force(const std::string& target, gateway::breaker_order order,
             runtime::sink_ref reply) override {
    obey(target, order.reason, reply, [&](runtime::breaker& b, auto now) {
      b.force(order.state, now + order.ttl);
    });
  }
  void reset(const std::string& target, std::string reason,
             runtime::sink_ref reply) override {
    obey(target, reason, reply,
         [](runtime::breaker& b, auto now) { b.reset(now); });
  }

private:
  struct entry {
    runtime::breaker breaker;
    runtime::breaker_line line;
  };

  template <class Order>
  void obey(const std::string& target, const std::string& reason,
            runtime::sink_ref reply, Order order) {
    if (restarting_)
      return sinks_.post(
        reply,
        runtime::refused{.why = {runtime::errc::model_unavailable, "restarts"},
                         .retry_after_s = 1});
    auto line = targets_.with([&](auto& all) {
      auto& x = all.at(target);
      auto now = runtime::system_clock().mono();
      order(x.breaker, now);
      x.line = {.snapshot = x.breaker.snapshot(now),
                .available_at = x.breaker.available_at(now),
                .reason = reason};
      return x.line;
    });
    sinks_.post(reply, runtime::breaker_answer{line});
  }

  runtime::sink_directory& sinks_;
  runtime::guarded<std::map<std::string, entry>> targets_;
  std::atomic<bool> restarting_{false};
};

} // namespace troupe::tests

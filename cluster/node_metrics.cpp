#include "cluster/node_metrics.hpp"

namespace troupe::cluster {
namespace {

using runtime::metric;
using runtime::metrics;

double number(uint64_t x) {
  return static_cast<double>(x);
}

/// Worse is more.
double level_of(runtime::breaker_state state) {
  switch (state) {
    case runtime::breaker_state::closed:
      return 0;
    case runtime::breaker_state::half_open:
      return 1;
    case runtime::breaker_state::open:
      return 2;
  }
  return 0;
}

void set_models(metrics& m, const runtime::node_board& board,
                runtime::mono_time now) {
  constexpr std::array tiers{"flex", "default", "priority"};
  for (const auto& line : board.models()) {
    m.set(metric::engine_slots, line.slots, line.name);
    m.set(metric::breaker_state,
          level_of(board.breaker(line.name).snapshot.state), line.name);
    m.set(metric::retry_budget_left, number(board.retries_left(line.name, now)),
          line.name);
    auto depths = board.depths(line.name);
    for (size_t i = 0; i < tiers.size(); ++i)
      m.set(metric::queue_depth, static_cast<double>(depths[i]), line.name,
            tiers[i]);
  }
}

void set_board(metrics& m, const runtime::node_board& board) {
  m.set(metric::jobs_live, number(board.live_jobs));
  m.set(metric::store_free_bytes, number(board.free_bytes));
  m.set(metric::store_writable, board.storage_ok ? 1 : 0);
  m.set(metric::shards_ready, board.shards_ready);
  m.set(metric::shards, board.shards_total);
  m.set(metric::memory_bytes, number(board.memory_bytes));
  m.set(metric::memory_bytes_max, number(board.memory_bytes_max));
  m.set(metric::memory_level, static_cast<double>(board.memory.load()) - 1);
  m.set(metric::draining, board.draining ? 1 : 0);
  m.set(metric::actor_restarts, number(board.restarts));
  m.set(metric::actors_quarantined, number(board.quarantined_actors));
}

void set_letters(metrics& m, const actors::system_letters& letters) {
  m.set(metric::system_letters, number(letters.undeliverable), "undeliverable");
  m.set(metric::system_letters, number(letters.unmatched), "unmatched");
  m.set(metric::system_letters, number(letters.errors), "errors");
  m.set(metric::system_letters, number(letters.exceptions), "exceptions");
  m.set(metric::system_letters, number(letters.stale), "stale");
}

} // namespace

void collect_node(metrics& m, actors::actor_env& env) {
  m.on_collect([&env](metrics& registry) {
    set_board(registry, env.board);
    set_models(registry, env.board, env.mono());
    set_letters(registry, env.letters);
    registry.set(metric::budget_reserved_cost,
                 env.tenants.reserved_cost({env.mono(), env.wall()}));
    registry.set(metric::actors, number(env.catalog.size()));
    registry.set(metric::jobs_resident,
                 number(env.catalog.count("troupe.job")));
  });
}

void collect_gateway(metrics& m, const gateway::gateway_counters& c) {
  m.on_collect([&c](metrics& registry) {
    auto set = [&](metric id, const gateway::counter& x,
                   std::string_view label = {}) {
      registry.set(id, number(x.get()), label);
    };
    set(metric::http_requests, c.requests);
    set(metric::http_answers, c.answers_2xx, "2xx");
    set(metric::http_answers, c.answers_4xx, "4xx");
    set(metric::http_answers, c.answers_5xx, "5xx");
    set(metric::http_connections, c.connections_open);
    set(metric::http_connections_accepted, c.connections_accepted);
    set(metric::http_connections_refused, c.connections_refused_ip);
    set(metric::http_accept_pauses, c.accept_pauses);
    set(metric::http_guard_refusals, c.guard_refusals);
    set(metric::http_guard_disagreements, c.guard_disagreements);
    set(metric::http_timeouts, c.timeouts_header, "header");
    set(metric::http_timeouts, c.timeouts_body, "body");
    set(metric::http_timeouts, c.timeouts_answer, "answer");
    set(metric::http_sessions_escaped, c.sessions_escaped);
    set(metric::streams, c.streams_open);
    set(metric::streams_opened, c.streams_opened);
    set(metric::streams_slow, c.streams_slow);
    set(metric::streams_refused, c.streams_refused);
    set(metric::stream_events, c.stream_events);
    set(metric::stream_rereads, c.stream_rereads);
  });
}

} // namespace troupe::cluster

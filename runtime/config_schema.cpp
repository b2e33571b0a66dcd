#include "runtime/config_schema.hpp"

#include <array>

namespace troupe::runtime {
namespace {

constexpr std::array<std::string_view, 3> role_words{"gateway", "data",
                                                     "compute"};
constexpr std::array<std::string_view, 2> store_words{"rocksdb", "memory"};
constexpr std::array<std::string_view, 2> durability_words{"fsync", "os"};
constexpr std::array<std::string_view, 2> backend_words{"torch_decoder",
                                                        "simulated"};
constexpr std::array<std::string_view, 2> service_words{"lognormal",
                                                        "constant"};
constexpr std::array<std::string_view, 3> purpose_words{"fast", "accurate",
                                                        "experimental"};
constexpr std::array<std::string_view, 3> intent_words{"fast", "accurate",
                                                       "explore"};
constexpr std::array<std::string_view, 4> level_words{"debug", "info", "warn",
                                                      "error"};

constexpr uint64_t mib = 1024 * 1024;

template <class Enum, size_t N>
std::string_view
word_of(Enum x, const std::array<std::string_view, N>& words) noexcept {
  auto index = static_cast<size_t>(x);
  return index < N ? words[index] : "unknown";
}

} // namespace

void describe(config_visitor& v, config& x) {
  v.section({"node", "This node."}, x.node);
  v.section({"gateway", "The public HTTP listener."}, x.gateway);
  v.section({"admin", "The listener for operators."}, x.admin);
  v.section({"store", "Where jobs are kept."}, x.store);
  v.integer({"shards", "Queue shards; fixed once the store exists."}, x.shards,
            {1, 1024});
  v.list({"models", "What this node serves; at least one."}, x.models);
  v.list({"pools", "Workers that several models share."}, x.pools);
  v.list({"aliases", "Names that stand for one of several models."}, x.aliases);
  v.list({"tenants", "For whom; `default` is always among them."}, x.tenants);
  v.section({"engine", "The supervised processes that compute."}, x.engine);
  v.section({"queue", "Bounds of what may wait."}, x.queue);
  v.section({"scheduling", "The order of the queue."}, x.scheduling);
  v.section({"poison", "Inputs that crash engines."}, x.poison);
  v.section({"drain", "How long the phases of a stop may take."}, x.drain);
  v.section({"log", "JSON lines on standard error."}, x.log);
}

void describe(config_visitor& v, node_settings& x) {
  v.text({"name", "Shown in worker names, logs and metrics."}, x.name,
         text_rule::name);
  v.text({"data_dir", "Folder of the store, made if missing; one node only."},
         x.data_dir, text_rule::folder_path);
  v.choices({"roles", "What the node does; this version needs all three."},
            x.roles, role_words);
  v.integer({"memory_mib_max", "The node refuses work as its memory gets near; "
                               "0: 80 % of the machine's or cgroup's."},
            x.memory_mib_max, {0, 16'777'216});
}

void describe(config_visitor& v, gateway_settings& x) {
  v.address({"listen", "Address of the API; loopback only, port 0: any."},
            x.listen);
  v.integer({"threads", "Threads that serve connections."}, x.threads, {1, 64});
  v.section({"limits", "What clients may do; beyond it they are refused."},
            x.limits);
}

void describe(config_visitor& v, limit_settings& x) {
  v.integer({"request_line_bytes_max", "Method, target and version."},
            x.request_line_bytes_max, {64, 64 * 1024});
  v.integer({"header_bytes_max", "All header fields of a request together."},
            x.header_bytes_max, {256, 1 * mib});
  v.integer({"header_fields_max", "Header fields of a request."},
            x.header_fields_max, {1, 1000});
  v.integer({"body_bytes_max", "The body of a request, decoded."},
            x.body_bytes_max, {1024, 64 * mib});
  v.integer({"json_depth_max", "Nesting of a JSON body."}, x.json_depth_max,
            {1, 256});
  v.seconds({"header_timeout_s", "From the first byte to the last header."},
            x.header_timeout, {0.01, 600});
  v.seconds({"body_timeout_s", "From the last header to the end of the body."},
            x.body_timeout, {0.01, 3600});
  v.seconds({"keep_alive_s", "An idle connection is closed after it."},
            x.keep_alive, {0.01, 3600});
  v.integer({"connections_max", "Open connections; accepting pauses at it."},
            x.connections_max, {1, 1'000'000});
  v.integer({"connections_per_ip_max",
             "Open connections of one address; loopback is exempt."},
            x.connections_per_ip_max, {1, 1'000'000});
  v.integer({"streams_per_key_max", "Open event streams of one API key."},
            x.streams_per_key_max, {1, 1'000'000});
  v.integer({"sse_buffer_bytes_max",
             "Unsent bytes of one event stream; a slower reader is cut off."},
            x.sse_buffer_bytes_max, {4 * 1024, 16 * mib});
  v.integer({"events_per_job_max", "Events of one job; beyond it it fails."},
            x.events_per_job_max, {100, 10'000'000});
  v.seconds({"heartbeat_s", "A silent event stream gets a comment after it."},
            x.heartbeat, {0.01, 300});
}

void describe(config_visitor& v, admin_settings& x) {
  v.address(
    {"listen", "Address of health, readiness and metrics; loopback only."},
    x.listen);
}

void describe(config_visitor& v, store_settings& x) {
  v.choice({"kind", "`memory` forgets everything at exit: for tests."}, x.kind,
           store_words);
  v.choice({"durability", "`os` survives a crash of Troupe, not of the host."},
           x.durability, durability_words);
  v.integer({"free_mib_min", "New jobs are refused below this free space."},
            x.free_mib_min, {0, 1'048'576});
}

void describe(config_visitor& v, model_settings& x) {
  v.required_text({"name", "What requests call it; unique."}, x.name,
                  text_rule::name);
  v.choice({"backend", "What computes."}, x.backend, backend_words);
  v.text({"path", "Model folder in Hugging Face layout; torch_decoder only."},
         x.path, text_rule::folder_path);
  v.integer({"slots", "Jobs that one worker runs at once."}, x.slots,
            {1, 1024});
  v.integer({"workers", "Engine processes of this model; not in a pool."},
            x.workers, {1, 64});
  v.text({"pool", "Whose workers it shares; empty: it has its own."}, x.pool,
         text_rule::optional_name);
  v.integer({"workers_min", "Workers that its pool never takes away."},
            x.workers_min, {0, 64});
  v.integer({"workers_max", "Workers that its pool gives at most; 0: any "
                            "number."},
            x.workers_max, {0, 64});
  v.choice({"kind", "What an alias or a pool uses it for."}, x.purpose,
           purpose_words);
  v.integer({"context_length_max", "Tokens of input and output; 0: the model's "
                                   "own limit."},
            x.context_length_max, {0, 1'048'576});
  v.integer({"prefill_tokens_max", "Input tokens computed per engine step."},
            x.prefill_tokens_max, {1, 65'536});
  v.integer({"threads", "Threads that one engine computes with."}, x.threads,
            {1, 256});
  v.names({"fallbacks",
           "Where its jobs may go when they cannot be served here in time."},
          x.fallbacks, 4);
  v.real({"price", "Cost units per second of a slot."}, x.price,
         {0, 1'000'000});
  v.optional_section({"simulated", "How the simulated backend behaves."},
                     x.simulated);
}

void describe(config_visitor& v, simulated_settings& x) {
  v.choice({"service", "Distribution of the time on a slot."}, x.service,
           service_words);
  v.real({"median_s", "Median seconds on a slot; of `constant`: all."},
         x.median_s, {0, 604'800});
  v.real({"p95_s", "95th percentile in seconds, at least the median."}, x.p95_s,
         {0, 604'800});
  v.integer({"tokens", "Words of an answer."}, x.tokens, {0, 1'000'000});
  v.integer({"seed", "The same seed and job give the same answer."}, x.seed,
            {0, UINT64_MAX});
}

void describe(config_visitor& v, pool_settings& x) {
  v.required_text({"name", "What `models[].pool` calls it; unique."}, x.name,
                  text_rule::name);
  v.integer({"workers", "Workers that its models share."}, x.workers, {1, 64});
}

void describe(config_visitor& v, alias_settings& x) {
  v.required_text({"name", "What requests call it; unlike every model."},
                  x.name, text_rule::name);
  v.names({"models", "The models that it stands for, best first."}, x.models,
          16);
  v.choice({"intent", "Of requests that bring none."}, x.intent, intent_words);
}

void describe(config_visitor& v, tenant_settings& x) {
  v.required_text({"name", "What requests call it; unique."}, x.name,
                  text_rule::name);
  v.real({"share", "Of each model's slots, against other tenants that wait."},
         x.share, {0.001, 1000});
  v.integer({"queued_jobs_max", "Its jobs that wait or run; more get 429; 0: "
                                "scheduling.admission.tenant_queued_max."},
            x.queued_jobs_max, {0, 100'000'000});
  v.section({"budget", "What it may spend."}, x.budget);
}

void describe(config_visitor& v, budget_settings& x) {
  v.real({"cost_per_minute", "Cost units that come in per minute; 0: no "
                             "limit."},
         x.cost_per_minute, {0, 1e9});
  v.real({"burst", "Cost units that it may save up; 0: a minute's."}, x.burst,
         {0, 1e9});
}

void describe(config_visitor& v, engine_settings& x) {
  v.seconds({"heartbeat_timeout_s", "A silent engine is killed after it."},
            x.heartbeat_timeout, {0.1, 3600});
  v.seconds({"hang_s_max", "A busy engine without a step is killed after it."},
            x.hang_max, {0.1, 3600});
  v.text({"binary", "The troupe-engine program; empty: beside troupe."},
         x.binary, text_rule::file_path);
}

void describe(config_visitor& v, queue_settings& x) {
  v.integer({"queued_jobs_max", "Jobs that wait on this node; more get 503."},
            x.queued_jobs_max, {1, 100'000'000});
  v.integer({"resident_jobs_max",
             "Waiting jobs whose request stays in memory; others reload."},
            x.resident_jobs_max, {1, 10'000'000});
}

void describe(config_visitor& v, poison_settings& x) {
  v.seconds({"ttl_s", "An input that crashed an engine twice alone is refused "
                      "for this long; 0: never."},
            x.ttl, {0, 31'536'000});
}

void describe(config_visitor& v, drain_settings& x) {
  v.seconds({"unready_s", "Readiness fails this long before work is refused."},
            x.unready, {0, 3600});
  v.seconds({"finish_s", "Running jobs may finish; then they are parked."},
            x.finish, {0, 86'400});
  v.seconds({"stop_s", "Actors may stop; then the process ends anyway."},
            x.stop, {0.1, 3600});
  v.seconds({"interrupt_finish_s", "Like finish_s, after Ctrl-C."},
            x.interrupt_finish, {0, 3600});
}

void describe(config_visitor& v, log_settings& x) {
  v.choice({"level", "The least level that is written."}, x.level, level_words);
}

std::string_view to_string(node_role x) noexcept {
  return word_of(x, role_words);
}
std::string_view to_string(store_kind x) noexcept {
  return word_of(x, store_words);
}
std::string_view to_string(durability_level x) noexcept {
  return word_of(x, durability_words);
}
std::string_view to_string(model_backend x) noexcept {
  return word_of(x, backend_words);
}

} // namespace troupe::runtime

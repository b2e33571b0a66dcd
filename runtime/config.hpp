// The configuration of a node as typed values, and the ways to get one: from a
// YAML file, from a text, or the built-in demo. Keys, defaults, ranges and their
// descriptions stand once, in config_schema.cpp; docs/configuration.md is
// compared with it. Pure values: nothing here listens, opens or starts.
#pragma once

#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/scheduling_settings.hpp"

#include <boost/system/result.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

/// Where to listen. Text form `127.0.0.1:8080`, `localhost:0`, `[::1]:8080`.
struct listen_address {
  std::string host = "127.0.0.1"; ///< An IP address or `localhost`.
  uint16_t port = 0;              ///< 0: any free port.
  std::string str() const;
  /// 127.0.0.0/8, ::1 or localhost.
  bool loopback() const;
  static std::optional<listen_address> parse(std::string_view text);
  friend bool operator==(const listen_address&,
                         const listen_address&) = default;
};

// The order of these is the order of their words in config_schema.cpp.
enum class node_role : uint8_t { gateway, data, compute };
enum class store_kind : uint8_t { rocksdb, memory };
enum class durability_level : uint8_t { fsync, os };
enum class model_backend : uint8_t { torch_decoder, simulated };
enum class service_distribution : uint8_t { lognormal, constant };
/// What a model of an alias or a pool is for; see model_kind.
enum class model_purpose : uint8_t { fast, accurate, experimental };
enum class alias_intent : uint8_t { fast, accurate, explore };

struct node_settings {
  std::string name = "a";
  std::string data_dir = "troupe-data"; ///< Absolute once loaded.
  std::vector<node_role> roles{node_role::gateway, node_role::data,
                               node_role::compute};
  uint64_t memory_mib_max = 0; ///< 0: 80 % of what there is.
  friend bool operator==(const node_settings&, const node_settings&) = default;
};

struct limit_settings {
  uint32_t request_line_bytes_max = 4 * 1024;
  uint32_t header_bytes_max = 8 * 1024;
  uint32_t header_fields_max = 100;
  uint64_t body_bytes_max = 1024 * 1024;
  uint32_t json_depth_max = 32;
  duration header_timeout{std::chrono::seconds{10}};
  duration body_timeout{std::chrono::seconds{60}};
  duration keep_alive{std::chrono::seconds{30}};
  uint32_t connections_max = 4'096;
  uint32_t connections_per_ip_max = 100;
  uint32_t streams_per_key_max = 1'000;
  uint64_t sse_buffer_bytes_max = 64 * 1024;
  uint32_t events_per_job_max = 100'000;
  duration heartbeat{std::chrono::seconds{15}};
  friend bool operator==(const limit_settings&,
                         const limit_settings&) = default;
};

struct gateway_settings {
  listen_address listen{"127.0.0.1", 8080};
  uint32_t threads = 1;
  limit_settings limits;
  friend bool operator==(const gateway_settings&,
                         const gateway_settings&) = default;
};

struct admin_settings {
  listen_address listen{"127.0.0.1", 8081};
  friend bool operator==(const admin_settings&,
                         const admin_settings&) = default;
};

struct store_settings {
  store_kind kind = store_kind::rocksdb;
  durability_level durability = durability_level::fsync;
  uint32_t free_mib_min = 512;
  friend bool operator==(const store_settings&,
                         const store_settings&) = default;
};

/// How long a simulated model takes and how much it says.
struct simulated_settings {
  service_distribution service = service_distribution::lognormal;
  double median_s = 0.2;
  double p95_s = 0.5;
  uint32_t tokens = 20;
  uint64_t seed = 1;
  friend bool operator==(const simulated_settings&,
                         const simulated_settings&) = default;
};

struct model_settings {
  std::string name;
  model_backend backend = model_backend::torch_decoder;
  std::string path; ///< Absolute once loaded; empty: `simulated`.
  uint32_t slots = 8;
  uint32_t workers = 1;
  std::string pool; ///< Empty: workers of its own.
  uint32_t workers_min = 1;
  uint32_t workers_max = 0; ///< 0: as many as the pool has.
  model_purpose purpose = model_purpose::accurate;
  uint32_t context_length_max = 0; ///< Tokens; 0 = the model's own.
  uint32_t prefill_tokens_max = 256;
  uint32_t threads = 1;
  std::vector<std::string> fallbacks;
  double price = 1; ///< Cost units per second of a slot.
  std::optional<simulated_settings> simulated; ///< Set iff `simulated`.
  friend bool operator==(const model_settings&,
                         const model_settings&) = default;
};

/// Workers that several models share.
struct pool_settings {
  std::string name;
  uint32_t workers = 1;
  friend bool operator==(const pool_settings&, const pool_settings&) = default;
};

/// A name that stands for one of several models, by the request's intent.
struct alias_settings {
  std::string name;
  std::vector<std::string> models;              ///< In order of preference.
  alias_intent intent = alias_intent::accurate; ///< Of requests without one.
  friend bool operator==(const alias_settings&,
                         const alias_settings&) = default;
};

struct engine_settings {
  duration heartbeat_timeout{std::chrono::seconds{10}};
  duration hang_max{std::chrono::seconds{30}};
  std::string binary; ///< Absolute once loaded; empty: beside `troupe`.
  friend bool operator==(const engine_settings&,
                         const engine_settings&) = default;
};

struct queue_settings {
  uint64_t queued_jobs_max = 1'000'000;
  uint64_t resident_jobs_max = 50'000;
  friend bool operator==(const queue_settings&,
                         const queue_settings&) = default;
};

struct poison_settings {
  duration ttl{std::chrono::hours{1}}; ///< 0: inputs are never refused.
  friend bool operator==(const poison_settings&,
                         const poison_settings&) = default;
};

/// What a tenant may spend, in cost units.
struct budget_settings {
  double cost_per_minute = 0; ///< 0: no limit.
  double burst = 0;           ///< 0: as much as comes in a minute.
  friend bool operator==(const budget_settings&,
                         const budget_settings&) = default;
};

struct tenant_settings {
  std::string name;
  double share = 1;
  uint64_t queued_jobs_max = 0; ///< 0: scheduling.admission.tenant_queued_max.
  budget_settings budget;
  friend bool operator==(const tenant_settings&,
                         const tenant_settings&) = default;
};

/// How long each phase of a stop may take.
struct drain_settings {
  duration unready{std::chrono::seconds{5}};
  duration finish{std::chrono::seconds{60}};
  duration stop{std::chrono::seconds{10}};
  duration interrupt_finish{std::chrono::seconds{3}};
  friend bool operator==(const drain_settings&,
                         const drain_settings&) = default;
};

struct log_settings {
  log_level level = log_level::info;
  friend bool operator==(const log_settings&, const log_settings&) = default;
};

struct config {
  node_settings node;
  gateway_settings gateway;
  admin_settings admin;
  store_settings store;
  uint32_t shards = 64;
  std::vector<model_settings> models;
  std::vector<pool_settings> pools;
  std::vector<alias_settings> aliases;
  std::vector<tenant_settings> tenants;
  engine_settings engine;
  queue_settings queue;
  scheduling_settings scheduling;
  poison_settings poison;
  drain_settings drain;
  log_settings log;
  friend bool operator==(const config&, const config&) = default;
};

/// One thing that is wrong with a configuration. Lines and columns from 1.
struct config_problem {
  uint32_t line = 1;
  uint32_t column = 1;
  std::string key; ///< E.g. `models[0].slots`; empty: the text as a whole.
  std::string reason;
  friend bool operator==(const config_problem&,
                         const config_problem&) = default;
};

/// All that is wrong, in the order of the file.
struct config_problems {
  std::string file;
  std::vector<config_problem> list;
  /// One `FILE:LINE:COL: key: reason` per line.
  std::string str() const;
};

/// Thrown as a broken invariant when `.value()` is called on a failed load.
[[noreturn]] void throw_exception_from_error(const config_problems& problems,
                                             const boost::source_location& loc);

using config_result = boost::system::result<config, config_problems>;

/// Checks all but the presence of files. `file` is what messages call the text;
/// relative paths in it are relative to `directory`.
config_result parse_config(std::string_view text, const std::string& file,
                           const std::filesystem::path& directory);

/// What is wrong inside of a local model's folder; nothing if it is in order.
using model_folder_check =
  std::optional<std::string> (*)(const std::string& folder);

/// What the engine program that is built beside `troupe` can run.
struct engine_build {
  bool torch = false;                        ///< LibTorch models.
  model_folder_check folder_check = nullptr; ///< Null: folders are not read.
};
/// This build's: TROUPE_TORCH at configuration; without `folder_check`.
engine_build this_build() noexcept;

/// Reads at most 1 MiB, parses, and checks that model folders and the engine
/// exist and that the engine, if it is `beside` troupe, can run the models.
config_result load_config(const std::filesystem::path& file,
                          engine_build beside = this_build());

/// What `troupe serve` runs without a file: the demo model `writer` and the
/// simulated `sim-fast`. `executable`: the path of the running program; the
/// model is looked for beside it, in its `share/troupe`, and up the tree in
/// `models/demo/writer`. Without the model's folder or without LibTorch there is
/// only `sim-fast`.
config demo_config(const std::filesystem::path& executable,
                   engine_build beside = this_build());

/// YAML of every key, defaults included. `parse_config` makes an equal value of
/// it.
std::string print_effective(const config& value);
/// The same as one JSON object, for programs.
std::string print_effective_json(const config& value);

/// One line of the reference.
struct config_key {
  std::string path; ///< `models[].slots`.
  std::string type;
  std::string initial; ///< The default as YAML; `required` where there is none.
  std::string range;   ///< Empty: any.
  std::string about;
};

/// Every key in the order of the schema.
std::vector<config_key> config_keys();

// Words as in the file. Total.
std::string_view to_string(node_role x) noexcept;
std::string_view to_string(store_kind x) noexcept;
std::string_view to_string(durability_level x) noexcept;
std::string_view to_string(model_backend x) noexcept;
std::string_view to_string(queue_order x) noexcept;

} // namespace troupe::runtime

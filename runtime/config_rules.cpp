#include "runtime/config_rules.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace troupe::runtime {
namespace {

std::string model_key(size_t index, std::string_view key) {
  return "models[" + std::to_string(index) + "]." + std::string{key};
}

void check_listen(const std::string& key, const listen_address& listen,
                  const problem_report& report) {
  if (!listen.loopback())
    report(key, "'" + listen.host
                  + "' is not a loopback address; this version has no TLS and "
                    "no API keys, so it listens on 127.0.0.1, [::1] or "
                    "localhost only");
}

void check_roles(const config& value, const problem_report& report) {
  std::set<node_role> seen;
  for (auto role : value.node.roles)
    if (!seen.insert(role).second)
      report("node.roles",
             "'" + std::string{to_string(role)} + "' stands there twice");
  if (seen.size() < 3)
    report("node.roles", "this version runs one node: it needs gateway, data "
                         "and compute");
}

void check_backend(model_settings& model, size_t i,
                   const problem_report& report) {
  if (model.backend == model_backend::torch_decoder) {
    if (model.path.empty())
      report(model_key(i, "path"), "required for backend torch_decoder");
    if (model.simulated)
      report(model_key(i, "simulated"), "only for backend simulated");
    return;
  }
  if (!model.path.empty())
    report(model_key(i, "path"), "only for backend torch_decoder");
  if (!model.simulated)
    model.simulated.emplace();
  if (model.simulated->p95_s < model.simulated->median_s)
    report(model_key(i, "simulated.p95_s"), "must not be below median_s");
}

void check_fallbacks(const config& value, size_t i,
                     const problem_report& report) {
  const auto& model = value.models[i];
  std::set<std::string_view> seen;
  for (const auto& name : model.fallbacks) {
    auto known = std::any_of(value.models.begin(), value.models.end(),
                             [&](const auto& x) { return x.name == name; });
    auto key = model_key(i, "fallbacks");
    if (name == model.name)
      report(key, "a model cannot be its own fallback");
    else if (!known)
      report(key, "no model is called '" + name + "'");
    if (!seen.insert(name).second)
      report(key, "'" + name + "' stands there twice");
  }
}

void check_scheduling(const scheduling_settings& x,
                      const problem_report& report) {
  if (x.breaker.calls_min > x.breaker.window_calls)
    report("scheduling.breaker.calls_min", "must not be above window_calls");
  if (x.breaker.open_max < x.breaker.open_min)
    report("scheduling.breaker.open_max_s", "must not be below open_min_s");
  if (x.retry.cap < x.retry.base)
    report("scheduling.retry.cap_s", "must not be below base_s");
}

void check_models(config& value, const problem_report& report) {
  if (value.models.empty())
    report("models", "at least one model is needed");
  std::set<std::string_view> names;
  for (size_t i = 0; i < value.models.size(); ++i) {
    auto& model = value.models[i];
    if (!model.name.empty() && !names.insert(model.name).second)
      report(model_key(i, "name"),
             "another model is called '" + model.name + "' already");
    check_backend(model, i, report);
    check_fallbacks(value, i, report);
  }
}

void check_tenants(const config& value, const problem_report& report) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < value.tenants.size(); ++i) {
    const auto& tenant = value.tenants[i];
    auto key = "tenants[" + std::to_string(i) + "].";
    if (!tenant.name.empty() && !names.insert(tenant.name).second)
      report(key + "name",
             "another tenant is called '" + tenant.name + "' already");
    if (tenant.budget.burst > 0 && tenant.budget.cost_per_minute <= 0)
      report(key + "budget.burst", "needs a cost_per_minute");
  }
}

} // namespace

void check_rules(config& value, const problem_report& report) {
  if (value.node.data_dir.empty())
    report("node.data_dir", "must not be empty");
  check_roles(value, report);
  check_listen("gateway.listen", value.gateway.listen, report);
  check_listen("admin.listen", value.admin.listen, report);
  if (value.gateway.listen.port != 0
      && value.gateway.listen == value.admin.listen)
    report("admin.listen", "is the same address as gateway.listen");
  if (value.queue.resident_jobs_max > value.queue.queued_jobs_max)
    report("queue.resident_jobs_max", "must not be above queued_jobs_max");
  check_scheduling(value.scheduling, report);
  check_models(value, report);
  check_pools(value, report);
  check_aliases(value, report);
  check_tenants(value, report);
}

void check_files(const config& value, const problem_report& report) {
  namespace fs = std::filesystem;
  std::error_code ignored; // Whatever the reason: it is not there for us.
  for (size_t i = 0; i < value.models.size(); ++i) {
    const auto& path = value.models[i].path;
    if (path.empty())
      continue;
    auto key = model_key(i, "path");
    if (!fs::is_directory(path, ignored))
      report(key, "there is no folder '" + path + "'");
    else if (!fs::is_regular_file(fs::path{path} / "config.json", ignored))
      report(key, "'" + path
                    + "' has no config.json: no model folder in "
                      "Hugging Face layout");
  }
  const auto& binary = value.engine.binary;
  if (!binary.empty() && !fs::is_regular_file(binary, ignored))
    report("engine.binary", "there is no program '" + binary + "'");
  if (fs::exists(value.node.data_dir, ignored)
      && !fs::is_directory(value.node.data_dir, ignored))
    report("node.data_dir", "'" + value.node.data_dir + "' is no folder");
}

void check_engine(const config& value, engine_build beside,
                  const problem_report& report) {
  if (!value.engine.binary.empty())
    return;
  std::error_code ignored;
  for (size_t i = 0; i < value.models.size(); ++i) {
    const auto& model = value.models[i];
    if (model.backend != model_backend::torch_decoder)
      continue;
    if (!beside.torch)
      report(model_key(i, "backend"),
             "this build has no LibTorch: build with another TROUPE_TORCH than "
             "off, or let engine.binary name an engine that has it");
    else if (beside.folder_check != nullptr
             && std::filesystem::is_regular_file(model.path + "/config.json",
                                                 ignored))
      if (const auto trouble = beside.folder_check(model.path))
        report(model_key(i, "path"), *trouble);
  }
}

} // namespace troupe::runtime

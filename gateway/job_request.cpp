#include "gateway/job_request.hpp"

#include "gateway/alias_choice.hpp"
#include "gateway/field_reader.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace troupe::gateway {

namespace json = boost::json;
using runtime::job_spec;
using runtime::task_kind;

namespace {

constexpr size_t metadata_value_chars_max = 512;
constexpr size_t fallbacks_max = 4;
constexpr size_t stop_strings_max = 4;
constexpr size_t stop_chars_max = 256;
constexpr size_t messages_max = 4096;
constexpr int64_t tokens_max = 16'777'216;

runtime::duration from_seconds(double s) {
  return std::chrono::round<runtime::duration>(
    std::chrono::duration<double>{s});
}

void read_stop(field_reader& fields, const std::string& pointer, job_spec& spec,
               std::vector<field_error>& errors) {
  const auto* list = fields.array("stop");
  if (!list)
    return;
  if (list->size() > stop_strings_max)
    return fields.wrong("stop", "must have at most 4 strings");
  for (size_t i = 0; i < list->size(); ++i) {
    const auto* text = (*list)[i].if_string();
    if (!text || text->empty() || count_chars(*text) > stop_chars_max) {
      errors.push_back({pointer + "/stop/" + std::to_string(i),
                        "must be a string of 1 to 256 characters"});
      continue;
    }
    spec.params.stop.emplace_back(text->data(), text->size());
  }
}

void read_simulate(field_reader& params, const std::string& pointer,
                   job_spec& spec, std::vector<field_error>& errors) {
  const auto* object = params.object("simulate");
  if (!object)
    return;
  field_reader fields{*object, pointer + "/simulate", errors};
  runtime::simulate_params x;
  x.service_s = fields.number("service_s", {0.0, 86'400.0});
  if (auto n = fields.integer("tokens", {0, 1'000'000}))
    x.tokens = static_cast<uint32_t>(*n);
  if (auto n = fields.integer("fail_at_token", {0, 1'000'000}))
    x.fail_at_token = static_cast<uint32_t>(*n);
  if (auto word = fields.choice("fail_code", {"transient", "invalid"}))
    x.fail_code = *word;
  x.hang = fields.boolean("hang").value_or(false);
  x.crash = fields.boolean("crash").value_or(false);
  x.predicted_s = fields.number("predicted_s", {0.0, 604'800.0});
  fields.finish();
  spec.simulate = std::move(x);
}

void read_params(field_reader& body, job_spec& spec,
                 std::vector<field_error>& errors) {
  const auto* object = body.object("params");
  if (!object)
    return;
  const std::string pointer = "/params";
  field_reader fields{*object, pointer, errors};
  auto& x = spec.params;
  if (auto n = fields.integer("max_output_tokens", {1, tokens_max}))
    x.max_output_tokens = static_cast<uint32_t>(*n);
  x.temperature = fields.number("temperature", {0.0, 2.0}).value_or(1.0);
  x.top_p = fields.number("top_p", {0.0, 1.0}).value_or(1.0);
  if (auto n = fields.integer("top_k", {0, 1000}))
    x.top_k = static_cast<uint32_t>(*n);
  x.seed = fields.integer("seed", {std::numeric_limits<int64_t>::min(),
                                   std::numeric_limits<int64_t>::max()});
  x.presence_penalty =
    fields.number("presence_penalty", {-2.0, 2.0}).value_or(0.0);
  x.frequency_penalty =
    fields.number("frequency_penalty", {-2.0, 2.0}).value_or(0.0);
  read_stop(fields, pointer, spec, errors);
  read_simulate(fields, pointer, spec, errors);
  if (auto n = fields.integer("top_logprobs", {0, 20}); n && *n > 0)
    fields.wrong("top_logprobs", std::string{not_supported_yet});
  for (const auto* name :
       {"tools", "tool_choice", "response_format", "dimensions"})
    fields.not_supported(name);
  fields.finish();
}

void read_deadline(field_reader& body, job_spec& spec,
                   std::vector<field_error>& errors) {
  const auto* object = body.object("deadline");
  if (!object)
    return;
  field_reader fields{*object, "/deadline", errors};
  if (auto s = fields.number("start_timeout_s", {0.05, 86'400.0}))
    spec.deadline.start_timeout = from_seconds(*s);
  if (auto s = fields.number("total_timeout_s", {0.05, 604'800.0}))
    spec.deadline.total_timeout = from_seconds(*s);
  const auto word =
    fields.choice("on_deadline", {"partial", "cutover", "fail"});
  if (word == "cutover")
    spec.deadline.action = runtime::deadline_action::cutover;
  else if (word == "fail")
    spec.deadline.action = runtime::deadline_action::fail;
  fields.finish();
}

// A message's content: a string, or text parts that are joined.
std::optional<std::string> read_content(const json::value& value,
                                        const std::string& pointer,
                                        std::vector<field_error>& errors) {
  if (const auto* text = value.if_string())
    return std::string{*text};
  const auto* parts = value.if_array();
  if (!parts) {
    errors.push_back({pointer, "must be a string or an array of text parts"});
    return std::nullopt;
  }
  std::string joined;
  for (size_t i = 0; i < parts->size(); ++i) {
    const auto at = pointer + "/" + std::to_string(i);
    const auto* part = (*parts)[i].if_object();
    if (!part) {
      errors.push_back({at, "must be an object"});
      continue;
    }
    field_reader fields{*part, at, errors};
    const auto type = fields.text("type", 1, 64);
    if (type && *type != "text" && *type != "input_text")
      errors.push_back({at + "/type", "a part of this type "
                                        + std::string{not_supported_yet}});
    else if (!type && !part->contains("type"))
      errors.push_back({at + "/type", "is required"});
    if (auto text = fields.text("text", 0, SIZE_MAX))
      joined += *text;
    else if (!part->contains("text"))
      errors.push_back({at + "/text", "is required"});
    fields.finish();
  }
  return joined;
}

void read_messages(const json::array& list, job_spec& spec,
                   std::vector<field_error>& errors) {
  if (list.empty() || list.size() > messages_max) {
    errors.push_back({"/input", "must have 1 to 4096 messages"});
    return;
  }
  for (size_t i = 0; i < list.size(); ++i) {
    const auto at = "/input/" + std::to_string(i);
    const auto* object = list[i].if_object();
    if (!object) {
      errors.push_back({at, "must be an object"});
      continue;
    }
    field_reader fields{*object, at, errors};
    runtime::chat_message message;
    if (auto role = fields.choice("role", {"system", "user", "assistant"}))
      message.role = std::move(*role);
    else if (!object->contains("role"))
      fields.wrong("role", "is required");
    if (const auto* content = fields.member("content")) {
      if (auto text = read_content(*content, at + "/content", errors))
        message.content = std::move(*text);
    } else {
      fields.wrong("content", "is required");
    }
    fields.finish();
    spec.messages.push_back(std::move(message));
  }
}

void read_input(field_reader& body, job_spec& spec,
                std::vector<field_error>& errors) {
  const auto* input = body.member("input");
  if (!input)
    return body.wrong("input", "is required");
  if (const auto* text = input->if_string())
    spec.text.assign(text->data(), text->size());
  else if (const auto* list = input->if_array();
           list && spec.task == task_kind::chat)
    read_messages(*list, spec, errors);
  else
    body.wrong("input", spec.task == task_kind::chat
                          ? "must be a string or an array of messages"
                          : "must be a string");
}

void read_metadata(field_reader& body, job_spec& spec,
                   std::vector<field_error>& errors) {
  const auto* object = body.object("metadata");
  if (!object)
    return;
  if (object->size() > metadata_pairs_max)
    return body.wrong("metadata", "must have at most 16 pairs");
  field_reader fields{*object, "/metadata", errors};
  for (const auto& x : *object) {
    const std::string_view key{x.key()};
    const auto* value = x.value().if_string();
    if (key.empty() || count_chars(key) > metadata_key_chars_max)
      fields.wrong(key, "the key must have 1 to 64 characters");
    else if (!value || count_chars(*value) > metadata_value_chars_max)
      fields.wrong(key, "must be a string of at most 512 characters");
    else
      spec.metadata.emplace(key, std::string{*value});
  }
}

// Fields of one value each.
void read_scalars(field_reader& body, job_spec& spec) {
  if (auto word = body.choice("class", {"interactive", "standard", "batch"}))
    spec.job_class = *word;
  if (auto word =
        body.choice("service_tier", {"auto", "flex", "default", "priority"});
      word && *word != "auto")
    if (auto tier = runtime::tier_from_string(*word))
      spec.tier = *tier;
  const auto resume = body.choice("resume", {"continue", "restart", "never"});
  if (resume == "restart")
    spec.resume = runtime::resume_mode::restart;
  else if (resume == "never")
    spec.resume = runtime::resume_mode::never;
  if (auto n = body.integer("max_attempts", {1, 10}))
    spec.max_attempts = static_cast<uint32_t>(*n);
  if (auto s = body.number("retention_s", {60.0, 2'592'000.0}))
    spec.retention = from_seconds(*s);
  spec.durable = body.boolean("durable").value_or(true);
  spec.truncation_auto =
    body.choice("truncation", {"disabled", "auto"}) == "auto";
  spec.may_degrade =
    body.choice("degradation", {"allow", "forbid"}) != "forbid";
}

void refuse_unsupported(field_reader& body) {
  for (const auto* name : {"graph", "conversation", "webhook"})
    body.not_supported(name);
}

const model_info* find_model(std::span<const model_info> models,
                             std::string_view name) {
  const auto at = std::find_if(models.begin(), models.end(),
                               [&](const auto& x) { return x.name == name; });
  return at == models.end() ? nullptr : &*at;
}

void read_fallbacks(field_reader& body, std::span<const model_info> models,
                    job_spec& spec) {
  const auto* list = body.array("fallbacks");
  if (!list)
    return;
  if (list->size() > fallbacks_max)
    return body.wrong("fallbacks", "must have at most 4 models");
  spec.fallbacks.emplace();
  for (const auto& item : *list) {
    const auto* name = item.if_string();
    if (!name || !find_model(models, *name))
      return body.wrong("fallbacks", "must name models that are served here");
    spec.fallbacks->emplace_back(*name);
  }
}

void read_task(field_reader& body, const model_info* model, job_spec& spec) {
  const auto word = body.choice(
    "task", {"chat", "complete", "embed", "classify", "rerank", "run"});
  if (!word) {
    if (model && !model->tasks.empty())
      spec.task = model->tasks.front();
    return;
  }
  spec.task = runtime::task_from_string(*word).value_or(task_kind::chat);
  if (spec.task != task_kind::chat && spec.task != task_kind::complete)
    return body.wrong("task",
                      "`" + *word + "` " + std::string{not_supported_yet});
  if (model
      && std::find(model->tasks.begin(), model->tasks.end(), spec.task)
           == model->tasks.end())
    body.wrong("task", "the model " + model->name + " cannot " + *word);
}

void check_against_model(const model_info& model, const job_spec& spec,
                         std::vector<field_error>& errors) {
  if (model.context_length > 0
      && spec.params.max_output_tokens > model.context_length)
    errors.push_back({"/params/max_output_tokens",
                      "must be at most the model's context of "
                        + std::to_string(model.context_length) + " tokens"});
  if (spec.simulate && model.kind != "simulated")
    errors.push_back(
      {"/params/simulate", "only models of kind `simulated` take it"});
}

} // namespace

problem validation_problem(std::vector<field_error> errors) {
  std::string detail;
  if (errors.size() == 1)
    detail = errors.front().pointer + ": " + errors.front().detail;
  else
    detail = std::to_string(errors.size()) + " fields are wrong";
  return {.slug = "validation-failed",
          .detail = std::move(detail),
          .errors = std::move(errors)};
}

std::variant<job_spec, problem>
read_job_request(const json::value& body, std::span<const model_info> models,
                 std::span<const alias_info> aliases) {
  std::vector<field_error> errors;
  const auto* object = body.if_object();
  if (!object)
    return validation_problem({{"", "the body must be an object"}});
  job_spec spec;
  field_reader fields{*object, "", errors};
  const auto model_name = fields.text("model", 1, 128);
  if (!model_name && !object->contains("model"))
    fields.wrong("model", "is required");
  spec.model = model_name.value_or("");
  read_fallbacks(fields, models, spec);
  choose_of_alias(fields, models, aliases, spec);
  const auto* model = find_model(models, spec.model);
  read_task(fields, model, spec);
  read_input(fields, spec, errors);
  read_params(fields, spec, errors);
  read_deadline(fields, spec, errors);
  read_metadata(fields, spec, errors);
  read_scalars(fields, spec);
  refuse_unsupported(fields);
  fields.finish();
  if (model)
    check_against_model(*model, spec, errors);
  if (!errors.empty())
    return validation_problem(std::move(errors));
  if (!model)
    return problem{.slug = "model-not-found",
                   .detail = "no model is configured as `" + spec.model + "`"};
  return spec;
}

std::variant<std::string, problem>
read_cancel_request(const json::value& body) {
  std::vector<field_error> errors;
  const auto* object = body.if_object();
  if (!object)
    return validation_problem({{"", "the body must be an object"}});
  field_reader fields{*object, "", errors};
  auto reason = fields.text("reason", 0, 200);
  fields.finish();
  if (!errors.empty())
    return validation_problem(std::move(errors));
  return reason.value_or("");
}

} // namespace troupe::gateway

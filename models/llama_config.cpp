#include "models/llama_config.hpp"

#include <boost/json.hpp>

#include <cmath>
#include <optional>

namespace troupe::models {

namespace {

namespace json = boost::json;

struct field {
  const char* name;
  int64_t llama_config::*into;
  int64_t max;
  bool required;
};

constexpr field fields[] = {
  {"vocab_size", &llama_config::vocabulary_size, 2'000'000, true},
  {"hidden_size", &llama_config::hidden_size, 65'536, true},
  {"intermediate_size", &llama_config::intermediate_size, 262'144, true},
  {"num_hidden_layers", &llama_config::layers, 512, true},
  {"num_attention_heads", &llama_config::heads, 1'024, true},
  {"num_key_value_heads", &llama_config::kv_heads, 1'024, false},
  {"head_dim", &llama_config::head_size, 4'096, false},
  {"max_position_embeddings", &llama_config::context_length, 1'048'576, true},
};

runtime::failure wrong(std::string_view name, std::string_view key,
                       const std::string& what) {
  return runtime::fail(runtime::errc::config_invalid, std::string{name} + ": "
                                                        + std::string{key} + " "
                                                        + what);
}

runtime::failure unsupported(std::string_view name, std::string_view key,
                             const json::value& v) {
  return runtime::fail(runtime::errc::unsupported,
                       std::string{name} + ": " + std::string{key} + " = "
                         + json::serialize(v) + " is not supported");
}

const json::value* present(const json::object& o, std::string_view key) {
  const auto* v = o.if_contains(key);
  return v && !v->is_null() ? v : nullptr;
}

runtime::result<void> read_sizes(const json::object& o, std::string_view name,
                                 llama_config& into) {
  for (const auto& f : fields) {
    const auto* v = present(o, f.name);
    if (!v) {
      if (f.required)
        return wrong(name, f.name, "is missing");
      continue;
    }
    const auto* n = v->if_int64();
    if (!n || *n < 1 || *n > f.max)
      return wrong(name, f.name,
                   "is not a whole number of 1.." + std::to_string(f.max));
    into.*f.into = *n;
  }
  return {};
}

runtime::result<void> read_number(const json::object& o, std::string_view name,
                                  const char* key, double& into) {
  const auto* v = present(o, key);
  if (!v)
    return {};
  boost::system::error_code ec;
  auto n = v->to_number<double>(ec);
  if (ec || !std::isfinite(n) || n <= 0.0)
    return wrong(name, key, "is not a number above 0");
  into = n;
  return {};
}

runtime::result<void> read_rope(const json::object& o, std::string_view name,
                                llama_config& into) {
  if (auto ok = read_number(o, name, "rope_theta", into.rope_theta); !ok)
    return ok;
  // Newer files: {"rope_parameters": {"rope_type": .., "rope_theta": ..}}.
  for (auto key : {"rope_scaling", "rope_parameters"}) {
    const auto* v = present(o, key);
    if (!v)
      continue;
    if (!v->is_object())
      return wrong(name, key, "is not an object");
    const auto& rope = v->get_object();
    const auto* type = present(rope, "rope_type");
    if (!type)
      type = present(rope, "type");
    if (type && (!type->is_string() || type->get_string() != "default"))
      return unsupported(name, key, *type);
    if (auto ok = read_number(rope, name, "rope_theta", into.rope_theta); !ok)
      return ok;
  }
  return {};
}

runtime::result<void> read_eos(const json::object& o, std::string_view name,
                               llama_config& into) {
  const auto* v = present(o, "eos_token_id");
  if (!v)
    return {};
  json::array one;
  if (!v->is_array())
    one.push_back(*v);
  for (const auto& entry : v->is_array() ? v->get_array() : one) {
    const auto* id = entry.if_int64();
    if (!id || *id < 0 || *id >= into.vocabulary_size)
      return wrong(name, "eos_token_id", "is outside of the vocabulary");
    into.eos_tokens.push_back(static_cast<int32_t>(*id));
  }
  return {};
}

runtime::result<void> check_family(const json::object& o,
                                   std::string_view name) {
  const auto* type = present(o, "model_type");
  if (!type)
    return wrong(name, "model_type", "is missing");
  if (!type->is_string() || type->get_string() != "llama")
    return unsupported(name, "model_type", *type);
  if (const auto* act = present(o, "hidden_act");
      act && (!act->is_string() || act->get_string() != "silu"))
    return unsupported(name, "hidden_act", *act);
  for (auto key : {"attention_bias", "mlp_bias"})
    if (const auto* v = present(o, key); v && *v != json::value(false))
      return unsupported(name, key, *v);
  return {};
}

} // namespace

runtime::result<llama_config> llama_config::parse(std::string_view text,
                                                  std::string_view name) {
  boost::system::error_code ec;
  auto root = json::parse(text, ec);
  if (ec || !root.is_object())
    return runtime::fail(
      runtime::errc::config_invalid,
      std::string{name} + ": "
        + (ec ? "not JSON: " + ec.message() : std::string{"not an object"}));
  const auto& o = root.get_object();
  llama_config made;
  if (auto ok = check_family(o, name); !ok)
    return ok.error();
  if (auto ok = read_sizes(o, name, made); !ok)
    return ok.error();
  if (auto ok = read_number(o, name, "rms_norm_eps", made.norm_epsilon); !ok)
    return ok.error();
  if (auto ok = read_rope(o, name, made); !ok)
    return ok.error();
  if (auto ok = read_eos(o, name, made); !ok)
    return ok.error();
  if (const auto* tied = present(o, "tie_word_embeddings"))
    made.tied_embeddings = tied->is_bool() && tied->get_bool();
  if (made.kv_heads == 0)
    made.kv_heads = made.heads;
  if (made.heads % made.kv_heads != 0)
    return wrong(name, "num_key_value_heads", "does not divide the heads");
  if (made.head_size == 0) {
    if (made.hidden_size % made.heads != 0)
      return wrong(name, "num_attention_heads", "does not divide hidden_size");
    made.head_size = made.hidden_size / made.heads;
  }
  if (made.head_size % 2 != 0)
    return wrong(name, "head_dim", "is odd");
  return made;
}

std::string llama_config::to_json(std::string_view dtype) const {
  json::object o{{"architectures", json::array{"LlamaForCausalLM"}},
                 {"model_type", "llama"},
                 {"vocab_size", vocabulary_size},
                 {"hidden_size", hidden_size},
                 {"intermediate_size", intermediate_size},
                 {"num_hidden_layers", layers},
                 {"num_attention_heads", heads},
                 {"num_key_value_heads", kv_heads},
                 {"head_dim", head_size},
                 {"max_position_embeddings", context_length},
                 {"hidden_act", "silu"},
                 {"rms_norm_eps", norm_epsilon},
                 {"rope_theta", rope_theta},
                 {"attention_bias", false},
                 {"mlp_bias", false},
                 {"tie_word_embeddings", tied_embeddings},
                 {"torch_dtype", dtype}};
  if (!eos_tokens.empty()) {
    o["bos_token_id"] = eos_tokens.front();
    o["eos_token_id"] = eos_tokens.front();
  }
  return json::serialize(o) + "\n";
}

} // namespace troupe::models

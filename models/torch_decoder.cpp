#include "models/torch_decoder.hpp"

#include "models/sampling.hpp"
#include "models/text_stream.hpp"
#include "models/tokenizer.hpp"
#include "models/torch_llama.hpp"

#include <algorithm>
#include <deque>
#include <functional>

namespace troupe::models {

namespace {

/// An attempt that was found good, before and while it has a slot.
struct generation {
  runtime::attempt_id id;
  std::vector<token_id> context; ///< Prompt and prefix, then what was made.
  uint32_t input_tokens = 0;     ///< Of the prompt.
  uint32_t computed = 0;         ///< Tokens of `context` that the cache holds.
  uint32_t tokens_max = 0;       ///< Output tokens of all attempts; 0 = none.
  uint32_t before = 0;           ///< Output tokens of earlier attempts.
  uint32_t made = 0;             ///< Of this attempt.
  bool began = false;
  sampler choice;
  text_stream text;
  std::vector<float> cache; ///< While it has no slot: of `computed` tokens.
};

sampling_params sampling_of(const attempt_request& request) {
  const auto& p = request.params;
  sampling_params made{.temperature = p.temperature,
                       .top_k = p.top_k,
                       .top_p = p.top_p,
                       .presence_penalty = p.presence_penalty,
                       .frequency_penalty = p.frequency_penalty};
  // Without a seed the job's id is one: all attempts of a job draw alike.
  made.seed = p.seed ? static_cast<uint64_t>(*p.seed)
                     : std::hash<runtime::job_id>{}(request.id.job);
  return made;
}

runtime::failure refuse(runtime::errc code, std::string what) {
  return runtime::fail(code, std::move(what));
}

} // namespace

struct torch_decoder::impl {
  impl(tokenizer w, torch_llama m, const backend_config& c)
    : words(std::move(w)), model(std::move(m)), config(c), slots(c.slots) {}

  runtime::result<generation> prepare(const attempt_request& request) const;
  void fill_slots();
  void prefill();
  void decode();
  /// Chooses the next token of a slot from its logits.
  void advance(size_t slot, std::span<const float> logits);
  void finish(size_t slot, runtime::finish_reason why, bool flush);
  void emit(const generation& g, text_stream::piece piece);
  bool ends(const generation& g, runtime::finish_reason& why) const;
  bool full() const;

  tokenizer words;
  torch_llama model;
  backend_config config;
  std::vector<std::optional<generation>> slots;
  std::deque<generation> waiting;
  std::vector<generation> parked;
  std::vector<engine_event> events;
  std::vector<decoder_row> rows;
  uint64_t steps = 0;
};

torch_decoder::torch_decoder(std::unique_ptr<impl> loaded)
  : impl_(std::move(loaded)) {}
torch_decoder::~torch_decoder() = default;

runtime::result<std::unique_ptr<torch_decoder>>
torch_decoder::load(const backend_config& config) {
  if (config.slots < 1 || config.slots > 1024)
    return refuse(runtime::errc::config_invalid, "slots is not 1..1024");
  if (config.prefill_tokens_max < 1 || config.prefill_tokens_max > 65'536)
    return refuse(runtime::errc::config_invalid,
                  "prefill_tokens_max is not 1..65536");
  if (config.device != "cpu")
    return refuse(runtime::errc::unsupported,
                  "device \"" + config.device
                    + "\": torch_decoder computes on the CPU only");
  auto words = tokenizer::load(config.path + "/tokenizer.json");
  if (!words)
    return words.error();
  auto model =
    torch_llama::load(config.path, {.slots = config.slots,
                                    .context_length = config.context_length_max,
                                    .rows_max = config.prefill_tokens_max,
                                    .threads = std::max(config.threads, 1u)});
  if (!model)
    return model.error();
  if (words->size() > static_cast<uint64_t>(model->shape().vocabulary_size))
    return refuse(runtime::errc::config_invalid,
                  config.path + "/tokenizer.json: has "
                    + std::to_string(words->size())
                    + " tokens, config.json's vocab_size is "
                    + std::to_string(model->shape().vocabulary_size));
  return std::unique_ptr<torch_decoder>{new torch_decoder{
    std::make_unique<impl>(std::move(*words), std::move(*model), config)}};
}

namespace {

/// A cache is copied out and back, at some 2 GB/s.
int64_t switch_cost_us(uint64_t slot_bytes) noexcept {
  return static_cast<int64_t>(slot_bytes / 1000);
}

} // namespace

engine_description torch_decoder::describe() const {
  return {.kind = "torch_decoder",
          .device = "cpu",
          .slots = impl_->config.slots,
          .context_length = impl_->model.context_length(),
          .continues_prefix = true,
          .can_park = true,
          .switch_cost_us =
            switch_cost_us(impl_->model.kv_bytes() / impl_->config.slots),
          .tasks = {runtime::task_kind::chat, runtime::task_kind::complete}};
}

std::string plain_prompt(const attempt_request& request) {
  if (request.messages.empty())
    return request.text;
  std::string prompt;
  for (const auto& message : request.messages)
    prompt += (prompt.empty() ? "" : "\n") + message.content;
  return prompt;
}

runtime::result<generation>
torch_decoder::impl::prepare(const attempt_request& request) const {
  using runtime::errc;
  if (request.task != runtime::task_kind::chat
      && request.task != runtime::task_kind::complete)
    return refuse(errc::unsupported, "the model only generates text");
  auto prompt = words.encode(plain_prompt(request));
  if (!prompt)
    return prompt.error();
  if (prompt->empty())
    return refuse(errc::validation_failed, "the input is empty");
  // Apart from the prompt: what was made began at its end.
  auto prefix = words.encode(request.prefix, {.add_special = false});
  if (!prefix)
    return prefix.error();
  auto room = model.context_length();
  if (prompt->size() >= room)
    return refuse(errc::context_too_long,
                  "the input has " + std::to_string(prompt->size())
                    + " tokens, the model's context " + std::to_string(room));
  generation g{.id = request.id,
               .context = std::move(*prompt),
               .tokens_max = request.params.max_output_tokens,
               .before = request.prefix_tokens,
               .choice = sampler{sampling_of(request)},
               .text = text_stream{request.params.stop}};
  g.input_tokens = static_cast<uint32_t>(g.context.size());
  for (auto id : *prefix)
    g.choice.note(id);
  g.context.insert(g.context.end(), prefix->begin(), prefix->end());
  return g;
}

void torch_decoder::admit(attempt_request request) {
  auto& m = *impl_;
  if (m.full()) {
    m.events.emplace_back(attempt_failed{
      request.id, refuse(runtime::errc::queue_full, "all slots are taken"),
      true});
    return;
  }
  auto g = m.prepare(request);
  if (g)
    m.waiting.push_back(std::move(*g));
  else
    m.events.emplace_back(attempt_failed{request.id, g.error(), false});
}

bool torch_decoder::impl::full() const {
  auto running = std::count_if(slots.begin(), slots.end(),
                               [](const auto& s) { return s.has_value(); });
  return static_cast<size_t>(running) + waiting.size() >= slots.size();
}

/// Between two steps every token of its context but the last is computed, or
/// still to be.
void torch_decoder::park(runtime::attempt_id id, bool keep_cache) {
  auto& m = *impl_;
  auto leave = [&](generation&& g) {
    m.events.emplace_back(attempt_parked{id});
    m.parked.push_back(std::move(g));
  };
  for (size_t i = 0; i < m.slots.size(); ++i) {
    if (!m.slots[i] || m.slots[i]->id != id)
      continue;
    auto g = std::move(*m.slots[i]);
    m.slots[i].reset();
    if (keep_cache)
      g.cache = m.model.save_slot(static_cast<uint32_t>(i), g.computed);
    else
      g.computed = 0;
    leave(std::move(g));
  }
  auto it = std::find_if(m.waiting.begin(), m.waiting.end(),
                         [&](const auto& g) { return g.id == id; });
  if (it == m.waiting.end())
    return;
  // It may be back already, with its cache, and not yet in a slot.
  if (!keep_cache) {
    it->cache = {};
    it->computed = 0;
  }
  leave(std::move(*it));
  m.waiting.erase(it);
}

void torch_decoder::resume(runtime::attempt_id id) {
  auto& m = *impl_;
  auto it = std::find_if(m.parked.begin(), m.parked.end(),
                         [&](const auto& g) { return g.id == id; });
  if (it == m.parked.end())
    return;
  if (m.full())
    m.events.emplace_back(attempt_failed{
      id, refuse(runtime::errc::queue_full, "all slots are taken"), true});
  else
    m.waiting.push_back(std::move(*it));
  m.parked.erase(it);
}

void torch_decoder::cancel(runtime::attempt_id id) {
  auto& m = *impl_;
  std::erase_if(m.waiting, [&](const auto& g) { return g.id == id; });
  std::erase_if(m.parked, [&](const auto& g) { return g.id == id; });
  for (auto& slot : m.slots)
    if (slot && slot->id == id)
      slot.reset();
}

bool torch_decoder::busy() const {
  return !impl_->events.empty() || !impl_->waiting.empty()
         || std::any_of(impl_->slots.begin(), impl_->slots.end(),
                        [](const auto& s) { return s.has_value(); });
}

backend_stats torch_decoder::stats() const {
  auto running = std::count_if(impl_->slots.begin(), impl_->slots.end(),
                               [](const auto& s) { return s.has_value(); });
  return {.steps = impl_->steps,
          .busy_slots = static_cast<uint32_t>(running),
          .kv_bytes = impl_->model.kv_bytes()};
}

std::vector<engine_event> torch_decoder::step() {
  auto& m = *impl_;
  m.fill_slots();
  m.prefill();
  m.decode();
  ++m.steps;
  return std::exchange(m.events, {});
}

void torch_decoder::impl::fill_slots() {
  for (size_t i = 0; i < slots.size() && !waiting.empty(); ++i)
    if (!slots[i]) {
      slots[i].emplace(std::move(waiting.front()));
      waiting.pop_front();
      if (!slots[i]->cache.empty())
        model.restore_slot(static_cast<uint32_t>(i),
                           std::exchange(slots[i]->cache, {}));
      auto why = runtime::finish_reason::none;
      if (ends(*slots[i], why)) // the earlier attempts made everything
        finish(i, why, true);
    }
}

void torch_decoder::impl::prefill() {
  auto budget = config.prefill_tokens_max;
  for (size_t i = 0; i < slots.size() && budget > 0; ++i) {
    // The last token of the context is computed by the decode step.
    if (!slots[i] || slots[i]->computed + 1 >= slots[i]->context.size())
      continue;
    auto& g = *slots[i];
    auto left = static_cast<uint32_t>(g.context.size()) - 1 - g.computed;
    auto count = std::min(left, budget);
    rows.clear();
    for (uint32_t k = 0; k < count; ++k)
      rows.push_back(
        {static_cast<int32_t>(i), g.computed + k, g.context[g.computed + k]});
    model.forward(rows, rows.size());
    g.computed += count;
    budget -= count;
  }
}

void torch_decoder::impl::decode() {
  rows.assign(slots.size(), decoder_row{});
  bool any = false;
  for (size_t i = 0; i < slots.size(); ++i)
    if (slots[i] && slots[i]->computed + 1 == slots[i]->context.size()) {
      rows[i] = {static_cast<int32_t>(i), slots[i]->computed,
                 slots[i]->context.back()};
      any = true;
    }
  if (!any)
    return;
  auto logits = model.forward(rows, 0);
  auto width = static_cast<size_t>(model.shape().vocabulary_size);
  for (size_t i = 0; i < slots.size(); ++i)
    if (rows[i].slot != decoder_row::idle)
      advance(i, logits.subspan(i * width, width));
}

void torch_decoder::impl::advance(size_t slot, std::span<const float> logits) {
  auto& g = *slots[slot];
  ++g.computed;
  if (!g.began) {
    g.began = true;
    events.emplace_back(attempt_began{g.id, g.input_tokens});
  }
  // A vocabulary may be padded beyond the tokenizer's.
  auto id = g.choice.choose(logits.first(words.size()), g.before + g.made);
  if (id < 0) {
    events.emplace_back(attempt_failed{
      g.id,
      refuse(runtime::errc::model_error, "the model's output is not finite"),
      false});
    slots[slot].reset();
    return;
  }
  const auto& eos = model.shape().eos_tokens;
  if (std::find(eos.begin(), eos.end(), id) != eos.end()) {
    finish(slot, runtime::finish_reason::stop, true);
    return;
  }
  g.choice.note(id);
  g.context.push_back(id);
  ++g.made;
  auto piece = g.text.push(words.bytes_of(id));
  bool stopped = piece.stopped;
  emit(g, std::move(piece));
  auto why = runtime::finish_reason::none;
  if (stopped)
    finish(slot, runtime::finish_reason::stop, false);
  else if (ends(g, why))
    finish(slot, why, true);
}

bool torch_decoder::impl::ends(const generation& g,
                               runtime::finish_reason& why) const {
  if (g.tokens_max != 0 && g.before + g.made >= g.tokens_max)
    why = runtime::finish_reason::length;
  else if (g.context.size() >= model.context_length())
    why = runtime::finish_reason::context_length;
  else
    return false;
  return true;
}

void torch_decoder::impl::emit(const generation& g, text_stream::piece piece) {
  if (!piece.text.empty() || piece.tokens != 0)
    events.emplace_back(
      attempt_output{g.id, std::move(piece.text), piece.tokens});
}

void torch_decoder::impl::finish(size_t slot, runtime::finish_reason why,
                                 bool flush) {
  auto& g = *slots[slot];
  if (!g.began)
    events.emplace_back(attempt_began{g.id, g.input_tokens});
  if (flush)
    emit(g, g.text.finish());
  events.emplace_back(attempt_finished{g.id, why, g.input_tokens, g.made});
  slots[slot].reset();
}

runtime::result<std::unique_ptr<backend>>
load_backend(const backend_config& config) {
  if (config.kind != "torch_decoder")
    return runtime::fail(runtime::errc::unsupported,
                         "an engine has no backend \"" + config.kind + "\"");
  auto loaded = torch_decoder::load(config);
  if (!loaded)
    return loaded.error();
  return std::unique_ptr<backend>{std::move(*loaded)};
}

} // namespace troupe::models

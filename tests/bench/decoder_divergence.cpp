#include "tests/bench/decoder_divergence.hpp"

#include "models/tokenizer.hpp"
#include "models/torch_decoder.hpp"
#include "runtime/rng.hpp"

#include <boost/json.hpp>

#include <cstdio>
#include <fstream>
#include <variant>

namespace troupe::bench {

namespace {

struct made_text {
  std::string prompt;
  std::string text;
  std::vector<size_t> ends;     ///< Bytes of text after each output event.
  std::vector<uint32_t> tokens; ///< Tokens after each output event.
};

struct tally {
  uint64_t texts = 0;
  uint64_t tokens = 0;
  uint64_t diverged = 0;
  uint64_t other_tokens = 0; ///< Diverged after tokenising differently.
};

std::string prompt_number(uint64_t n) {
  static const char* const stems[] = {
    "lib",   "python3-", "golang-github-", "r-cran-",  "node-",
    "ruby-", "fonts-",   "gir1.2-",        "texlive-", "x",
    "g",     "k",        "open",           "net",      "data"};
  static const char* const names[] = {
    "tmux",  "audio", "graph",  "parser", "mail", "crypt", "image", "fast",
    "tools", "game",  "editor", "server", "json", "map",   "view",  "seq"};
  static const char* const ends[] = {"", "-dev", "-doc", "-common", "1"};
  std::string made = "Package: ";
  made += stems[n % std::size(stems)];
  made += names[n / std::size(stems) % std::size(names)];
  made += ends[n / std::size(stems) / std::size(names) % std::size(ends)];
  return made;
}

class experiment {
public:
  experiment(const divergence_plan& plan, models::torch_decoder& decoder,
             const models::tokenizer& words)
    : plan_(plan), decoder_(decoder), words_(words), random_(plan.seed) {}

  tally alone() {
    tally made;
    while (made.tokens < plan_.tokens) {
      auto prompt = prompt_number(texts_.size());
      auto text = finish(admit(prompt, "", 0));
      text.prompt = prompt;
      count(made, text);
      texts_.push_back(std::move(text));
    }
    return made;
  }

  /// Each text again, in the middle of neighbours that come and go.
  tally among_neighbours() {
    tally made;
    for (const auto& wanted : texts_) {
      std::vector<runtime::attempt_id> others;
      auto crowd = [&] {
        while (!others.empty() && random_.below(6) == 0) {
          decoder_.cancel(others.back());
          others.pop_back();
        }
        while (others.size() + 1 < plan_.slots && random_.below(3) != 0)
          others.push_back(
            admit(prompt_number(random_.below(1'000)), "", 0, 1.0));
      };
      crowd();
      auto id = admit(wanted.prompt, "", 0);
      auto text = finish(id, crowd, &others);
      count(made, text);
      made.diverged += text.text != wanted.text;
      for (auto other : others)
        decoder_.cancel(other);
    }
    return made;
  }

  /// Each text continued from a random point of what was streamed.
  tally from_prefix() {
    tally made;
    while (made.tokens < plan_.tokens)
      for (const auto& wanted : texts_) {
        if (wanted.ends.size() < 2)
          continue;
        auto cut = random_.below(wanted.ends.size() - 1);
        auto prefix = wanted.text.substr(0, wanted.ends[cut]);
        auto text = finish(admit(wanted.prompt, prefix, wanted.tokens[cut]));
        count(made, text);
        if (prefix + text.text == wanted.text)
          continue;
        ++made.diverged;
        auto again = words_.encode(prefix, {.add_special = false});
        made.other_tokens += !again || again->size() != wanted.tokens[cut];
      }
    return made;
  }

private:
  static void count(tally& into, const made_text& text) {
    ++into.texts;
    into.tokens += text.tokens.empty() ? 0 : text.tokens.back();
  }

  runtime::attempt_id admit(const std::string& prompt,
                            const std::string& prefix, uint32_t prefix_tokens,
                            double temperature = 0.0) {
    models::attempt_request request;
    request.id = {runtime::job_id{1, ++admitted_}, 1, 1};
    request.text = prompt;
    request.prefix = prefix;
    request.prefix_tokens = prefix_tokens;
    request.params.temperature = temperature;
    request.params.max_output_tokens = plan_.tokens_max;
    request.params.seed = static_cast<int64_t>(admitted_);
    decoder_.admit(request);
    return request.id;
  }

  made_text finish(runtime::attempt_id id) {
    return finish(
      id, [] {}, nullptr);
  }

  template <class Between>
  made_text finish(runtime::attempt_id id, Between between,
                   std::vector<runtime::attempt_id>* others) {
    made_text made;
    uint32_t tokens = 0;
    for (bool done = false; !done; between())
      for (const auto& event : decoder_.step()) {
        if (const auto* e = std::get_if<models::attempt_finished>(&event)) {
          done |= e->id == id;
          if (others)
            std::erase(*others, e->id);
        }
        const auto* output = std::get_if<models::attempt_output>(&event);
        if (!output || output->id != id)
          continue;
        made.text += output->text;
        tokens += output->tokens;
        made.ends.push_back(made.text.size());
        made.tokens.push_back(tokens);
      }
    return made;
  }

  const divergence_plan& plan_;
  models::torch_decoder& decoder_;
  const models::tokenizer& words_;
  runtime::seeded_rng random_;
  uint64_t admitted_ = 0;
  std::vector<made_text> texts_;
};

} // namespace

int run_divergence(const divergence_plan& plan) {
  models::backend_config config;
  config.kind = "torch_decoder";
  config.path = plan.folder;
  config.slots = plan.slots;
  auto decoder = models::torch_decoder::load(config);
  auto words = models::tokenizer::load(plan.folder + "/tokenizer.json");
  if (!decoder || !words) {
    std::fprintf(stderr, "%s\n",
                 (!decoder ? decoder.error() : words.error()).context.c_str());
    return 1;
  }
  experiment run{plan, **decoder, *words};
  boost::json::object figures;
  std::printf("%-32s %8s %8s %9s %13s\n", "greedy texts", "texts", "tokens",
              "diverged", "other tokens");
  auto print = [&](const char* name, const tally& t) {
    std::printf("%-32s %8llu %8llu %9llu %13llu\n", name,
                static_cast<unsigned long long>(t.texts),
                static_cast<unsigned long long>(t.tokens),
                static_cast<unsigned long long>(t.diverged),
                static_cast<unsigned long long>(t.other_tokens));
    figures[name] = {{"texts", t.texts},
                     {"tokens", t.tokens},
                     {"diverged", t.diverged},
                     {"tokenised_differently", t.other_tokens}};
  };
  print("alone (the reference)", run.alone());
  print("among changing neighbours", run.among_neighbours());
  print("continued from a text prefix", run.from_prefix());
  if (!plan.json_file.empty())
    std::ofstream{plan.json_file} << boost::json::serialize(figures) << "\n";
  return 0;
}

} // namespace troupe::bench

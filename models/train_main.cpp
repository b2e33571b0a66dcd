// `troupe-train`: makes a tokenizer and a small decoder from a corpus. How the
// demo model was made is in docs/demo-model.md.
#include "models/bpe_trainer.hpp"
#include "models/torch_decoder.hpp"
#include "models/torch_trainer.hpp"
#include "models/training_corpus.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <fstream>
#include <variant>

namespace {

int report(const troupe::runtime::failure& why) {
  std::fprintf(stderr, "troupe-train: %s\n", why.context.c_str());
  return 1;
}

int train_tokenizer(const std::string& corpus, const std::string& out,
                    uint32_t size) {
  auto records = troupe::models::read_records(corpus);
  if (!records)
    return report(records.error());
  troupe::models::bpe_trainer trainer;
  for (const auto& r : *records)
    if (auto ok = trainer.add(r); !ok)
      return report(ok.error());
  auto made = trainer.train(size, {"<|eos|>"});
  if (!made)
    return report(made.error());
  // tidy: seams: written by the training tool only
  std::ofstream file{out, std::ios::binary};
  file << *made;
  file.flush();
  if (!file)
    return report(
      {troupe::runtime::errc::io_error, out + ": cannot be written"});
  return 0;
}

/// Prints prompts and what the model makes of them.
int write_samples(const std::string& folder,
                  const std::vector<std::string>& prompts,
                  const troupe::runtime::generation_params& params) {
  troupe::models::backend_config config;
  config.path = folder;
  config.slots = 1;
  auto decoder = troupe::models::torch_decoder::load(config);
  if (!decoder)
    return report(decoder.error());
  uint64_t n = 0;
  for (const auto& prompt : prompts) {
    troupe::models::attempt_request request;
    request.id = {troupe::runtime::job_id{0, ++n}, 1, 1};
    request.text = prompt;
    request.params = params;
    std::printf("%s", prompt.c_str());
    (*decoder)->admit(request);
    while ((*decoder)->busy())
      for (const auto& event : (*decoder)->step()) {
        if (auto* output = std::get_if<troupe::models::attempt_output>(&event))
          std::printf("%s", output->text.c_str());
        if (auto* failed = std::get_if<troupe::models::attempt_failed>(&event))
          return report(failed->why);
      }
    std::printf("\n----\n");
  }
  return 0;
}

struct arguments {
  std::string corpus;
  std::string out;
  uint32_t vocabulary = 2048;
  troupe::models::training_plan plan;
  std::string folder;
  std::vector<std::string> prompts;
  troupe::runtime::generation_params params;
  int64_t seed = 1;
};

CLI::App* add_tokenizer(CLI::App& app, arguments& a) {
  auto* made = app.add_subcommand("tokenizer", "Learns tokenizer.json");
  made->add_option("--corpus", a.corpus, "Records, each ended by \\f\\n")
    ->required();
  made->add_option("--vocabulary", a.vocabulary, "Entries")
    ->capture_default_str();
  made->add_option("--out", a.out, "The file to write")->required();
  return made;
}

CLI::App* add_model(CLI::App& app, troupe::models::training_plan& plan) {
  auto* made = app.add_subcommand(
    "model", "Trains a decoder; goes on from a checkpoint in --work");
  auto option = [&](const char* name, auto& value, const char* what) {
    made->add_option(name, value, what)->capture_default_str();
  };
  made->add_option("--corpus", plan.corpus_path)->required();
  made->add_option("--tokenizer", plan.tokenizer_path)->required();
  made->add_option("--work", plan.work_dir, "Folder for all results")
    ->required();
  option("--steps", plan.steps, "Steps of the whole run");
  option("--stop-at", plan.stop_at, "Stop at this step; 0 = at the last");
  option("--seed", plan.seed, "Of weights and batches");
  option("--rows", plan.batch_rows, "Rows of a batch");
  option("--row-tokens", plan.row_tokens, "Tokens of a row");
  option("--hidden", plan.shape.hidden_size, "Hidden size");
  option("--intermediate", plan.shape.intermediate_size, "Of the SwiGLU");
  option("--layers", plan.shape.layers, "Layers");
  option("--heads", plan.shape.heads, "Query heads");
  option("--kv-heads", plan.shape.kv_heads, "Key and value heads");
  option("--head-size", plan.shape.head_size, "Size of a head");
  option("--context", plan.shape.context_length, "Positions of the model");
  option("--learning-rate", plan.learning_rate, "Highest learning rate");
  option("--decay", plan.decay_fraction, "Part of the steps that cools down");
  option("--threads", plan.threads, "Threads");
  return made;
}

CLI::App* add_sample(CLI::App& app, arguments& a) {
  auto* made = app.add_subcommand("sample", "Prints what a model writes");
  made->add_option("--model", a.folder, "Model folder")->required();
  made->add_option("prompts", a.prompts, "Prompts")->required();
  made->add_option("--temperature", a.params.temperature)
    ->capture_default_str();
  made->add_option("--top-p", a.params.top_p)->capture_default_str();
  made->add_option("--seed", a.seed)->capture_default_str();
  return made;
}

/// The demo model's.
troupe::models::llama_config default_shape() {
  troupe::models::llama_config made;
  made.hidden_size = 128;
  made.intermediate_size = 384;
  made.layers = 5;
  made.heads = 4;
  made.kv_heads = 2;
  made.head_size = 32;
  made.context_length = 512;
  made.tied_embeddings = true;
  return made;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Trains the small models that Troupe ships"};
  app.require_subcommand(1);
  arguments a;
  a.plan.shape = default_shape();
  auto* words = add_tokenizer(app, a);
  add_model(app, a.plan);
  auto* sample = add_sample(app, a);
  CLI11_PARSE(app, argc, argv);
  if (words->parsed())
    return train_tokenizer(a.corpus, a.out, a.vocabulary);
  a.params.seed = a.seed;
  if (sample->parsed())
    return write_samples(a.folder, a.prompts, a.params);
  auto done = troupe::models::train(a.plan);
  return done ? 0 : report(done.error());
}

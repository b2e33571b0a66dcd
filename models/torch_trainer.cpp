#include "models/torch_trainer.hpp"

#include "models/safetensors.hpp"
#include "models/tokenizer.hpp"
#include "models/torch_adamw.hpp"
#include "models/torch_llama.hpp"
#include "models/torch_training_model.hpp"
#include "models/training_corpus.hpp"
#include "runtime/clock.hpp"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>

namespace troupe::models {

namespace {

namespace fs = std::filesystem;

constexpr uint32_t held_out_rows_max = 64;

double learning_rate_at(const training_plan& plan, uint32_t step) {
  if (step < plan.warmup_steps)
    return plan.learning_rate * (step + 1) / plan.warmup_steps;
  double decay = plan.decay_fraction * plan.steps;
  double into = static_cast<double>(step) - (plan.steps - decay);
  return into <= 0 ? plan.learning_rate
                   : plan.learning_rate * (1 - std::sqrt(into / decay));
}

at::Tensor batch_of(const std::vector<std::vector<token_id>>& rows, size_t from,
                    size_t count) {
  auto width = static_cast<int64_t>(rows[from].size());
  auto made = torch::empty({static_cast<int64_t>(count), width}, torch::kLong);
  auto* into = made.data_ptr<int64_t>();
  for (size_t r = from; r < from + count; ++r)
    for (auto id : rows[r])
      *into++ = id;
  return made;
}

/// One run of a plan.
class training_run {
public:
  training_run(const training_plan& plan, token_rows training,
               token_rows held_out)
    : plan_(plan), training_(std::move(training)),
      held_out_(held_out.rows(0, plan.row_tokens + 1)),
      model_(plan.shape, plan.seed),
      optimiser_(model_.parameters(), plan.weight_decay),
      began_(runtime::system_clock().mono()) {
    if (held_out_.size() > held_out_rows_max)
      held_out_.resize(held_out_rows_max);
  }

  runtime::result<void> run() {
    if (auto ok = resume(); !ok)
      return ok;
    announce();
    double sum = 0;
    uint32_t summed = 0;
    auto end =
      plan_.stop_at == 0 ? plan_.steps : std::min(plan_.stop_at, plan_.steps);
    while (step_ < end) {
      sum += learn();
      ++summed;
      ++step_;
      bool last = step_ == end;
      bool evaluate = last || step_ % plan_.evaluate_every_steps == 0;
      if (evaluate || step_ % 25 == 0) {
        if (auto ok =
              note(sum / summed,
                   evaluate ? std::optional{held_out_loss()} : std::nullopt);
            !ok)
          return ok;
        sum = 0;
        summed = 0;
      }
      if (last || step_ % plan_.checkpoint_every_steps == 0)
        if (auto ok = save(); !ok)
          return ok;
    }
    return {};
  }

private:
  std::string file(const char* name) const {
    return plan_.work_dir + "/" + name;
  }

  void announce() {
    int64_t weights = 0;
    for (const auto& p : model_.parameters())
      weights += p.numel();
    std::printf("%lld weights, %llu training tokens, %zu held-out rows, from "
                "step %u of %u\n",
                static_cast<long long>(weights),
                static_cast<unsigned long long>(training_.tokens()),
                held_out_.size(), step_, plan_.steps);
    std::fflush(stdout);
  }

  /// The rows of one step: a function of (seed, step) alone.
  at::Tensor next_batch() {
    if (rows_.empty())
      load_epoch(0);
    uint64_t first = uint64_t{step_} * plan_.batch_rows;
    uint64_t per_epoch = rows_.size() / plan_.batch_rows * plan_.batch_rows;
    if (first / per_epoch != epoch_)
      load_epoch(first / per_epoch);
    return batch_of(rows_, first % per_epoch, plan_.batch_rows);
  }

  void load_epoch(uint64_t epoch) {
    epoch_ = epoch;
    // Every order of the same tokens gives equally many rows.
    rows_ = training_.rows(plan_.seed * 1000 + epoch, plan_.row_tokens + 1);
  }

  double learn() {
    auto loss = model_.loss(next_batch());
    loss.backward();
    optimiser_.step(learning_rate_at(plan_, step_));
    return loss.item<double>();
  }

  double held_out_loss() {
    torch::NoGradGuard no_grad;
    double sum = 0;
    size_t batches = held_out_.size() / 8;
    for (size_t i = 0; i < batches; ++i)
      sum += model_.loss(batch_of(held_out_, i * 8, 8)).item<double>();
    return sum / static_cast<double>(batches);
  }

  double seconds() const {
    auto spent = runtime::system_clock().mono() - began_;
    return seconds_before_ + std::chrono::duration<double>(spent).count();
  }

  runtime::result<void> note(double training, std::optional<double> held_out) {
    auto path = file("loss.csv");
    bool fresh = !fs::exists(path);
    // tidy: seams: written by the training tool only
    std::ofstream csv{path, std::ios::app};
    if (fresh)
      csv << "step,tokens,seconds,train_loss,held_out_loss\n";
    auto tokens = uint64_t{step_} * plan_.batch_rows * plan_.row_tokens;
    csv << step_ << ',' << tokens << ',' << static_cast<uint64_t>(seconds())
        << ',' << training << ',';
    if (held_out)
      csv << *held_out;
    csv << '\n';
    std::printf("step %u  loss %.4f  held out %s  %.0f s\n", step_, training,
                held_out ? std::to_string(*held_out).c_str() : "-", seconds());
    std::fflush(stdout);
    if (!csv)
      return runtime::fail(runtime::errc::io_error,
                           path + ": cannot be written");
    return {};
  }

  runtime::result<void> save() {
    if (auto ok =
          write_safetensors(file("checkpoint.safetensors"), optimiser_.state(),
                            {{"step", std::to_string(step_)},
                             {"seconds", std::to_string(seconds())}});
        !ok)
      return ok;
    auto folder = file("model");
    std::error_code ec;
    fs::create_directories(folder, ec);
    fs::copy_file(plan_.tokenizer_path, folder + "/tokenizer.json",
                  fs::copy_options::overwrite_existing, ec);
    if (ec)
      return runtime::fail(runtime::errc::io_error,
                           folder + ": " + ec.message());
    // tidy: seams: written by the training tool only
    std::ofstream config{folder + "/config.json"};
    config << plan_.shape.to_json("float16");
    if (!config)
      return runtime::fail(runtime::errc::io_error,
                           folder + "/config.json: cannot be written");
    return write_safetensors(folder + "/model.safetensors",
                             model_.exported(tensor_dtype::f16),
                             {{"format", "pt"}});
  }

  runtime::result<void> resume() {
    auto path = file("checkpoint.safetensors");
    if (!fs::exists(path))
      return {};
    auto checkpoint = safetensors_file::open(path);
    if (!checkpoint)
      return checkpoint.error();
    const auto& words = checkpoint->header().metadata;
    auto step = words.find("step");
    auto spent = words.find("seconds");
    if (step == words.end() || spent == words.end())
      return runtime::fail(runtime::errc::config_invalid,
                           path + ": has no step");
    step_ =
      static_cast<uint32_t>(std::strtoul(step->second.c_str(), nullptr, 10));
    seconds_before_ = std::strtod(spent->second.c_str(), nullptr);
    return optimiser_.restore(*checkpoint, step_);
  }

  const training_plan& plan_;
  token_rows training_;
  std::vector<std::vector<token_id>> held_out_;
  torch_training_model model_;
  torch_adamw optimiser_;
  runtime::mono_time began_;
  double seconds_before_ = 0;
  uint32_t step_ = 0;
  uint64_t epoch_ = 0;
  std::vector<std::vector<token_id>> rows_;
};

} // namespace

runtime::result<void> train(const training_plan& given) {
  auto plan = given;
  auto words = tokenizer::load(plan.tokenizer_path);
  if (!words)
    return words.error();
  auto separator = words->find("<|eos|>");
  if (!separator)
    return runtime::fail(runtime::errc::config_invalid,
                         plan.tokenizer_path + ": has no <|eos|>");
  plan.shape.vocabulary_size = words->size();
  plan.shape.eos_tokens = {*separator};
  auto records = read_records(plan.corpus_path);
  if (!records)
    return records.error();
  auto split = split_corpus(std::move(*records));
  auto training = token_rows::encode(split.training, *words, *separator);
  if (!training)
    return training.error();
  auto held_out = token_rows::encode(split.held_out, *words, *separator);
  if (!held_out)
    return held_out.error();
  uint64_t least = uint64_t{plan.batch_rows} * (plan.row_tokens + 1);
  if (training->tokens() < least
      || held_out->tokens() < 8 * (uint64_t{plan.row_tokens} + 1))
    return runtime::fail(runtime::errc::config_invalid,
                         plan.corpus_path + ": too small for one batch");
  std::error_code ec;
  std::filesystem::create_directories(plan.work_dir, ec);
  if (ec)
    return runtime::fail(runtime::errc::io_error,
                         plan.work_dir + ": " + ec.message());
  try {
    set_torch_threads(plan.threads);
    return training_run{plan, std::move(*training), std::move(*held_out)}.run();
  } catch (const std::exception& e) {
    return runtime::fail(runtime::errc::internal, e.what());
  }
}

} // namespace troupe::models

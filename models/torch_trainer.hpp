// Trains a small Llama decoder from a corpus on the CPU and writes a model
// folder in Hugging Face's layout. Stoppable at any moment: it goes on from the
// last checkpoint, with the same batches that an unbroken run would have seen.
#pragma once

#include "models/llama_config.hpp"
#include "runtime/result.hpp"

#include <cstdint>
#include <string>

namespace troupe::models {

struct training_plan {
  std::string corpus_path;
  std::string tokenizer_path;
  std::string work_dir; ///< Checkpoint, loss.csv and model/.
  llama_config shape;   ///< Vocabulary and eos are set from tokenizer.
  uint64_t seed = 1;
  uint32_t batch_rows = 8;
  uint32_t row_tokens = 256;
  uint32_t steps = 5500;
  /// Rises over `warmup_steps`, stays, and falls to zero over the last
  /// `decay_fraction` of the steps (as 1 - sqrt): until the fall begins, `steps`
  /// can be changed without changing what was learned so far.
  double learning_rate = 4e-3;
  uint32_t warmup_steps = 100;
  double decay_fraction = 0.3;
  double weight_decay = 0.1; ///< Of matrices.
  /// Ends there with a checkpoint, to go on with other rows; 0 = at `steps`.
  uint32_t stop_at = 0;
  uint32_t checkpoint_every_steps = 100;
  uint32_t evaluate_every_steps = 250;
  uint32_t threads = 1;
};

/// Runs to the end of the plan, printing progress and appending to
/// work_dir/loss.csv (step, tokens, seconds, train_loss, held_out_loss; losses
/// in nats per token). Fails with what and where.
runtime::result<void> train(const training_plan& plan);

} // namespace troupe::models

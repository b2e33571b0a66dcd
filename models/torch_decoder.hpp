// The `torch_decoder` backend: continuous batching of text generation over fixed
// slots. An attempt enters a free slot, its prompt is computed in chunks, then
// every step makes one token for each running slot. All decode steps compute
// the same number of rows, so that a text does not depend on its neighbours
// (docs/adr/0003).
#pragma once

#include "models/backend.hpp"

#include <memory>
#include <string>

namespace troupe::models {

class torch_decoder final : public backend {
public:
  /// `config.path`: config.json, tokenizer.json, *.safetensors. Fails with what
  /// and where: `config_invalid`, `unsupported`, `io_error`.
  static runtime::result<std::unique_ptr<torch_decoder>>
  load(const backend_config& config);

  ~torch_decoder() override;

  engine_description describe() const override;
  void admit(attempt_request request) override;
  void cancel(runtime::attempt_id id) override;
  void park(runtime::attempt_id id, bool keep_cache) override;
  void resume(runtime::attempt_id id) override;
  bool busy() const override;
  std::vector<engine_event> step() override;
  backend_stats stats() const override;

private:
  struct impl;
  explicit torch_decoder(std::unique_ptr<impl> loaded);
  std::unique_ptr<impl> impl_;
};

/// What a request's input is to a model without a chat template: the text as it
/// is, or the contents of the messages, each on a line of its own.
std::string plain_prompt(const attempt_request& request);

} // namespace troupe::models

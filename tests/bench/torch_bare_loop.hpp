// The yardstick for torch_decoder: the same model as anyone would write it with
// LibTorch's own operators, a fixed batch in lock step, greedy, with no slots,
// no scheduling and no text.
#pragma once

#include "runtime/result.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace troupe::bench {

class torch_bare_loop {
public:
  static runtime::result<torch_bare_loop> load(const std::string& folder,
                                               uint32_t rows);
  torch_bare_loop(torch_bare_loop&&) noexcept;
  ~torch_bare_loop();

  /// All rows start with `prompt` and make `tokens` tokens each. The tokens of
  /// row 0.
  std::vector<int32_t> run(const std::vector<int32_t>& prompt, uint32_t tokens);

private:
  struct impl;
  explicit torch_bare_loop(std::unique_ptr<impl> loaded);
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::bench

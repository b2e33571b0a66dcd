// A local model's folder, looked at before an engine tries to load it: all that
// can be wrong with it but the weights' values.
#pragma once

#include "runtime/result.hpp"

#include <optional>
#include <string>

namespace troupe::models {

/// config.json, tokenizer.json, the head of every *.safetensors, and each tensor
/// that config.json asks for, once and in its shape. Fails as loading would, with
/// the file and what is wrong in it.
runtime::result<void> check_model_folder(const std::string& folder);

/// The same as a sentence; nothing for a folder that is in order.
std::optional<std::string> model_folder_trouble(const std::string& folder);

} // namespace troupe::models

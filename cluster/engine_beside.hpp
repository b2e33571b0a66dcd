// What the engine built beside this program can run, and how it is told that a
// model's folder is broken before an engine tries to load it.
#pragma once

#include "models/model_folder.hpp"
#include "runtime/config.hpp"

namespace troupe::cluster {

inline runtime::engine_build engine_beside() {
  auto build = runtime::this_build();
  build.folder_check = models::model_folder_trouble;
  return build;
}

} // namespace troupe::cluster

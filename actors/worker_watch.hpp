// A dispatcher's eye on its workers: which of them alone fail and are left out of
// the choice for a while. Decisions: runtime/overload/outlier_ejector.
#pragma once

#include "actors/actor_env.hpp"
#include "actors/dispatch_messages.hpp"
#include "runtime/overload/outlier_ejector.hpp"
#include "runtime/scheduling/dispatch_core.hpp"

#include <set>
#include <string>

namespace troupe::actors {

/// Not thread-safe; `env` and `core` outlive it.
class worker_watch {
public:
  worker_watch(actor_env& env, std::string model, runtime::dispatch_core& core)
    : env_{env}, model_{std::move(model)}, core_{core} {}

  void came(const std::string& worker);
  void went(const std::string& worker);
  /// An attempt ended; may eject its worker.
  void heard(const attempt_freed& x);
  /// Lets back in whose time is over. Before each choice.
  void review();
  /// Nobody is left out.
  bool all_in() const noexcept { return out_.empty(); }

private:
  void show();

  actor_env& env_;
  std::string model_;
  runtime::dispatch_core& core_;
  runtime::outlier_ejector ejector_;
  std::set<std::string> out_; ///< As the core knows it.
};

} // namespace troupe::actors

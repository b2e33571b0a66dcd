// What all actors have in common: they answer `inspect_actor`, and they neither
// print nor die because of a message that they do not know (CAF's defaults).
#pragma once

#include "actors/actor_env.hpp"
#include "actors/catalog.hpp"
#include "actors/type_ids.hpp"

#include <caf/error.hpp>
#include <caf/result.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace troupe::actors {

/// Answered from the actor's catalog line, in mailbox order: the time until the
/// answer is the mailbox delay.
struct inspect_actor {};
template <class Inspector>
bool inspect(Inspector& f, inspect_actor& x) {
  return f.object(x).fields();
}

using inspectable_actor =
  caf::typed_actor<caf::result<actor_snapshot>(inspect_actor)>;

/// Error, default and exception handlers that count instead of printing. An
/// exception ends the actor; its supervisor decides what follows.
template <class Pointer>
void install_handlers(Pointer self, actor_env& env) {
  self->set_error_handler([&env](caf::error&) { ++env.letters.errors; });
  self->set_default_handler(
    [&env](caf::scheduled_actor*, caf::message&) -> caf::skippable_result {
      ++env.letters.unmatched;
      return caf::message{};
    });
  self->set_exception_handler([&env](std::exception_ptr&) -> caf::error {
    ++env.letters.exceptions;
    return caf::make_error(caf::sec::runtime_error);
  });
}

} // namespace troupe::actors

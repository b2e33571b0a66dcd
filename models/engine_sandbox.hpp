// What an engine process gives up before it reads a model file or a prompt.
#pragma once

namespace troupe::models {

/// For the engine's main thread, before any other exists: dies with the thread
/// that started it, gains no privileges, dumps no core, opens at most 1,024
/// files, has no network (where it may say so), and leaves Ctrl-C to its node.
/// What the machine refuses is not required.
void enter_engine_sandbox() noexcept;

} // namespace troupe::models

// What travels in the frames between a node and its engine: the same values as
// on both sides of the `engine` and `backend` seams, as msgpack arrays of their
// fields in fixed order. Both ends are one build, so a changed layout raises
// engine_protocol_version and nothing else; engine_codec_test pins the bytes.
//
//     load      [kind, path, slots, context_length_max, prefill_tokens_max,
//                threads, device]
//     admit     [id, task, text, [[role, content] ...], [params], simulate|nil,
//                prefix, prefix_tokens]
//     cancel    [id]
//     park      [id, keep_cache]
//     resume    [id]
//     ready     [[kind, device, slots, context_length, continues_prefix,
//                can_park, switch_cost_us, [task ...]]]
//     began     [id, input_tokens]
//     output    [id, text, tokens]
//     finished  [id, finish, input_tokens, output_tokens]
//     failed    [id, [code, context], transient]
//     parked    [id]
//     beat      [steps]
//     died      [[code, context]]
//     id        [job as bin 16, epoch, attempt]
#pragma once

#include "models/backend.hpp"
#include "models/engine_frame.hpp"

#include <variant>

namespace troupe::models {

struct load_backend_order {
  backend_config config;
};
struct admit_order {
  attempt_request request;
};
struct cancel_order {
  runtime::attempt_id id;
};
struct park_order {
  runtime::attempt_id id;
  bool keep_cache = true;
};
struct resume_order {
  runtime::attempt_id id;
};
/// What a node tells its engine. To stop, it closes the socket.
using engine_order = std::variant<load_backend_order, admit_order, cancel_order,
                                  park_order, resume_order>;

/// Appends one frame to `out`; false, with nothing done, when it would be too
/// long.
[[nodiscard]] bool append_order(const engine_order& order, frame_writer& writer,
                                std::string& out);
[[nodiscard]] bool append_event(const engine_event& event, frame_writer& writer,
                                std::string& out);

// `protocol_error` when the kind belongs to the other direction, or the body is
// not exactly the layout above; text that an engine sends must be UTF-8.
runtime::result<engine_order> decode_order(const frame& x);
runtime::result<engine_event> decode_event(const frame& x);

} // namespace troupe::models

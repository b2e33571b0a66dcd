// Bytes of stored and sent job values: one version byte, then one msgpack
// value.
//
//     +---------+---------------------------------------------+
//     | version | msgpack array of the fields, in fixed order |
//     |  1 byte |                                             |
//     +---------+---------------------------------------------+
//
// A newer writer may append fields to an array; a reader ignores what it does
// not know and defaults what is missing. A changed meaning raises the version,
// and a reader refuses versions above its own. Golden bytes in tests/golden pin
// the layout. Decoding bounds depth (32) and every length by the input's size.
#pragma once

#include "runtime/job.hpp"
#include "runtime/replay_run.hpp"
#include "runtime/tenant_record.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

constexpr uint8_t job_schema_version = 1;

std::string encode(const job_spec& x);
std::string encode(const job_record& x);
std::string encode(const job_output& x);
std::string encode(const idempotency_entry& x);
std::string encode(const replay_run& x);
std::string encode(const tenant_record& x);
/// A chunk of consecutive events of one job.
std::string encode_events(std::span<const event> events);

// Each fails with `errc::corruption` and says at which field.
result<job_spec> decode_spec(std::string_view bytes);
result<job_record> decode_record(std::string_view bytes);
result<job_output> decode_output(std::string_view bytes);
result<idempotency_entry> decode_idempotency(std::string_view bytes);
result<replay_run> decode_run(std::string_view bytes);
result<tenant_record> decode_tenant_record(std::string_view bytes);
result<std::vector<event>> decode_events(std::string_view bytes);

} // namespace troupe::runtime

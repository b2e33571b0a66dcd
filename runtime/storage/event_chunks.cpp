#include "runtime/storage/event_chunks.hpp"

#include "runtime/job_codec.hpp"

namespace troupe::runtime {

result<void> event_page::add(uint64_t first_seq, std::string_view chunk) {
  auto decoded = decode_events(chunk);
  if (!decoded)
    return decoded.error();
  if (decoded->empty() || decoded->front().seq != first_seq
      || first_seq > next_)
    return fail(errc::corruption, "events: hole before sequence number "
                                    + std::to_string(first_seq));
  for (auto& x : *decoded) {
    if (full())
      break;
    if (x.seq < next_)
      continue;
    next_ = x.seq + 1;
    events_.push_back(std::move(x));
  }
  return {};
}

} // namespace troupe::runtime

#include "gateway/pending_answer.hpp"

#include "gateway/io_thread.hpp"

#include <utility>

namespace troupe::gateway {

pending_answer::pending_answer(connection& conn)
  : conn_{conn}, ref_{conn.home().sink().open(*this)} {}

pending_answer::~pending_answer() {
  conn_.home().sink().close(ref_.ticket);
}

void pending_answer::deliver(runtime::delivery_body body) {
  if (body_)
    return; // One question, one answer.
  body_ = std::move(body);
  conn_.wake();
}

task<std::optional<runtime::delivery_body>>
pending_answer::wait(runtime::mono_time until) {
  while (!body_ && !conn_.peer_gone() && conn_.home().now() < until)
    co_await conn_.suspend(until);
  co_return std::exchange(body_, std::nullopt);
}

} // namespace troupe::gateway

// One question to the actors or the store, asked by one session: a ticket, and a
// place to wait for the answer with a time limit.
//
//   pending_answer answer{conn};
//   home.shared().parts.jobs.get(id, tenant, {}, answer.ref());
//   auto body = co_await answer.wait(limit);
#pragma once

#include "gateway/connection.hpp"
#include "gateway/gateway_sink.hpp"

#include <optional>

namespace troupe::gateway {

/// On the gateway thread; the connection outlives it.
class pending_answer final : private delivery_target {
public:
  explicit pending_answer(connection& conn);
  ~pending_answer();
  pending_answer(const pending_answer&) = delete;
  pending_answer& operator=(const pending_answer&) = delete;

  runtime::sink_ref ref() const noexcept { return ref_; }
  bool arrived() const noexcept { return body_.has_value(); }
  /// The answer; nothing when the client left or the time is up. Call again to
  /// wait longer.
  task<std::optional<runtime::delivery_body>> wait(runtime::mono_time until);

private:
  void deliver(runtime::delivery_body body) override;

  connection& conn_;
  runtime::sink_ref ref_;
  std::optional<runtime::delivery_body> body_;
};

/// `failure` when an answer is not of the expected kind: `timeout` when there is
/// none, the reason when it was refused.
template <class Expected>
std::variant<Expected, runtime::refused>
expect_answer(std::optional<runtime::delivery_body> body) {
  if (!body)
    return runtime::refused{
      runtime::fail(runtime::errc::timeout, "the owner did not answer in time"),
      1.0};
  if (auto* found = std::get_if<Expected>(&*body))
    return std::move(*found);
  if (auto* refused = std::get_if<runtime::refused>(&*body))
    return std::move(*refused);
  return runtime::refused{
    runtime::fail(runtime::errc::internal, "an answer of another kind"), 0.0};
}

} // namespace troupe::gateway

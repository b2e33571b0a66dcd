// One gateway thread's inbox for what actors and the journal send. Whoever waits
// holds a ticket; a delivery without a ticket holder is dropped and counted.
#pragma once

#include "gateway/coroutine.hpp"
#include "runtime/client_sink.hpp"

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace troupe::gateway {

/// What waits for deliveries. Called on the gateway thread; must not block.
class delivery_target {
public:
  virtual void deliver(runtime::delivery_body body) = 0;

protected:
  ~delivery_target() = default;
};

class gateway_sink final : public runtime::client_sink,
                           public std::enable_shared_from_this<gateway_sink> {
public:
  /// Both outlive every call but `post`; see `detach`.
  gateway_sink(asio::io_context& io, gateway_counters& counters);

  /// Any thread. Wakes the gateway thread when the inbox was empty.
  void post(std::vector<runtime::delivery> items) override;

  // On the gateway thread only:

  /// The number that the directory gave to this sink; before any ticket.
  void set_number(uint32_t number) noexcept { number_ = number; }
  /// `target` must be closed before it dies.
  runtime::sink_ref open(delivery_target& target);
  void close(uint64_t ticket) noexcept { targets_.erase(ticket); }
  size_t open_tickets() const noexcept { return targets_.size(); }

  /// After this, `post` drops everything: the io_context may end.
  void detach();

private:
  void drain();

  asio::io_context& io_;
  gateway_counters& counters_;
  uint32_t number_ = 0;
  uint64_t last_ticket_ = 0;
  std::unordered_map<uint64_t, delivery_target*> targets_;
  std::vector<runtime::delivery> batch_; ///< Being handed out; keeps capacity.
  std::mutex mutex_;
  std::vector<runtime::delivery> inbox_; ///< Guarded by mutex_.
  bool detached_ = false;                ///< Guarded by mutex_.
};

} // namespace troupe::gateway

#include "gateway/gateway_sink.hpp"

#include <boost/asio/post.hpp>

#include <iterator>

namespace troupe::gateway {

gateway_sink::gateway_sink(asio::io_context& io, gateway_counters& counters)
  : io_{io}, counters_{counters} {}

void gateway_sink::post(std::vector<runtime::delivery> items) {
  if (items.empty())
    return;
  std::lock_guard lock{mutex_};
  if (detached_)
    return;
  const bool wake = inbox_.empty();
  if (wake)
    inbox_ = std::move(items);
  else
    inbox_.insert(inbox_.end(), std::make_move_iterator(items.begin()),
                  std::make_move_iterator(items.end()));
  if (wake)
    asio::post(io_, [self = shared_from_this()] { self->drain(); });
}

runtime::sink_ref gateway_sink::open(delivery_target& target) {
  const auto ticket = ++last_ticket_;
  targets_.emplace(ticket, &target);
  return {number_, ticket};
}

void gateway_sink::drain() {
  {
    std::lock_guard lock{mutex_};
    batch_.swap(inbox_);
  }
  counters_.deliveries.add(batch_.size());
  // A delivery never closes tickets here: coroutines resume from later posts.
  for (auto& x : batch_) {
    const auto at = targets_.find(x.ticket);
    if (at == targets_.end())
      counters_.deliveries_unclaimed.add();
    else
      at->second->deliver(std::move(x.body));
  }
  batch_.clear();
}

void gateway_sink::detach() {
  std::lock_guard lock{mutex_};
  detached_ = true;
  inbox_.clear();
}

} // namespace troupe::gateway

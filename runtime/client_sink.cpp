#include "runtime/client_sink.hpp"

#include <algorithm>
#include <utility>

namespace troupe::runtime {

uint32_t sink_directory::add(std::shared_ptr<client_sink> sink) {
  std::lock_guard lock{mutex_};
  sinks_.push_back(std::move(sink));
  return static_cast<uint32_t>(sinks_.size());
}

void sink_directory::remove(uint32_t number) {
  std::shared_ptr<client_sink> gone; // Declared first: ends after the lock.
  std::lock_guard lock{mutex_};
  // The place stays: a number is never given out twice.
  if (number >= 1 && number <= sinks_.size())
    gone = std::exchange(sinks_[number - 1], nullptr);
}

void sink_directory::post(sink_ref to, delivery_body body) const {
  std::vector<std::pair<sink_ref, delivery_body>> one;
  one.emplace_back(to, std::move(body));
  post_all(std::move(one));
}

void sink_directory::post_all(
  std::vector<std::pair<sink_ref, delivery_body>> items) const {
  const auto before = [](const auto& a, const auto& b) {
    return a.first.sink < b.first.sink;
  };
  // Stable: what goes to one sink keeps its order. With one gateway thread they
  // are in order already, and an item is too large to move about for nothing.
  if (!std::is_sorted(items.begin(), items.end(), before))
    std::stable_sort(items.begin(), items.end(), before);
  for (size_t i = 0; i < items.size();) {
    auto number = items[i].first.sink;
    std::vector<delivery> group;
    for (; i < items.size() && items[i].first.sink == number; ++i)
      group.push_back({items[i].first.ticket, std::move(items[i].second)});
    std::shared_ptr<client_sink> sink;
    if (number >= 1) {
      std::lock_guard lock{mutex_};
      if (number <= sinks_.size())
        sink = sinks_[number - 1];
    }
    if (sink)
      sink->post(std::move(group));
  }
}

} // namespace troupe::runtime

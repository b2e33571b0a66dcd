#include "models/stop_matcher.hpp"

#include <algorithm>
#include <utility>

namespace troupe::models {

stop_matcher::stop_matcher(std::vector<std::string> stops)
  : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const auto& s) { return s.empty(); });
}

stop_matcher::outcome stop_matcher::push(std::string_view text) {
  held_ += text;
  auto first = std::string::npos;
  for (const auto& stop : stops_)
    first = std::min(first, held_.find(stop));
  // Where the earliest possible beginning of a stop string is: it may start
  // before a complete one, and then could still win.
  auto open = held_.size();
  for (const auto& stop : stops_) {
    auto longest = std::min(stop.size() - 1, held_.size());
    for (auto n = longest; n > 0; --n)
      if (held_.ends_with(std::string_view{stop}.substr(0, n))) {
        open = std::min(open, held_.size() - n);
        break;
      }
  }
  outcome made;
  if (first != std::string::npos && first <= open) {
    made.text = held_.substr(0, first);
    made.stopped = true;
    held_.clear();
    return made;
  }
  made.text = held_.substr(0, open);
  held_.erase(0, open);
  return made;
}

std::string stop_matcher::finish() {
  auto first = std::string::npos;
  for (const auto& stop : stops_)
    first = std::min(first, held_.find(stop));
  auto text = std::exchange(held_, {});
  return text.substr(0, first);
}

} // namespace troupe::models

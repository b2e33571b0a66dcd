#include "runtime/scheduling/parked_attempts.hpp"

#include <algorithm>

namespace troupe::runtime {

void parked_attempts::add(const std::string& worker, attempt_id id,
                          const running_attempt& what) {
  take(worker, id);
  workers_[worker].emplace(place{what.key, id}, what);
  ++size_;
}

std::optional<running_attempt> parked_attempts::take(const std::string& worker,
                                                     attempt_id id) {
  auto w = workers_.find(worker);
  if (w == workers_.end())
    return std::nullopt;
  auto& all = w->second;
  auto it = std::find_if(all.begin(), all.end(),
                         [&](const auto& x) { return x.first.second == id; });
  if (it == all.end())
    return std::nullopt;
  auto what = it->second;
  all.erase(it);
  if (all.empty())
    workers_.erase(w);
  --size_;
  return what;
}

std::vector<std::pair<attempt_id, running_attempt>>
parked_attempts::drop(const std::string& worker) {
  std::vector<std::pair<attempt_id, running_attempt>> dropped;
  auto w = workers_.extract(worker);
  if (w.empty())
    return dropped;
  for (const auto& [where, what] : w.mapped())
    dropped.emplace_back(where.second, what);
  size_ -= dropped.size();
  return dropped;
}

std::vector<parked_attempts::entry> parked_attempts::firsts() const {
  std::vector<entry> all;
  for (const auto& [worker, parked] : workers_) {
    const auto& [key, id] = parked.begin()->first;
    all.push_back({.worker = worker, .id = id, .key = key});
  }
  std::sort(all.begin(), all.end(), [](const entry& a, const entry& b) {
    return std::pair{a.key, a.id} < std::pair{b.key, b.id};
  });
  return all;
}

size_t parked_attempts::at(const std::string& worker) const {
  auto w = workers_.find(worker);
  return w == workers_.end() ? 0 : w->second.size();
}

double parked_attempts::work_s() const {
  double sum = 0;
  for (const auto& [worker, parked] : workers_)
    for (const auto& [where, what] : parked)
      sum += std::max(0.0, what.charged_s - what.done_s({}));
  return sum;
}

} // namespace troupe::runtime

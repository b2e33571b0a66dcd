#include "runtime/overload/outlier_ejector.hpp"

#include <algorithm>

namespace troupe::runtime {

void outlier_ejector::add(const std::string& worker) {
  workers_.try_emplace(worker);
}

void outlier_ejector::remove(std::string_view worker, mono_time now) {
  auto gone = workers_.find(worker);
  if (gone == workers_.end())
    return;
  workers_.erase(gone);
  for (auto out = ejected(now); out > ejected_max(); --out) {
    // The one that would be back first anyway.
    record* first = nullptr;
    for (auto& [name, r] : workers_)
      if (r.out(now) && (!first || r.out_until < first->out_until))
        first = &r;
    first->out_until = now;
  }
}

outlier_ejector::record* outlier_ejector::serving(std::string_view worker,
                                                  mono_time now) {
  auto at = workers_.find(worker);
  return at == workers_.end() || at->second.out(now) ? nullptr : &at->second;
}

void outlier_ejector::succeeded(std::string_view worker, mono_time now) {
  if (auto r = serving(worker, now))
    r->failures = 0;
}

bool outlier_ejector::failed(std::string_view worker, mono_time now) {
  auto r = serving(worker, now);
  if (!r)
    return false;
  r->failures = std::min(r->failures + 1, settings_.failures_in_row);
  if (r->failures < settings_.failures_in_row || ejected(now) >= ejected_max())
    return false;
  if (now - r->out_until >= settings_.cap)
    r->ejections = 0;
  ++r->ejections;
  r->out_until = now + std::min(settings_.unit * r->ejections, settings_.cap);
  r->failures = 0;
  return true;
}

std::optional<mono_time> outlier_ejector::ejected_until(std::string_view worker,
                                                        mono_time now) const {
  auto at = workers_.find(worker);
  if (at == workers_.end() || !at->second.out(now))
    return std::nullopt;
  return at->second.out_until;
}

size_t outlier_ejector::ejected(mono_time now) const {
  return static_cast<size_t>(
    std::count_if(workers_.begin(), workers_.end(),
                  [&](const auto& w) { return w.second.out(now); }));
}

size_t outlier_ejector::ejected_max() const noexcept {
  if (workers_.size() < 2)
    return 0;
  auto share = settings_.share_max * static_cast<double>(workers_.size());
  return std::clamp<size_t>(static_cast<size_t>(share), 1, workers_.size() - 1);
}

} // namespace troupe::runtime

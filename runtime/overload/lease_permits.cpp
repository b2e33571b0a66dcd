#include "runtime/overload/lease_permits.hpp"

#include <limits>
#include <utility>

namespace troupe::runtime {

void lease_permits::heard(const breaker_news& news) {
  // A message of a predecessor that was under way says nothing any more.
  if (news.generation < latest_.generation)
    return;
  auto kept = std::move(latest_.probes);
  latest_ = news;
  silent_since_.reset();
  asked_ = false;
  auto obsolete = [&](const call_ticket& t) { return t.round != news.round; };
  std::erase_if(leased_, [&](const auto& x) { return obsolete(x.second); });
  std::erase_if(kept, obsolete);
  if (!latest_.closed)
    latest_.probes.insert(latest_.probes.begin(), kept.begin(), kept.end());
}

void lease_permits::breaker_down(uint64_t generation, mono_time now) {
  if (generation < latest_.generation)
    return;
  silent_since_ = now;
  asked_ = false;
}

bool lease_permits::alone(mono_time now) const noexcept {
  return silent_since_ && now - *silent_since_ >= breaker_absence_max;
}

size_t lease_permits::limit(mono_time now) const noexcept {
  return latest_.closed || alone(now) ? std::numeric_limits<size_t>::max()
                                      : latest_.probes.size();
}

call_ticket lease_permits::take(job_id job) {
  if (latest_.closed)
    return latest_.standing;
  if (latest_.probes.empty())
    return {}; // On its own.
  auto ticket = latest_.probes.front();
  latest_.probes.erase(latest_.probes.begin());
  leased_[job] = ticket;
  return ticket;
}

std::optional<call_ticket> lease_permits::refused(job_id job) {
  auto node = leased_.extract(job);
  if (node.empty())
    return std::nullopt;
  return node.mapped();
}

bool lease_permits::should_ask(size_t wanted, mono_time now) {
  if (wanted == 0 || asked_ || latest_.closed || silent_since_
      || !latest_.probes.empty() || now < latest_.retry_at)
    return false;
  asked_ = true;
  return true;
}

std::vector<call_ticket> lease_permits::take_unused() {
  return std::exchange(latest_.probes, {});
}

} // namespace troupe::runtime

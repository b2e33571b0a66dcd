#include "runtime/overload/first_token_baseline.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace troupe::runtime {
namespace {

constexpr double buckets_per_doubling = 4;

duration upper_edge(size_t bucket) noexcept {
  auto ms = std::exp2(static_cast<double>(bucket + 1) / buckets_per_doubling);
  return duration{static_cast<int64_t>(ms * 1000)};
}

} // namespace

size_t first_token_baseline::bucket_of(duration t) noexcept {
  auto ms = static_cast<double>(t.count()) / 1000;
  if (ms <= 1)
    return 0;
  auto bucket = static_cast<size_t>(std::log2(ms) * buckets_per_doubling);
  return std::min(bucket, buckets - 1);
}

void first_token_baseline::learn(duration first_token, mono_time now) noexcept {
  if (first_token < duration{0} || is_slow(first_token))
    return;
  settle(now);
  if (!recent_since_)
    recent_since_ = now;
  recent_[bucket_of(first_token)] += 1;
}

void first_token_baseline::settle(mono_time now) noexcept {
  if (!recent_since_ || now - *recent_since_ < settling_time)
    return;
  // Idle time does not age it: a week-end says nothing about the target.
  static const double kept =
    std::exp2(-std::chrono::duration<double>(settling_time) / half_life);
  for (size_t i = 0; i < buckets; ++i)
    settled_[i] = settled_[i] * kept + recent_[i];
  forget_recent();
}

void first_token_baseline::forget_recent() noexcept {
  recent_.fill(0);
  recent_since_.reset();
}

void first_token_baseline::clear() noexcept {
  settled_.fill(0);
  forget_recent();
}

std::optional<duration> first_token_baseline::p95() const noexcept {
  auto all = std::accumulate(settled_.begin(), settled_.end(), 0.0);
  if (all < samples_min)
    return std::nullopt;
  size_t bucket = 0;
  for (double below = settled_[0]; below < 0.95 * all && bucket + 1 < buckets;)
    below += settled_[++bucket];
  return upper_edge(bucket);
}

bool first_token_baseline::is_slow(duration first_token) const noexcept {
  if (first_token <= limits_.at_least)
    return false;
  auto usual = p95();
  return usual
         && static_cast<double>(first_token.count())
              > limits_.factor * static_cast<double>(usual->count());
}

} // namespace troupe::runtime

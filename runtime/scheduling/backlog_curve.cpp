#include "runtime/scheduling/backlog_curve.hpp"

#include <algorithm>

namespace troupe::runtime {

backlog_curve::backlog_curve(const key_histogram& waiting) {
  waiting.each_bucket([this](int64_t from, int64_t to, const auto& inside) {
    auto sum = all();
    if (points_.empty() || points_.back().key < from)
      points_.push_back({from, sum});
    sum.jobs += static_cast<double>(inside.jobs);
    sum.work_s += static_cast<double>(inside.work_us) / 1e6;
    points_.push_back({to, sum});
  });
  thin();
}

backlog_curve::totals backlog_curve::below(int64_t key) const noexcept {
  auto next =
    std::upper_bound(points_.begin(), points_.end(), key,
                     [](int64_t k, const point& p) { return k < p.key; });
  if (next == points_.begin())
    return {};
  if (next == points_.end())
    return all();
  const auto& a = *(next - 1);
  const auto& b = *next;
  // Keys may lie further apart than an int64 can say.
  auto share = (static_cast<double>(key) - static_cast<double>(a.key))
               / (static_cast<double>(b.key) - static_cast<double>(a.key));
  share = std::clamp(share, 0.0, 1.0);
  return {a.sum.jobs + share * (b.sum.jobs - a.sum.jobs),
          a.sum.work_s + share * (b.sum.work_s - a.sum.work_s)};
}

void backlog_curve::add(const backlog_curve& other) {
  std::vector<int64_t> keys;
  keys.reserve(points_.size() + other.points_.size());
  for (const auto& p : points_)
    keys.push_back(p.key);
  for (const auto& p : other.points_)
    keys.push_back(p.key);
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::vector<point> both;
  both.reserve(keys.size());
  for (auto key : keys) {
    auto sum = below(key);
    auto more = other.below(key);
    both.push_back({key, {sum.jobs + more.jobs, sum.work_s + more.work_s}});
  }
  points_ = std::move(both);
  thin();
}

/// Keeps the ends, and of the rest those that the next step of work or of jobs
/// falls on.
void backlog_curve::thin() {
  if (points_.size() <= points_max)
    return;
  auto last = all();
  auto steps = static_cast<double>(points_max - 2);
  auto place = [&](const totals& sum) {
    auto work = last.work_s > 0 ? sum.work_s / last.work_s : 0;
    return (work + sum.jobs / last.jobs) / 2 * steps;
  };
  std::vector<point> kept{points_.front()};
  double next = 1;
  for (size_t i = 1; i + 1 < points_.size(); ++i)
    if (auto at = place(points_[i].sum); at >= next) {
      kept.push_back(points_[i]);
      next = std::max(at, next) + 1;
    }
  kept.push_back(points_.back());
  points_ = std::move(kept);
}

} // namespace troupe::runtime

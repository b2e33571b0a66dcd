#include "runtime/scheduling/lease_ahead.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::runtime {
namespace {

constexpr double samples_max = 64;
/// Below this share of a job's time a loop is not worth hiding.
constexpr double ratio_min = 0.1;
constexpr double margin = 1.5;
/// One stall of the node must not fill its workers for a minute.
constexpr duration sample_max = std::chrono::seconds{1};

double seconds(duration d) noexcept {
  return std::chrono::duration<double>(std::clamp(d, duration{0}, sample_max))
    .count();
}

} // namespace

void moving_mean::add(double x) noexcept {
  if (!std::isfinite(x) || x < 0)
    return;
  samples_ = std::min(samples_ + 1, samples_max);
  mean_ += (x - mean_) / samples_;
}

void lease_ahead::heard(duration delay) noexcept {
  heard_s_.add(seconds(delay));
}

void lease_ahead::arrived(duration delay) noexcept {
  arrived_s_.add(seconds(delay));
}

void lease_ahead::served(duration ran) noexcept {
  if (ran > duration{0})
    service_s_.add(std::chrono::duration<double>(ran).count());
}

double lease_ahead::loop_s() const noexcept {
  return heard_s_.known() && arrived_s_.known()
           ? heard_s_.value() + arrived_s_.value()
           : 0;
}

double lease_ahead::ratio() const noexcept {
  return service_s_.known() ? loop_s() / service_s_.value() : 0;
}

uint32_t lease_ahead::ahead(uint32_t slots, double ratio) noexcept {
  auto x = slots * ratio;
  if (!(x >= ratio_min))
    return 0;
  return static_cast<uint32_t>(
    std::min(std::ceil(margin * x), static_cast<double>(slots)));
}

size_t lease_ahead::depth(uint32_t slots, uint32_t ahead) noexcept {
  auto wanted = std::max<size_t>(size_t{1} + ahead,
                                 std::min<size_t>(slots, depth_of_slots_max));
  return std::clamp<size_t>(wanted, 1, depth_max);
}

} // namespace troupe::runtime

#include "runtime/clock.hpp"

namespace troupe::runtime {
namespace {

class machine_clock final : public clock {
public:
  mono_time mono() const noexcept override {
    auto now = std::chrono::steady_clock::now(); // tidy: seams: the clock seam
    return std::chrono::time_point_cast<duration>(now);
  }
  wall_time wall() const noexcept override {
    auto now = std::chrono::system_clock::now(); // tidy: seams: the clock seam
    return std::chrono::time_point_cast<duration>(now);
  }
};

// 2026-01-01T00:00:00Z
constexpr std::chrono::seconds manual_wall_start{1'767'225'600};

} // namespace

const clock& system_clock() noexcept {
  static const machine_clock instance;
  return instance;
}

manual_clock::manual_clock() noexcept
  : mono_{std::chrono::hours{1}}, wall_{manual_wall_start} {}

void manual_clock::advance(duration by) noexcept {
  mono_ += by;
  wall_ += by;
}

} // namespace troupe::runtime

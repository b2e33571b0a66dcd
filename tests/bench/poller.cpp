#include "tests/bench/poller.hpp"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <stdexcept>

namespace troupe::bench {

poller::poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0)
    throw std::runtime_error{"epoll_create1 failed"};
  // The default slack of 50 us would show up in every paced send.
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

poller::~poller() {
  ::close(epoll_);
}

void poller::add(int fd, pollable& target) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &target;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0)
    throw std::runtime_error{"epoll_ctl failed"};
}

void poller::remove(int fd) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void poller::poll_until(instant deadline) {
  std::array<epoll_event, 256> events;
  const auto left = std::max(nanos{0}, deadline - now());
  timespec limit{};
  limit.tv_sec = left.count() / 1'000'000'000;
  limit.tv_nsec = left.count() % 1'000'000'000;
  const int n = ::epoll_pwait2(
    epoll_, events.data(), static_cast<int>(events.size()), &limit, nullptr);
  if (n < 0 && errno != EINTR)
    throw std::runtime_error{"epoll_pwait2 failed"};
  for (int i = 0; i < n; ++i)
    static_cast<pollable*>(events[static_cast<size_t>(i)].data.ptr)
      ->on_ready(events[static_cast<size_t>(i)].events);
}

} // namespace troupe::bench

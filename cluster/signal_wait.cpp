#include "cluster/signal_wait.hpp"

#include <csignal>
#include <ctime>

namespace troupe::cluster {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

} // namespace

signal_wait::signal_wait() {
  auto set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

stop_signal signal_wait::wait(runtime::duration limit) {
  auto set = stop_signals();
  timespec t{};
  t.tv_sec = limit.count() / 1'000'000;
  t.tv_nsec = (limit.count() % 1'000'000) * 1'000;
  switch (sigtimedwait(&set, nullptr, &t)) {
    case SIGINT:
      return stop_signal::interrupt;
    case SIGTERM:
      return stop_signal::terminate;
    default:
      return stop_signal::none;
  }
}

} // namespace troupe::cluster

#include "cluster/cli/interrupt.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

namespace troupe::cluster {
namespace {

volatile sig_atomic_t write_end = -1;

/// Async-signal-safe: one write.
void note_signal(int) {
  auto saved = errno;
  char byte = 1;
  // A full pipe is readable already.
  [[maybe_unused]] auto ignored = write(write_end, &byte, 1);
  errno = saved;
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

} // namespace

interrupt::interrupt() {
  if (pipe2(ends_, O_CLOEXEC | O_NONBLOCK) != 0)
    return; // Then signals keep their default: the process ends.
  write_end = ends_[1];
  handle(SIGINT, note_signal);
  handle(SIGTERM, note_signal);
}

interrupt::~interrupt() {
  if (ends_[0] < 0)
    return;
  handle(SIGINT, SIG_DFL);
  handle(SIGTERM, SIG_DFL);
  write_end = -1;
  close(ends_[0]);
  close(ends_[1]);
}

} // namespace troupe::cluster

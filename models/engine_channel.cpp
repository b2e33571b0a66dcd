#include "models/engine_channel.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace troupe::models {
namespace {

constexpr size_t read_bytes = 64u << 10;
constexpr size_t unsent_kept_bytes = 1u << 20;
/// How long an engine that said or showed its end may take to get there. With
/// TSan, LibTorch alone needs seconds to leave; with ASan, the search for leaks.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int exit_grace_ms = 15'000;
#else
constexpr int exit_grace_ms = 1000;
#endif

runtime::mono_time now() {
  return runtime::system_clock().mono();
}

} // namespace

engine_channel::engine_channel(channel_config config, engine_wakeup wake)
  : config_{std::move(config)}, wake_{std::move(wake)},
    signal_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}, log_{config_.log} {
  if (!append_order(load_backend_order{.config = config_.backend}, writer_,
                    unsent_))
    kill_reason_ = runtime::fail(runtime::errc::config_invalid,
                                 "the engine's configuration is too long");
  try {
    // tidy: seams: the engine's thread
    thread_ = std::thread{[this] { run(); }};
  } catch (const std::system_error& error) {
    finish(
      runtime::fail(runtime::errc::io_error,
                    std::string{"no thread for the engine: "} + error.what()));
  }
}

engine_channel::~engine_channel() {
  kill(runtime::fail(runtime::errc::worker_lost, "the engine was dropped"));
  if (thread_.joinable())
    thread_.join();
}

engine_channel::sent engine_channel::send(const engine_order& order) {
  std::unique_lock lock{mutex_};
  if (closed_ || kill_reason_)
    return sent::closed;
  // The bytes of what is not an attempt are few, and a cancellation makes room.
  bool small = !std::holds_alternative<admit_order>(order);
  if (!small && unsent_bytes() >= config_.unsent_bytes_max)
    return sent::full;
  bool idle = unsent_bytes() == 0 && socket_ >= 0;
  if (!append_order(order, writer_, unsent_))
    return sent::too_long;
  // A sleeping thread costs more than the system call that it would make. What
  // cannot be sent now, or ever, is for the thread to find out.
  bool left = !idle || !send_unsent() || unsent_bytes() > 0;
  lock.unlock();
  if (left)
    wake_thread();
  return sent::yes;
}

std::vector<engine_event> engine_channel::take() {
  std::unique_lock lock{mutex_};
  woken_ = false;
  auto events = std::move(events_);
  events_.clear();
  bool resume = std::exchange(paused_, false);
  lock.unlock();
  if (resume)
    wake_thread();
  return events;
}

void engine_channel::kill(runtime::failure why) {
  {
    std::lock_guard lock{mutex_};
    if (!kill_reason_)
      kill_reason_ = std::move(why);
  }
  wake_thread();
}

void engine_channel::wake_thread() noexcept {
  uint64_t one = 1;
  // Full only when the thread has not yet looked: as good as written.
  // tidy: seams: the thread's own signal
  [[maybe_unused]] auto n = ::write(signal_.get(), &one, sizeof one);
}

// Signals are for the node's main thread.
void engine_channel::run() {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  if (killed()) {
    finish(*kill_reason_);
    return;
  }
  if (!signal_) {
    finish(runtime::fail(runtime::errc::io_error,
                         "no descriptor left for the engine"));
    return;
  }
  auto child = child_process::spawn(config_.command);
  if (!child) {
    finish(child.error());
    return;
  }
  converse(*child);
}

bool engine_channel::killed() {
  std::lock_guard lock{mutex_};
  return kill_reason_.has_value();
}

void engine_channel::converse(child_process& child) {
  {
    std::lock_guard lock{mutex_};
    socket_ = child.socket();
  }
  while (wait_and_move(child)) {
  }
  if (!broken_)
    await_exit(child);
  child.kill_group();
  auto how = child.reap();
  if (!broken_ && !reported_ && !killed())
    receive(child, true);
  read_diagnostics(child);
  log_.finish(now());
  {
    std::lock_guard lock{mutex_};
    socket_ = -1;
    closed_ = true;
  }
  finish(cause_of_death(how));
}

bool engine_channel::wait_and_move(child_process& child) {
  short interest = 0;
  {
    std::lock_guard lock{mutex_};
    if (kill_reason_)
      return false;
    paused_ = events_.size() >= config_.events_max;
    if (!paused_)
      interest |= POLLIN;
    if (unsent_bytes() > 0)
      interest |= POLLOUT;
  }
  std::array<pollfd, 4> waits{{{child.socket(), interest, 0},
                               {child.diagnostics(), POLLIN, 0},
                               {signal_.get(), POLLIN, 0},
                               {child.exit_fd(), POLLIN, 0}}};
  // tidy: seams: the thread's one wait
  if (::poll(waits.data(), waits.size(), -1) < 0)
    return errno == EINTR;
  if (waits[2].revents != 0) {
    uint64_t count = 0;
    // tidy: seams: the thread's own signal
    [[maybe_unused]] auto n = ::read(signal_.get(), &count, sizeof count);
  }
  if (waits[1].revents != 0)
    read_diagnostics(child);
  if (waits[3].revents != 0 || (waits[0].revents & (POLLHUP | POLLERR)) != 0)
    return false;
  if ((waits[0].revents & POLLIN) != 0 && !receive(child, false))
    return false;
  return (waits[0].revents & POLLOUT) == 0 || flush();
}

// So that the exit status is the engine's own and not our SIGKILL.
void engine_channel::await_exit(child_process& child) {
  while (!killed() && child.exit_fd() >= 0) {
    std::array<pollfd, 2> waits{
      {{signal_.get(), POLLIN, 0}, {child.exit_fd(), POLLIN, 0}}};
    // tidy: seams: bounded, the last wait of the thread
    auto n = ::poll(waits.data(), waits.size(), exit_grace_ms);
    if (n < 0 && errno == EINTR)
      continue;
    overstayed_ = n == 0;
    if (n <= 0 || waits[1].revents != 0)
      return;
    uint64_t count = 0;
    // tidy: seams: the thread's own signal
    [[maybe_unused]] auto r = ::read(signal_.get(), &count, sizeof count);
  }
}

bool engine_channel::flush() {
  std::lock_guard lock{mutex_};
  return send_unsent();
}

bool engine_channel::send_unsent() {
  bool alive = true;
  while (unsent_bytes() > 0) {
    // tidy: seams: the engine's socket
    auto n = ::send(socket_, unsent_.data() + unsent_begin_, unsent_bytes(),
                    MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      alive = errno == EAGAIN || errno == EWOULDBLOCK;
      break;
    }
    unsent_begin_ += static_cast<size_t>(n);
  }
  if (unsent_begin_ >= unsent_.size() / 2) {
    unsent_.erase(0, unsent_begin_);
    unsent_begin_ = 0;
    if (unsent_.empty() && unsent_.capacity() > unsent_kept_bytes)
      unsent_.shrink_to_fit();
  }
  return alive;
}

// One buffer full, so that a flood does not keep orders and diagnostics
// waiting; everything that is left once the process has ended.
bool engine_channel::receive(child_process& child, bool to_the_end) {
  std::array<char, read_bytes> buffer;
  for (;;) {
    // tidy: seams: the engine's socket
    auto n = ::recv(child.socket(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return true;
    if (n <= 0) {
      if (reader_.held() > 0 && !reported_)
        broken_ =
          runtime::fail(runtime::errc::protocol_error, "engine frame: cut off");
      return false;
    }
    reader_.feed({buffer.data(), static_cast<size_t>(n)});
    for (;;) {
      auto x = reader_.next();
      if (!x) {
        broken_ = x.error();
        return false;
      }
      if (!*x)
        break;
      if (!accept(**x))
        return false;
    }
    if (!to_the_end)
      return true;
  }
}

bool engine_channel::accept(const frame& x) {
  auto event = decode_event(x);
  if (!event) {
    broken_ = event.error();
    return false;
  }
  if (auto* died = std::get_if<engine_died>(&*event)) {
    reported_ = std::move(died->why);
    return false;
  }
  deliver(std::move(*event));
  return true;
}

void engine_channel::read_diagnostics(child_process& child) {
  std::array<char, read_bytes> buffer;
  while (child.diagnostics() >= 0) {
    // tidy: seams: the engine's diagnostics
    auto n = ::read(child.diagnostics(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n == 0)
      child.close_diagnostics();
    if (n <= 0)
      return;
    log_.feed({buffer.data(), static_cast<size_t>(n)}, now());
    if (static_cast<size_t>(n) < buffer.size())
      return;
  }
}

runtime::failure engine_channel::cause_of_death(const child_exit& how) {
  auto tail = " (" + how.describe() + ")";
  if (killed())
    return {kill_reason_->code, kill_reason_->context + tail};
  if (broken_)
    return {broken_->code, broken_->context + tail};
  if (reported_)
    return {reported_->code, reported_->context + tail};
  if (overstayed_)
    return runtime::fail(runtime::errc::worker_lost,
                         "the engine closed its socket" + tail);
  std::string hint;
  if (how.signalled && how.number == SIGKILL)
    hint = "; killed from outside: out of memory?";
  return runtime::fail(runtime::errc::worker_lost,
                       "the engine ended: " + how.describe() + hint);
}

void engine_channel::finish(runtime::failure why) {
  deliver(engine_died{.why = std::move(why)});
}

void engine_channel::deliver(engine_event event) {
  bool wake = false;
  {
    std::lock_guard lock{mutex_};
    if (std::holds_alternative<engine_died>(event))
      closed_ = true;
    events_.push_back(std::move(event));
    wake = !std::exchange(woken_, true);
  }
  if (wake && wake_)
    wake_();
}

} // namespace troupe::models

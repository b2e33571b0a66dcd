#include "tests/support/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <stdexcept>

namespace troupe::tests {
namespace {

constexpr std::chrono::seconds patience{60};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& x : texts)
    out.push_back(x.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> out;
  for (char** x = environ; *x; ++x)
    out.emplace_back(*x);
  return out;
}

} // namespace

program::program(std::vector<std::string> arguments,
                 std::vector<std::string> environment) {
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (pipe2(out.data(), O_CLOEXEC) != 0 || pipe2(err.data(), O_CLOEXEC) != 0)
    throw std::runtime_error{"no pipes"};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  // What the test's own threads block or ignore is not the child's business.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigfillset(&defaults);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  auto all = own_environment();
  all.insert(all.end(), environment.begin(), environment.end());
  auto error =
    posix_spawn(&pid_, arguments.at(0).c_str(), &actions, &attributes,
                pointers_to(arguments).data(), pointers_to(all).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(out[1]);
  close(err[1]);
  if (error != 0) {
    close(out[0]);
    close(err[0]);
    throw std::runtime_error{"cannot start " + arguments.at(0)};
  }
  out_reader_ = std::thread{[this, fd = out[0]] { collect(fd, out_); }};
  err_reader_ = std::thread{[this, fd = err[0]] { collect(fd, err_); }};
}

program::~program() {
  if (!code_) {
    signal(SIGKILL);
    wait();
  }
  out_reader_.join();
  err_reader_.join();
}

void program::signal(int number) const {
  if (!code_)
    kill(pid_, number);
}

std::optional<int> program::wait() {
  if (code_)
    return code_;
  // A pid descriptor makes the end of a process something to poll for.
  auto fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  pollfd item{fd, POLLIN, 0};
  auto limit = std::chrono::milliseconds{patience}.count();
  auto ready = fd < 0 ? 1 : poll(&item, 1, static_cast<int>(limit));
  if (fd >= 0)
    close(fd);
  int status = 0;
  if (ready != 1 || waitpid(pid_, &status, 0) != pid_)
    return std::nullopt;
  code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return code_;
}

std::string program::out() const {
  std::lock_guard lock{mutex_};
  return out_.text;
}

std::string program::err() const {
  std::lock_guard lock{mutex_};
  return err_.text;
}

bool program::out_has(const std::string& part) {
  return has(out_, part);
}

bool program::err_has(const std::string& part) {
  return has(err_, part);
}

void program::collect(int fd, captured& to) {
  std::array<char, 4096> piece{};
  for (;;) {
    auto got = read(fd, piece.data(), piece.size());
    std::lock_guard lock{mutex_};
    if (got > 0)
      to.text.append(piece.data(), static_cast<size_t>(got));
    else
      to.closed = true;
    changed_.notify_all();
    if (got <= 0)
      break;
  }
  close(fd);
}

bool program::has(captured& where, const std::string& part) {
  std::unique_lock lock{mutex_};
  auto found = [&] { return where.text.find(part) != std::string::npos; };
  changed_.wait_for(lock, patience, [&] { return where.closed || found(); });
  return found();
}

} // namespace troupe::tests

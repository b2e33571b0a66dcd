#include "models/child_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace troupe::models {
namespace {

/// Above the numbers that the child's own descriptors take, so that no dup2 in
/// the child overwrites what a later one needs.
constexpr int lowest_fd = 10;

runtime::failure os_failure(std::string what, int number) {
  return runtime::fail(runtime::errc::io_error,
                       std::move(what) + ": " + std::strerror(number));
}

unique_fd lifted(int fd) noexcept {
  unique_fd owner{fd};
  // tidy: seams: the engine's process and its pipes
  return unique_fd{::fcntl(fd, F_DUPFD_CLOEXEC, lowest_fd)};
}

bool make_nonblocking(int fd) noexcept {
  auto flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/// Both ends of what joins the child.
struct pipes {
  unique_fd socket_ours;
  unique_fd socket_theirs;
  unique_fd diagnostics_ours;
  unique_fd diagnostics_theirs;
};

runtime::result<pipes> open_pipes() {
  std::array<int, 2> pair{-1, -1};
  // tidy: seams: the engine's socket
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return os_failure("socketpair", errno);
  pipes p{.socket_ours = lifted(pair[0]),
          .socket_theirs = lifted(pair[1]),
          .diagnostics_ours = {},
          .diagnostics_theirs = {}};
  // tidy: seams: the engine's diagnostics
  if (::pipe2(pair.data(), O_CLOEXEC) != 0)
    return os_failure("pipe", errno);
  p.diagnostics_ours = lifted(pair[0]);
  p.diagnostics_theirs = lifted(pair[1]);
  if (!p.socket_ours || !p.socket_theirs || !p.diagnostics_ours
      || !p.diagnostics_theirs)
    return os_failure("descriptors of the engine", EMFILE);
  if (!make_nonblocking(p.socket_ours.get())
      || !make_nonblocking(p.diagnostics_ours.get()))
    return os_failure("non-blocking mode", errno);
  return p;
}

std::vector<char*> c_strings(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (auto& s : strings)
    pointers.push_back(s.data());
  pointers.push_back(nullptr);
  return pointers;
}

class spawn_plan {
public:
  explicit spawn_plan(const pipes& p) noexcept {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    auto diagnostics = p.diagnostics_theirs.get();
    posix_spawn_file_actions_adddup2(&actions, diagnostics, 1);
    posix_spawn_file_actions_adddup2(&actions, diagnostics, 2);
    posix_spawn_file_actions_adddup2(&actions, p.socket_theirs.get(),
                                     child_socket_fd);
    posix_spawn_file_actions_addclosefrom_np(&actions, child_socket_fd + 1);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP
                                            | POSIX_SPAWN_SETSIGMASK
                                            | POSIX_SPAWN_SETSIGDEF);
  }
  ~spawn_plan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  spawn_plan(const spawn_plan&) = delete;
  spawn_plan& operator=(const spawn_plan&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

} // namespace

std::string child_exit::describe() const {
  if (!signalled)
    return "exit status " + std::to_string(number);
  const char* name = ::sigdescr_np(number);
  return "signal " + std::to_string(number) + " ("
         + (name == nullptr ? "unknown" : name) + ")";
}

runtime::result<child_process>
child_process::spawn(const child_command& command) {
  auto opened = open_pipes();
  if (!opened)
    return opened.error();
  std::vector<std::string> arguments{command.executable};
  arguments.insert(arguments.end(), command.arguments.begin(),
                   command.arguments.end());
  auto environment = command.environment;
  auto argv = c_strings(arguments);
  auto envp = c_strings(environment);
  spawn_plan plan{*opened};
  child_process child;
  // tidy: seams: the one start of an engine
  auto error =
    ::posix_spawn(&child.pid_.value, command.executable.c_str(), &plan.actions,
                  &plan.attributes, argv.data(), envp.data());
  if (error != 0) {
    child.pid_.value = 0;
    return os_failure("cannot start " + command.executable, error);
  }
  child.socket_ = std::move(opened->socket_ours);
  child.diagnostics_ = std::move(opened->diagnostics_ours);
  // Close-on-exec by definition.
  auto exit_fd = ::syscall(SYS_pidfd_open, child.pid_.value, 0);
  child.exit_fd_ = unique_fd{static_cast<int>(exit_fd)};
  return child;
}

child_process::~child_process() {
  if (pid_ == 0)
    return;
  kill_group();
  reap();
}

void child_process::kill_group() const noexcept {
  if (pid_ > 0)
    ::kill(-pid_, SIGKILL);
}

child_exit child_process::reap() noexcept {
  int status = 0;
  pid_t got = 0;
  do
    got = ::waitpid(pid_, &status, 0);
  while (got < 0 && errno == EINTR);
  pid_.value = 0;
  if (got < 0) // SIGCHLD is ignored in this process: nobody knows.
    return {};
  if (WIFSIGNALED(status))
    return {.signalled = true, .number = WTERMSIG(status)};
  return {.signalled = false, .number = WEXITSTATUS(status)};
}

} // namespace troupe::models

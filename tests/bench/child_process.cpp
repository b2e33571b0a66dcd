#include "tests/bench/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

extern char** environ;

namespace troupe::bench {

namespace {

// The port after `"name":"host:`; 0 when it is not there.
uint16_t port_of(const std::string& line, const std::string& name) {
  const auto at = line.find('"' + name + "\":\"");
  if (at == std::string::npos)
    return 0;
  const auto end = line.find('"', at + name.size() + 4);
  const auto colon = line.rfind(':', end);
  uint16_t port = 0;
  std::from_chars(line.data() + colon + 1, line.data() + end, port);
  return port;
}

} // namespace

child_process::child_process(std::vector<std::string> argv,
                             const std::string& log_path)
  : argv_(std::move(argv)) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
    throw std::runtime_error{"pipe2 failed"};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log_path.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
  std::vector<char*> raw;
  for (const auto& word : argv_)
    raw.push_back(const_cast<char*>(word.c_str()));
  raw.push_back(nullptr);
  started_at_ = now();
  const int failed =
    ::posix_spawn(&pid_, raw[0], &actions, nullptr, raw.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  out_ = pipe[0];
  if (failed != 0) {
    pid_ = -1;
    ::close(out_);
    throw std::runtime_error{"cannot start " + argv_[0]};
  }
}

child_process::~child_process() {
  kill();
  ::close(out_);
}

void child_process::await_listening(double limit_s) {
  const auto deadline = now() + from_seconds(limit_s);
  std::array<char, 4096> buffer;
  for (;;) {
    const auto left = to_ms(deadline - now());
    pollfd readable{out_, POLLIN, 0};
    if (left <= 0 || ::poll(&readable, 1, static_cast<int>(left) + 1) == 0)
      throw std::runtime_error{"no listening line within the limit"};
    const auto n = ::read(out_, buffer.data(), buffer.size());
    if (n <= 0)
      throw std::runtime_error{"the server ended before it listened"};
    printed_.append(buffer.data(), static_cast<size_t>(n));
    const auto at = printed_.find("\"event\":\"listening\"");
    if (at == std::string::npos || printed_.find('\n', at) == std::string::npos)
      continue;
    gateway_port_ = port_of(printed_, "gateway");
    admin_port_ = port_of(printed_, "admin");
    return;
  }
}

uint64_t child_process::resident_bytes() const {
  std::ifstream status{"/proc/" + std::to_string(pid_) + "/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:"))
      return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  return 0;
}

uint64_t child_process::written_bytes() const {
  std::ifstream io{"/proc/" + std::to_string(pid_) + "/io"};
  for (std::string line; std::getline(io, line);)
    if (line.starts_with("write_bytes:"))
      return std::strtoull(line.c_str() + 12, nullptr, 10);
  return 0;
}

double child_process::cpu_seconds() const {
  std::ifstream file{"/proc/" + std::to_string(pid_) + "/stat"};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto paren = text.rfind(')');
  if (paren == std::string::npos)
    return 0.0;
  std::istringstream fields{text.substr(paren + 1)};
  std::string skipped;
  for (int i = 0; i < 11; ++i) // state .. cmajflt
    fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

bool child_process::running() {
  if (pid_ < 0)
    return false;
  if (::waitpid(pid_, nullptr, WNOHANG) == 0)
    return true;
  pid_ = -1;
  return false;
}

void child_process::kill() {
  if (pid_ < 0)
    return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

int child_process::stop(double limit_s) {
  if (pid_ < 0)
    return 0;
  ::kill(pid_, SIGTERM);
  return await_exit(limit_s);
}

int child_process::await_exit(double limit_s) {
  if (pid_ < 0)
    return 0;
  const auto deadline = now() + from_seconds(limit_s);
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (now() > deadline)
      ::kill(pid_, SIGKILL);
    ::usleep(2000); // tidy: seams: waits for a process to end.
  }
  pid_ = -1;
  return status;
}

scratch_dir::scratch_dir(const std::string& parent) {
  std::filesystem::create_directories(parent);
  std::string name = parent + "/troupe-bench-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    throw std::runtime_error{"cannot make a directory under " + parent};
  path_ = name;
}

scratch_dir::~scratch_dir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string own_executable() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

} // namespace troupe::bench

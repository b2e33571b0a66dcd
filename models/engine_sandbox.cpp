#include "models/engine_sandbox.hpp"

#include <algorithm>
#include <csignal>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace troupe::models {
namespace {

constexpr rlim_t open_files_max = 1024;

void limit(__rlimit_resource resource, rlim_t value) noexcept {
  rlimit wanted{};
  if (::getrlimit(resource, &wanted) != 0)
    return;
  wanted.rlim_max = std::min(wanted.rlim_max, value);
  wanted.rlim_cur = wanted.rlim_max;
  ::setrlimit(resource, &wanted);
}

} // namespace

void enter_engine_sandbox() noexcept {
  // That thread lives as long as it owns us. A node that died before this line
  // is noticed by the end of the socket.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  limit(RLIMIT_CORE, 0); // A dump would hold prompts and weights.
  limit(RLIMIT_NOFILE, open_files_max);
  ::unshare(CLONE_NEWNET);
  ::signal(SIGINT, SIG_IGN); // A terminal's Ctrl-C is for the node.
  ::signal(SIGPIPE, SIG_IGN);
}

} // namespace troupe::models

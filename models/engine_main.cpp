// `troupe-engine`: one model in a process of its own, so that a crash or a hang
// of LibTorch ends this process and never the node. Started by `troupe serve`;
// docs/engine-protocol.md says what it speaks on descriptor 3.
#include "models/backend.hpp"
#include "models/child_process.hpp"
#include "models/engine_loop.hpp"
#include "models/engine_sandbox.hpp"

#include <cstdio>
#include <string_view>

#include <sys/socket.h>

namespace {

constexpr int exit_usage = 2;

constexpr const char* help_text =
  "usage: troupe-engine\n"
  "\n"
  "Runs one model for a Troupe node. A node starts it by itself (see\n"
  "`troupe serve --help`) and talks to it over a socket on descriptor 3;\n"
  "there is nothing to do with it by hand.\n"
  "\n"
  "  --help     this text\n"
  "  --version  the version of the protocol\n"
  "\n"
  "exit status: 0 the node closed the socket, 2 usage, 3 the model did not\n"
  "load, 4 the node broke the protocol, 5 the model threw an exception\n";

bool is_socket(int fd) noexcept {
  int type = 0;
  socklen_t size = sizeof type;
  // tidy: seams: the engine's socket
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0
         && type == SOCK_STREAM;
}

#ifdef TROUPE_HAVE_TORCH
constexpr auto load = &troupe::models::load_backend;
#else
troupe::runtime::result<std::unique_ptr<troupe::models::backend>>
load(const troupe::models::backend_config& config) {
  return troupe::runtime::fail(troupe::runtime::errc::unsupported,
                               "model kind " + config.kind
                                 + ": this build has no LibTorch");
}
#endif

} // namespace

int main(int argc, char** argv) {
  using namespace std::string_view_literals;
  if (argc == 2 && argv[1] == "--help"sv) {
    std::fputs(help_text, stdout);
    return 0;
  }
  if (argc == 2 && argv[1] == "--version"sv) {
    std::printf("troupe-engine, protocol %u\n",
                unsigned{troupe::models::engine_protocol_version});
    return 0;
  }
  if (argc != 1 || !is_socket(troupe::models::child_socket_fd)) {
    std::fputs("troupe-engine: a Troupe node starts this program; see "
               "troupe-engine --help\n",
               stderr);
    return exit_usage;
  }
  troupe::models::enter_engine_sandbox();
  troupe::models::engine_loop loop{troupe::models::child_socket_fd, load};
  return static_cast<int>(loop.run());
}

// `troupe-engine-fake`: speaks the engine protocol with a scripted backend and
// misbehaves on request, so that tests meet real processes that crash, hang,
// babble and lie. `backend_config::path`, or the first argument where there is to
// be no loop at all, names the script of the process; `simulate_params` script
// single attempts.
#include "models/child_process.hpp"
#include "models/engine_loop.hpp"
#include "models/engine_process.hpp"
#include "models/engine_sandbox.hpp"

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace troupe;
using models::attempt_request;
using models::engine_event;

constexpr int fd = models::child_socket_fd;

[[noreturn]] void stand_still() {
  while (true)
    ::pause();
}

[[noreturn]] void crash(std::string_view how) {
  if (how == "segv") {
    ::signal(SIGSEGV, SIG_DFL); // Sanitizers have a handler.
    std::raise(SIGSEGV);
  }
  if (how == "abort")
    std::abort();
  std::_Exit(9);
}

void send_raw(std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0)
      std::_Exit(0);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

/// Says "t0 t1 t2 …", one word of every attempt per step; the prefix counts.
class scripted_backend final : public models::backend {
public:
  explicit scripted_backend(const models::backend_config& config)
    : config_{config} {}

  models::engine_description describe() const override {
    return {.kind = "scripted",
            .device = "cpu",
            .slots = config_.path == "no_slots" ? 0 : config_.slots,
            .context_length = 4096,
            .continues_prefix = true,
            .can_park = true,
            .tasks = {runtime::task_kind::chat}};
  }
  void admit(attempt_request request) override {
    auto id = request.id;
    running_[id] = std::move(request);
    said_[id] = running_[id].prefix_tokens;
  }
  void cancel(runtime::attempt_id id) override {
    running_.erase(id);
    parked_.erase(id);
    said_.erase(id);
  }
  void park(runtime::attempt_id id, bool) override {
    if (auto node = running_.extract(id)) {
      parked_.insert(std::move(node));
      left_.push_back(models::attempt_parked{id});
    }
  }
  void resume(runtime::attempt_id id) override {
    if (auto node = parked_.extract(id))
      running_.insert(std::move(node));
  }
  bool busy() const override { return !running_.empty(); }
  std::vector<engine_event> step() override {
    ++steps_;
    if (config_.path == "slow")
      // tidy: waits: the cost of a step, not a synchronisation
      ::usleep(1000);
    auto events = std::exchange(left_, {});
    std::vector<runtime::attempt_id> done;
    for (auto& [id, request] : running_)
      if (advance(request, events))
        done.push_back(id);
    for (auto id : done)
      cancel(id);
    return events;
  }
  models::backend_stats stats() const override {
    return {.steps = steps_,
            .busy_slots = static_cast<uint32_t>(running_.size())};
  }

private:
  bool advance(const attempt_request& request,
               std::vector<engine_event>& events) {
    auto id = request.id;
    auto script = request.simulate.value_or(runtime::simulate_params{});
    auto& index = said_[id];
    if (index == request.prefix_tokens)
      events.push_back(models::attempt_began{.id = id, .input_tokens = 7});
    if (script.hang) {
      std::fprintf(stderr, "hangs %d\n", static_cast<int>(::getpid()));
      stand_still();
    }
    if (index >= script.fail_at_token.value_or(UINT32_MAX)) {
      if (script.crash)
        crash(script.fail_code);
      if (script.fail_code == "throw")
        throw std::runtime_error{"scripted \xFF exception"};
      events.push_back(models::attempt_failed{
        .id = id,
        .why = {runtime::errc::model_error, "scripted \xFF failure"},
        .transient = true});
      return true;
    }
    auto total = script.tokens.value_or(20);
    if (index < total) {
      events.push_back(models::attempt_output{.id = id,
                                              .text = (index == 0 ? "t" : " t")
                                                      + std::to_string(index),
                                              .tokens = 1});
      ++index;
    }
    if (index < total)
      return false;
    events.push_back(
      models::attempt_finished{.id = id,
                               .finish = runtime::finish_reason::stop,
                               .input_tokens = 7,
                               .output_tokens = total - request.prefix_tokens});
    return true;
  }

  models::backend_config config_;
  std::map<runtime::attempt_id, attempt_request> running_;
  std::map<runtime::attempt_id, attempt_request> parked_;
  std::vector<engine_event> left_; ///< Told by the next step.
  std::map<runtime::attempt_id, uint32_t> said_;
  uint64_t steps_ = 0;
};

/// Beats and says it is ready, but never reads again.
[[noreturn]] void be_deaf() {
  models::frame_writer writer;
  std::string out;
  auto say = [&](const engine_event& event) {
    out.clear();
    if (append_event(event, writer, out))
      send_raw(out);
  };
  say(models::engine_ready{scripted_backend{{.slots = 1000}}.describe()});
  while (true) {
    say(models::engine_beat{});
    ::usleep(20'000); // tidy: waits: the pace of its beats
  }
}

[[noreturn]] void flood() {
  models::frame_writer writer;
  while (true) {
    std::string out;
    for (uint64_t i = 0; i < 1000; ++i)
      (void)append_event(models::engine_beat{.steps = i}, writer, out);
    send_raw(out);
  }
}

std::string framed(models::frame_kind kind, std::string_view body) {
  models::frame_writer writer;
  std::string out;
  (void)writer.append(kind, body, out);
  return out;
}

/// Processes that break the protocol; each ends here.
void misbehave(std::string_view script) {
  using kind = models::frame_kind;
  const std::map<std::string_view, std::string> bytes{
    {"garbage", std::string(100'000, '\xA7')},
    {"text", "Segmentation fault\n"},
    {"oversize", std::string{"\x7F\xFF\xFF\xFF", 4}},
    {"bad_version", std::string{"\0\0\0\6\x63\x15\0\0\0\0", 10}},
    {"bad_kind", std::string{"\0\0\0\6\2\x0F\0\0\0\0", 10}},
    {"bad_order", std::string{"\0\0\0\6\2\x15\0\0\0\5", 10}},
    {"bomb", framed(kind::beat, std::string(1u << 20, '\x91'))},
    {"huge_array", framed(kind::ready, "\xDD\xFF\xFF\xFF\xFF")},
    {"wrong_direction", framed(kind::cancel, "\x90")},
    {"not_ready", framed(kind::output, "\x93\x93\xC4\x10" + std::string(16, 'j')
                                         + "\1\1\xA1x\1")},
    {"cut_off", std::string{"\0\0\1\0\2\x15\0\0\0\0hello", 15}},
  };
  auto it = bytes.find(script);
  if (it == bytes.end())
    return;
  send_raw(it->second);
  if (script == "cut_off")
    std::_Exit(0);
  stand_still();
}

/// Tells what it was given and what it gave up.
void confess() {
  for (char** e = environ; *e != nullptr; ++e)
    std::fprintf(stderr, "env %s\n", *e);
  for (int i = 0; i < 256; ++i)
    if (::fcntl(i, F_GETFD) >= 0)
      std::fprintf(stderr, "open %d\n", i);
  rlimit core{};
  ::getrlimit(RLIMIT_CORE, &core);
  int parent_signal = 0;
  ::prctl(PR_GET_PDEATHSIG, &parent_signal);
  std::fprintf(stderr, "core %d\n", static_cast<int>(core.rlim_max));
  std::fprintf(stderr, "no_new_privs %d\n",
               ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  std::fprintf(stderr, "parent_signal %d\n", parent_signal);
  std::fprintf(stderr, "group_leader %d\n", ::getpgrp() == ::getpid());
}

/// Without the loop and its heartbeats; the program's first argument.
void misbehave_at_once(std::string_view script) {
  if (script == "silent")
    stand_still();
  if (script == "deaf")
    be_deaf();
  if (script == "flood")
    flood();
  if (script == "closes") {
    ::close(fd);
    stand_still();
  }
}

runtime::result<std::unique_ptr<models::backend>>
load(const models::backend_config& config) {
  std::string_view script{config.path};
  misbehave(script);
  if (script == "load_fails")
    return runtime::fail(runtime::errc::config_invalid,
                         "model.safetensors: no tensor lm_head.weight");
  if (script == "load_exits")
    std::_Exit(7);
  if (script == "load_segv" || script == "load_abort")
    crash(script.substr(5));
  if (script == "load_hangs")
    stand_still();
  if (script == "orphan") { // A grandchild keeps the socket.
    auto pid = ::fork();
    if (pid == 0)
      stand_still();
    std::fprintf(stderr, "grandchild %d\n", static_cast<int>(pid));
  }
  if (script == "babble")
    for (int i = 0; i < 200'000; ++i)
      std::fprintf(stderr, "line %d of the babbling engine\n", i);
  if (script == "confess")
    confess();
  if (script.starts_with("node_"))
    std::fprintf(stderr, "loaded %d\n", static_cast<int>(::getpid()));
  return std::make_unique<scripted_backend>(config);
}

/// A node with one engine, which it names; for the tests that kill nodes.
int be_node(const std::string& self, const std::string& script) {
  std::mutex mutex;
  std::condition_variable changed;
  bool woken = false;
  models::engine_process engine{
    {.executable = self,
     .backend = {.kind = "scripted", .path = script},
     .log = [](std::string_view line) {
       std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
       std::fflush(stdout);
     }}};
  engine.start([&] {
    std::lock_guard lock{mutex};
    woken = true;
    changed.notify_one();
  });
  while (true) {
    std::unique_lock lock{mutex};
    changed.wait(lock, [&] { return woken; });
    woken = false;
    lock.unlock();
    for (const auto& event : engine.poll(runtime::system_clock().mono()))
      if (std::holds_alternative<models::engine_ready>(event)) {
        attempt_request hanging;
        hanging.simulate = runtime::simulate_params{.hang = true};
        if (script == "node_hang")
          engine.admit(hanging);
      }
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 2 && argv[1] == std::string_view{"node"})
    return be_node(argv[0], argv[2]);
  models::enter_engine_sandbox();
  misbehave_at_once(argc > 1 ? argv[1] : "");
  models::engine_loop loop{fd, load};
  return static_cast<int>(loop.run());
}

#include "models/engine_loop.hpp"

#include "models/utf8.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include <poll.h>
#include <sys/socket.h>

namespace troupe::models {
namespace {

using runtime::mono_time;

constexpr size_t read_bytes = 64u << 10;
constexpr size_t context_bytes_max = 500;

/// False when the node is gone. Waits for room: a node that does not read makes
/// its engine wait, never grow.
bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    // tidy: seams: the engine's socket
    auto n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

/// A reason may quote anything; what the node gets is short and UTF-8.
std::string printable(std::string text) {
  if (text.size() > context_bytes_max)
    text.resize(context_bytes_max);
  if (!valid_utf8(text))
    std::ranges::replace_if(
      text, [](char c) { return static_cast<uint8_t>(c) >= 0x80; }, '?');
  return text;
}

/// Heartbeats while the loop is busy loading: the one time that it may be slow.
/// The only user of the socket meanwhile. A node that went away ends the
/// process, since loading would not notice.
class load_beats {
public:
  load_beats(int socket, frame_writer& writer)
    : thread_{[this, socket, &writer] { run(socket, writer); }} {}
  ~load_beats() {
    {
      std::lock_guard lock{mutex_};
      done_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

private:
  void run(int socket, frame_writer& writer) {
    std::unique_lock lock{mutex_};
    while (!changed_.wait_for(lock, engine_loop::beat_interval,
                              [&] { return done_; })) {
      std::string bytes;
      if (!append_event(engine_beat{}, writer, bytes)
          || !send_all(socket, bytes))
        std::_Exit(static_cast<int>(engine_exit::node_closed));
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_; // tidy: seams: heartbeats of a long load
};

} // namespace

engine_loop::engine_loop(int socket, backend_loader load)
  : socket_{socket}, load_{std::move(load)} {}

engine_loop::~engine_loop() = default;

engine_exit engine_loop::run() {
  try {
    return serve();
  } catch (const std::exception& error) {
    return leave(
      engine_exit::backend_failed,
      runtime::fail(runtime::errc::worker_lost,
                    std::string{"the model threw: "} + error.what()));
  }
}

engine_exit engine_loop::serve() {
  now_ = runtime::system_clock().mono();
  while (!backend_)
    if (!receive(mono_time::max()))
      return end_;
  while (true) {
    bool busy = backend_->busy();
    if (!receive(busy ? mono_time::min() : beat_at_))
      return end_;
    // A refused attempt is told by a step, even if that computes nothing.
    if (std::exchange(admitted_, false) || backend_->busy())
      for (auto& event : backend_->step())
        take(std::move(event));
    now_ = runtime::system_clock().mono();
    flush_due();
    beat_if_due();
    if (!send_unsent())
      return engine_exit::node_closed;
  }
}

bool engine_loop::receive(mono_time until) {
  int timeout_ms = 0;
  if (until == mono_time::max())
    timeout_ms = -1;
  else if (until > now_)
    timeout_ms = static_cast<int>(
      std::chrono::ceil<std::chrono::milliseconds>(until - now_).count());
  pollfd wait{socket_, POLLIN, 0};
  // tidy: seams: the loop's one wait
  if (timeout_ms != 0 && ::poll(&wait, 1, timeout_ms) <= 0)
    return true;
  std::array<char, read_bytes> buffer;
  // tidy: seams: the engine's socket
  auto n = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    return true;
  if (n <= 0)
    return false;
  reader_.feed({buffer.data(), static_cast<size_t>(n)});
  while (true) {
    auto x = reader_.next();
    if (!x) {
      end_ = leave(engine_exit::protocol_error, x.error());
      return false;
    }
    if (!*x)
      return true;
    if (!obey(**x))
      return false;
  }
}

bool engine_loop::obey(const frame& x) {
  auto order = decode_order(x);
  if (!order) {
    end_ = leave(engine_exit::protocol_error, order.error());
    return false;
  }
  auto* first = std::get_if<load_backend_order>(&*order);
  if ((first != nullptr) == (backend_ != nullptr)) {
    end_ = leave(engine_exit::protocol_error,
                 runtime::fail(runtime::errc::protocol_error,
                               first ? "engine frame: loaded twice"
                                     : "engine frame: not loaded"));
    return false;
  }
  if (first)
    return load(first->config);
  if (auto* admit = std::get_if<admit_order>(&*order)) {
    held_.erase(admit->request.id);
    backend_->admit(std::move(admit->request));
    admitted_ = true;
  } else if (auto* cancel = std::get_if<cancel_order>(&*order)) {
    held_.erase(cancel->id);
    backend_->cancel(cancel->id);
  } else if (auto* park = std::get_if<park_order>(&*order)) {
    backend_->park(park->id, park->keep_cache);
    admitted_ = true;
  } else if (auto* resume = std::get_if<resume_order>(&*order)) {
    backend_->resume(resume->id);
    admitted_ = true;
  }
  return true;
}

bool engine_loop::load(const backend_config& config) {
  auto loaded = [&] {
    load_beats beats{socket_, writer_};
    return load_(config);
  }();
  if (!loaded) {
    end_ = leave(engine_exit::load_failed, loaded.error());
    return false;
  }
  backend_ = std::move(*loaded);
  say(engine_ready{.description = backend_->describe()});
  now_ = runtime::system_clock().mono();
  beat_at_ = now_ + beat_interval;
  return send_unsent();
}

void engine_loop::take(engine_event event) {
  if (auto* output = std::get_if<attempt_output>(&event)) {
    auto& held = held_[output->id];
    held.text += output->text;
    held.tokens += output->tokens;
    return;
  }
  if (const auto* finished = std::get_if<attempt_finished>(&event))
    flush_last(finished->id);
  if (const auto* parked = std::get_if<attempt_parked>(&event))
    flush_last(parked->id);
  if (auto* failed = std::get_if<attempt_failed>(&event)) {
    flush_last(failed->id);
    failed->why.context = printable(std::move(failed->why.context));
  }
  say(event);
}

void engine_loop::flush_last(runtime::attempt_id id) {
  auto it = held_.find(id);
  if (it == held_.end())
    return;
  flush(it->first, it->second);
  held_.erase(it);
}

void engine_loop::flush(runtime::attempt_id id, held_output& held) {
  if (held.tokens == 0 && held.text.empty())
    return;
  say(attempt_output{.id = id,
                     .text = std::exchange(held.text, {}),
                     .tokens = std::exchange(held.tokens, 0)});
  held.pace.flushed(now_);
}

void engine_loop::flush_due() {
  for (auto& [id, held] : held_)
    if (held.pace.due(held.tokens, now_))
      flush(id, held);
}

void engine_loop::beat_if_due() {
  if (now_ < beat_at_)
    return;
  beat_at_ = now_ + beat_interval;
  say(engine_beat{.steps = backend_->stats().steps});
}

void engine_loop::say(const engine_event& event) {
  bool fits = append_event(event, writer_, unsent_);
  // A batch is a few tokens and a reason is cut: only a broken backend gets
  // here.
  TROUPE_ASSERT(fits);
}

bool engine_loop::send_unsent() {
  bool alive = send_all(socket_, unsent_);
  unsent_.clear();
  return alive;
}

engine_exit engine_loop::leave(engine_exit how, runtime::failure why) {
  why.context = printable(std::move(why.context));
  say(engine_died{.why = std::move(why)});
  send_unsent();
  return how;
}

} // namespace troupe::models

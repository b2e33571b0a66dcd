#include "gateway/io_thread.hpp"

#include "gateway/connection.hpp"
#include "gateway/http_reply.hpp"
#include "runtime/ids.hpp"
#include "runtime/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <exception>

namespace troupe::gateway {

namespace {
constexpr std::chrono::milliseconds sweep_interval{50};
constexpr std::chrono::milliseconds status_age_max{50};
} // namespace

void spawn_session(io_executor executor, task<void> work,
                   gateway_counters& counters, std::string_view name) {
  asio::co_spawn(
    executor, std::move(work), [&counters, name](std::exception_ptr escaped) {
      if (!escaped)
        return;
      counters.sessions_escaped.add();
      try {
        std::rethrow_exception(escaped);
      } catch (const std::exception& e) {
        runtime::log_error("gateway", "a session ended by an exception",
                           {{"session", name}, {"what", e.what()}});
      } catch (...) {
        runtime::log_error("gateway", "a session ended by an exception",
                           {{"session", name}});
      }
    });
}

io_thread::io_thread(gateway_shared& shared, uint64_t seed)
  : shared_{shared}, io_{1}, work_{io_.get_executor()},
    sink_{std::make_shared<gateway_sink>(io_, shared.counters)},
    sink_number_{shared.parts.sinks.add(sink_)}, timer_{io_}, random_{seed} {
  sink_->set_number(sink_number_);
}

io_thread::~io_thread() {
  shared_.parts.sinks.remove(sink_number_);
  sink_->detach();
}

const node_status& io_thread::status() {
  const auto at = now();
  if (!status_known_ || at - status_at_ >= status_age_max) {
    status_ = shared_.parts.status.status();
    status_at_ = at;
    status_known_ = true;
  }
  return status_;
}

const std::string& io_thread::date() {
  const auto s = runtime::to_us(shared_.parts.clock.wall()) / 1'000'000;
  if (s != date_s_) {
    date_s_ = s;
    date_ = imf_fixdate(s);
  }
  return date_;
}

std::string io_thread::make_request_id() {
  return runtime::make_request_id(shared_.parts.clock.wall(), random_);
}

void io_thread::run() {
  io_.run();
}

void io_thread::stop() {
  asio::post(io_, [this] {
    stopping_ = true;
    for (auto* x : table_)
      x->abort();
    release_if_finished();
  });
}

// `run` returns once nothing is left: sessions end by themselves after abort.
void io_thread::release_if_finished() {
  if (!stopping_ || !table_.empty())
    return;
  work_.reset();
  timer_.cancel();
}

void io_thread::begin_drain() {
  asio::post(io_, [this] {
    for (auto* x : table_) {
      if (x->idle())
        x->abort();
      else
        x->wake();
    }
  });
}

void io_thread::enrol(connection& x) {
  x.slot_ = table_.size();
  table_.push_back(&x);
  counters().connections_open.add();
  arm_sweep();
}

void io_thread::remove(connection& x) {
  table_.back()->slot_ = x.slot_;
  table_[x.slot_] = table_.back();
  table_.pop_back();
  counters().connections_open.sub();
  release_if_finished();
}

void io_thread::arm_sweep() {
  if (sweeping_)
    return;
  sweeping_ = true;
  timer_.expires_after(sweep_interval);
  timer_.async_wait([this](boost::system::error_code) {
    sweeping_ = false;
    sweep();
  });
}

void io_thread::sweep() {
  const auto at = now();
  for (auto* x : table_) {
    if (stopping_)
      x->abort(); // It may have begun another operation since.
    else
      x->check_deadline(at);
  }
  if (!table_.empty())
    arm_sweep();
}

} // namespace troupe::gateway

// One engine process on a stage: started, polled when it wakes, all it said kept.
#pragma once

#include "models/engine_process.hpp"

#include "tests/support/engine_driver.hpp"
#include "tests/support/process_watch.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace troupe::tests {

/// One engine process, and all that it said.
class engine_stage {
public:
  explicit engine_stage(models::engine_process_config config)
    : engine_{std::make_unique<models::engine_process>(
      recorded(std::move(config)))},
      driver{*engine_} {
    engine_->start([this] {
      std::lock_guard lock{mutex_};
      woken_ = true;
      changed_.notify_one();
    });
  }
  ~engine_stage() { engine_.reset(); }

  models::engine_process& engine() { return *engine_; }
  void drop() { engine_.reset(); }
  attempt_story& story(const models::attempt_request& request) {
    return driver.attempts[request.id];
  }

  /// Polls whenever woken, without moving time, until `done`.
  bool wait(auto done) {
    auto& clock = runtime::system_clock();
    auto end = clock.mono() + patience;
    while (true) {
      driver.poll();
      if (done())
        return true;
      auto left = end - clock.mono();
      if (left <= left.zero())
        return false;
      std::unique_lock lock{mutex_};
      changed_.wait_for(lock, left, [&] { return woken_; });
      woken_ = false;
    }
  }
  bool wait_ready() {
    return wait([this] { return driver.ready.has_value(); });
  }
  bool wait_died() {
    return wait([this] { return driver.died.has_value(); });
  }
  /// Moves time as an owner without any wake-up would.
  void skip(std::chrono::seconds span) {
    auto end = driver.now + span;
    while (!driver.died && engine_->next_due() && *engine_->next_due() < end) {
      driver.now = std::max(driver.now, *engine_->next_due());
      driver.poll();
    }
  }
  std::string reason() const {
    return driver.died ? driver.died->why.context : "(alive)";
  }
  std::vector<std::string> lines() {
    std::lock_guard lock{mutex_};
    return lines_;
  }

private:
  models::engine_process_config recorded(models::engine_process_config config) {
    config.log = [this](std::string_view line) {
      std::lock_guard lock{mutex_};
      lines_.emplace_back(line);
      woken_ = true;
      changed_.notify_one();
    };
    return config;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::vector<std::string> lines_;
  std::unique_ptr<models::engine_process> engine_;

public:
  engine_driver driver;
};

/// What the fake says when asked for `tokens`.
inline std::string whole_answer(uint32_t tokens) {
  std::string text;
  for (uint32_t i = 0; i < tokens; ++i)
    text += (i == 0 ? "t" : " t") + std::to_string(i);
  return text;
}

inline models::attempt_request with_script(uint64_t n,
                                           runtime::simulate_params script) {
  auto request = make_attempt(n);
  request.simulate = script;
  return request;
}

/// The number after `word` in the lines of a log.
inline std::optional<int> number_after(const std::vector<std::string>& lines,
                                       std::string_view word) {
  for (const auto& line : lines)
    if (line.starts_with(word))
      return std::atoi(line.c_str() + word.size());
  return std::nullopt;
}

} // namespace troupe::tests

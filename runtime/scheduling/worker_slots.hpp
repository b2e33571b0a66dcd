// Which workers of a model have room: their slots, what runs in them, what was
// ordered for them, and the few that may wait there for a slot. Some jobs must
// have a worker to themselves; while one waits, a worker is kept free of new work
// until it is idle.
#pragma once

#include "runtime/ids.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe::runtime {

/// What is known of an attempt at a worker. Attempts that a worker reports to a
/// restarted dispatcher have no tenant, no charge and no prediction.
struct running_attempt {
  static constexpr uint32_t no_tenant = UINT32_MAX;
  uint32_t tenant = no_tenant;
  double charged_s = 0;
  mono_time since{};   ///< When it got its slot last.
  bool waits = false;  ///< At the worker, for a slot.
  bool leaves = false; ///< Was asked to park, at `asked`.
  mono_time asked{};
  int64_t key = INT64_MIN;
  double work_s = 0;  ///< Predicted.
  duration before{0}; ///< On slots that it left.

  /// Seconds on slots so far; `held`: on the one it has.
  double done_s(duration held) const noexcept {
    return std::chrono::duration<double>(before + held).count();
  }
};

/// Why a worker gets no new work although it serves.
enum class worker_hold : uint8_t {
  retired = 1, ///< It will serve another model.
  ejected = 2  ///< It fails.
};

class worker_slots {
public:
  /// Replaces the worker. False: an older generation, nothing changes.
  bool add(const std::string& worker, uint64_t generation, uint32_t slots);
  /// Its attempts; nothing for an older generation or an unknown worker.
  using attempts = std::unordered_map<attempt_id, running_attempt>;
  std::optional<attempts> remove(const std::string& worker,
                                 uint64_t generation);

  /// What was reserved.
  struct place {
    std::string worker;
    uint64_t generation = 0; ///< Of the worker.
  };
  /// Reserves a slot on the least loaded worker that may take the job; without a
  /// free one, a place to wait for a slot, unless it must be alone.
  std::optional<place> reserve(bool alone);
  /// The reservation came to nothing.
  void release(const std::string& worker);
  /// The reservation became this attempt. It waits if the slots are taken. An
  /// unknown worker is ignored.
  void occupy(const std::string& worker, attempt_id id, running_attempt what);
  /// It waited, and has a slot now. Ignored unless the worker has it.
  void started(const std::string& worker, attempt_id id, mono_time now);
  /// Where a slot is free, those that were to wait find it when they come to the
  /// worker: they are on it from now on, the smallest keys first. Once the worker
  /// told what became of a slot.
  void seat_waiting(const std::string& worker, mono_time now);
  /// Nothing if the worker does not run it.
  std::optional<running_attempt> vacate(const std::string& worker,
                                        attempt_id id);

  /// Keeps new work from the worker, or no longer. Unknown: ignored.
  void hold(const std::string& worker, worker_hold why, bool on);
  /// Reserved and running; nothing for an unknown worker.
  std::optional<size_t> load(const std::string& worker) const;

  /// Its generation; nothing for an unknown worker.
  std::optional<uint64_t> generation(const std::string& worker) const;
  /// Loop over mean service, see lease_ahead: how many may wait at each worker.
  void set_lead(double ratio);

  // All of these O(1), and of workers that get work.
  uint32_t total() const noexcept { return static_cast<uint32_t>(sum_.slots); }
  uint32_t free() const noexcept { return static_cast<uint32_t>(sum_.free); }
  /// Jobs that may be ordered now: free slots, and places to wait.
  size_t room() const noexcept { return static_cast<size_t>(sum_.room); }
  /// Places to wait, taken or not.
  uint32_t ahead() const noexcept { return static_cast<uint32_t>(sum_.ahead); }
  /// How many those are.
  uint32_t workers() const noexcept {
    return static_cast<uint32_t>(sum_.workers);
  }
  /// Reserved and running, of all workers.
  size_t busy() const noexcept { return static_cast<size_t>(sum_.busy); }
  /// Slots that an attempt which left one could have now.
  size_t free_at(const std::string& worker) const;
  /// Without a reservation: it takes a slot again.
  void return_to(const std::string& worker, attempt_id id,
                 const running_attempt& what);

  /// It was asked to park. Unknown: ignored.
  void mark_leaving(const std::string& worker, attempt_id id, mono_time now);

  /// Every worker that gets work, with its attempts: `visit(name, attempts)`.
  template <class Visit>
  void each_open(Visit visit) const {
    for (const auto& [name, w] : workers_)
      if (w.held == 0 && !w.exclusive)
        visit(name, w.running);
  }
  /// Every attempt, also those that wait, to look at and correct.
  template <class Visit>
  void each_running(Visit visit) {
    for (auto& [name, w] : workers_)
      for (auto& [id, what] : w.running)
        visit(what);
  }

private:
  struct worker_state {
    uint64_t generation = 0;
    uint32_t slots = 0;
    uint32_t ahead = 0; ///< Places to wait.
    uint32_t reserved = 0;
    uint32_t waiting = 0; ///< Of `running`.
    attempts running;
    bool exclusive = false; ///< Runs, or waits to run, one job alone.
    uint8_t held = 0;       ///< Bits of worker_hold.
    size_t load() const noexcept { return reserved + running.size(); }
    size_t free() const noexcept {
      return slots - std::min<size_t>(slots, load());
    }
    bool open() const noexcept { return held == 0 && !exclusive; }
    /// Orders that it may still get.
    size_t room() const noexcept {
      auto places = size_t{slots} + ahead;
      return open() ? places - std::min(places, load()) : 0;
    }
    bool goes_before(const worker_state& other) const noexcept;
  };
  using worker_map = std::map<std::string, worker_state>;
  struct totals {
    int64_t slots = 0;
    int64_t free = 0;
    int64_t room = 0;
    int64_t ahead = 0;
    int64_t workers = 0;
    int64_t busy = 0;
  };
  /// Takes the worker out of the sums, or puts it back: around every change.
  void count(const worker_state& w, int64_t sign) noexcept;
  void settle(worker_state& w);
  void keep_one_free();

  worker_map workers_;
  totals sum_;
  double lead_ = 0;
};

} // namespace troupe::runtime

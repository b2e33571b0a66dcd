// Which workers of a model have room: their slots, what runs in them, what was
// ordered for them. Some jobs must have a worker to themselves; while one waits,
// a worker is kept free of new work until it is idle.
#pragma once

#include "runtime/ids.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace troupe::runtime {

/// What is known of an attempt on a slot. Attempts that a worker reports to a
/// restarted dispatcher have no tenant and no charge.
struct running_attempt {
  static constexpr uint32_t no_tenant = UINT32_MAX;
  uint32_t tenant = no_tenant;
  double charged_s = 0;
  mono_time since{};
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
  using attempts = std::map<attempt_id, running_attempt>;
  std::optional<attempts> remove(const std::string& worker,
                                 uint64_t generation);

  /// Reserves a slot on the least loaded worker that may take the job; its name.
  std::optional<std::string> reserve(bool alone);
  /// The reservation came to nothing.
  void release(const std::string& worker);
  /// The reservation became this attempt. An unknown worker is ignored.
  void occupy(const std::string& worker, attempt_id id,
              const running_attempt& what);
  /// Nothing if the worker does not run it.
  std::optional<running_attempt> vacate(const std::string& worker,
                                        attempt_id id);

  /// Keeps new work from the worker, or no longer. Unknown: ignored.
  void hold(const std::string& worker, worker_hold why, bool on);
  /// Reserved and running; nothing for an unknown worker.
  std::optional<size_t> load(const std::string& worker) const;

  /// Of workers that get work.
  uint32_t total() const noexcept;
  uint32_t free() const noexcept;
  /// How many those are.
  uint32_t workers() const noexcept;
  /// Reserved and running, of all workers.
  size_t busy() const noexcept;
  /// Every attempt on a slot, to look at and correct.
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
    uint32_t reserved = 0;
    attempts running;
    bool exclusive = false; ///< Runs, or waits to run, one job alone.
    uint8_t held = 0;       ///< Bits of worker_hold.
    size_t load() const noexcept { return reserved + running.size(); }
    bool open() const noexcept {
      return held == 0 && !exclusive && load() < slots;
    }
  };
  void keep_one_free();

  std::map<std::string, worker_state> workers_;
};

} // namespace troupe::runtime

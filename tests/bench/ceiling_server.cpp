#include "tests/bench/commands.hpp"
#include "tests/bench/group_commit.hpp"
#include "tests/bench/http_front.hpp"

#include <sched.h>
#include <sys/resource.h>

#include <memory>

namespace troupe::bench {

int run_ceiling_server(uint16_t port, const std::string& dir) {
  std::unique_ptr<group_commit> committer;
  http_front front{port, [&](uint64_t ticket, std::string body) {
                     committer->add(ticket, std::move(body));
                   }};
  committer =
    std::make_unique<group_commit>(dir, [&](std::vector<uint64_t> tickets) {
      front.answer(std::move(tickets));
    });
  print_listening(front.port());
  front.run();
  committer.reset();
  return 0;
}

int run_busy_loop(int core, int niceness, const std::string& policy) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<unsigned>(core), &cores);
  ::sched_setaffinity(0, sizeof cores, &cores);
  // Relative, so that the whole bench can run at another level.
  ::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0) + niceness);
  const sched_param none{};
  if (policy == "batch")
    ::sched_setscheduler(0, SCHED_BATCH, &none);
  else if (policy == "idle")
    ::sched_setscheduler(0, SCHED_IDLE, &none);
  print_listening(0);
  volatile uint64_t spun = 0;
  for (;;)
    spun = spun + 1;
}

} // namespace troupe::bench

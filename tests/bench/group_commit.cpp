#include "tests/bench/group_commit.hpp"

namespace troupe::bench {

group_commit::group_commit(const std::string& dir, on_durable report)
  : log_(dir), report_(std::move(report)), thread_([this] { run(); }) {}

group_commit::~group_commit() {
  {
    const std::lock_guard hold{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void group_commit::add(uint64_t ticket, std::string record) {
  bool first = false;
  {
    const std::lock_guard hold{mutex_};
    first = tickets_.empty();
    tickets_.push_back(ticket);
    records_.push_back(std::move(record));
  }
  if (first)
    wake_.notify_one();
}

void group_commit::run() {
  std::vector<std::string> records;
  for (;;) {
    std::vector<uint64_t> tickets;
    records.clear();
    {
      std::unique_lock hold{mutex_};
      wake_.wait(hold, [this] { return stopping_ || !tickets_.empty(); });
      if (tickets_.empty())
        return;
      tickets.swap(tickets_);
      records.swap(records_);
    }
    log_.commit(records);
    report_(std::move(tickets));
  }
}

} // namespace troupe::bench

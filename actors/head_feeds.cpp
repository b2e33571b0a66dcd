#include "actors/head_feeds.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace troupe::actors {

void head_feeds::open(const std::string& model, dispatcher_actor dispatcher) {
  feeds_[model].dispatcher = std::move(dispatcher);
}

bool head_feeds::may_change(const runtime::job_record& record) const {
  auto it = feeds_.find(record.model);
  if (it == feeds_.end())
    return false;
  const auto& announced = it->second.announced;
  return announced.size() < heads_max_
         || record.order_key <= announced.back().key;
}

void head_feeds::announce(const runtime::shard_ledger& ledger,
                          const std::string& model, bool always) {
  publish(ledger, model);
  auto& f = feeds_[model];
  if (!f.dispatcher)
    return;
  auto heads = ledger.heads(model, heads_max_);
  if (!always && heads == f.announced)
    return;
  f.announced = heads;
  caf::anon_send(f.dispatcher, announce_heads{shard_, std::move(heads)});
}

std::vector<runtime::announced_head>
head_feeds::take(const runtime::shard_ledger& ledger,
                 const std::string& model) {
  publish(ledger, model);
  auto& f = feeds_[model];
  f.announced = ledger.heads(model, heads_max_);
  return f.announced;
}

void head_feeds::publish(const runtime::shard_ledger& ledger,
                         const std::string& model) {
  publish(model, feeds_[model], ledger.depths(model));
}

void head_feeds::withdraw() {
  for (auto& [model, f] : feeds_)
    publish(model, f, {});
}

void head_feeds::publish(const std::string& model, feed& f,
                         const runtime::shard_ledger::tier_depths& now) {
  if (now == f.published)
    return;
  auto change = now;
  for (size_t i = 0; i < now.size(); ++i)
    change[i] -= f.published[i];
  f.published = now;
  env_.board.change_depths(model, change);
}

} // namespace troupe::actors

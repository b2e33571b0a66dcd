#include "actors/head_feeds.hpp"

#include <caf/send.hpp>

namespace troupe::actors {

void head_feeds::open(const std::string& model, dispatcher_actor dispatcher) {
  feeds_[model].dispatcher = std::move(dispatcher);
}

bool head_feeds::may_change(const runtime::job_record& record) const {
  auto it = feeds_.find(record.model);
  if (it == feeds_.end())
    return false;
  auto queue = it->second.announced.find(record.tenant);
  return queue == it->second.announced.end()
         || queue->second.size() < heads_max_
         || record.order_key <= queue->second.back().key;
}

void head_feeds::announce_all(const runtime::shard_ledger& ledger,
                              const std::string& model) {
  publish(ledger, model);
  auto& f = feeds_[model];
  if (!f.dispatcher)
    return;
  f.announced.clear();
  announce_heads message{.shard = shard_,
                         .reset = true,
                         .policy = ledger.policy(model),
                         .at = env_.mono()};
  for (const auto& tenant : ledger.tenants(model)) {
    auto queue = look(ledger, {model, tenant});
    if (queue.heads.empty())
      continue;
    note(f, queue);
    message.queues.push_back(std::move(queue));
  }
  caf::anon_send(f.dispatcher, std::move(message));
}

void head_feeds::announce(const runtime::shard_ledger& ledger,
                          const queue_name& name) {
  publish(ledger, name.model);
  auto& f = feeds_[name.model];
  if (!f.dispatcher)
    return;
  auto queue = look(ledger, name);
  auto known = f.announced.find(name.tenant);
  if (known == f.announced.end() ? queue.heads.empty()
                                 : queue.heads == known->second)
    return;
  note(f, queue);
  announce_heads message{.shard = shard_, .at = env_.mono()};
  message.queues.push_back(std::move(queue));
  caf::anon_send(f.dispatcher, std::move(message));
}

runtime::announced_queue head_feeds::take(const runtime::shard_ledger& ledger,
                                          const queue_name& name) {
  publish(ledger, name.model);
  auto queue = look(ledger, name);
  note(feeds_[name.model], queue);
  return queue;
}

runtime::announced_queue head_feeds::look(const runtime::shard_ledger& ledger,
                                          const queue_name& name) const {
  return ledger.heads(name.model, name.tenant, heads_max_, env_.mono(),
                      env_.wall());
}

void head_feeds::note(feed& f, const runtime::announced_queue& queue) {
  if (queue.heads.empty())
    f.announced.erase(queue.tenant);
  else
    f.announced[queue.tenant] = queue.heads;
}

void head_feeds::publish(const runtime::shard_ledger& ledger,
                         const std::string& model) {
  publish(model, feeds_[model], ledger.depths(model),
          ledger.load(model).work_us);
}

void head_feeds::withdraw() {
  for (auto& [model, f] : feeds_)
    publish(model, f, {}, 0);
}

void head_feeds::publish(const std::string& model, feed& f,
                         const runtime::shard_ledger::tier_depths& now,
                         int64_t work_us) {
  if (now == f.published && work_us == f.published_us)
    return;
  auto change = now;
  for (size_t i = 0; i < now.size(); ++i)
    change[i] -= f.published[i];
  env_.board.change_depths(model, change, work_us - f.published_us);
  f.published = now;
  f.published_us = work_us;
}

} // namespace troupe::actors

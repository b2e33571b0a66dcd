// A process that commits jobs until it is killed. Usage:
//
//     troupe-store-writer DIRECTORY SEED
//
// After each commit it prints "<job id> <crc32c of its stored spec>" for every
// job of it: what is printed had been acknowledged.
#include "runtime/job_codec.hpp"
#include "runtime/storage/crc32c.hpp"
#include "runtime/storage/rocksdb_store.hpp"
#include "tests/support/job_samples.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace troupe::runtime;
using troupe::tests::job_samples;

namespace {

constexpr uint16_t shards = 4;

[[noreturn]] void give_up(const failure& why) {
  std::fprintf(stderr, "store-writer: %s\n", why.context.c_str());
  std::exit(1);
}

template <class T>
T need(result<T> x) {
  if (!x)
    give_up(x.error());
  return std::move(*x);
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3)
    return 2;
  rocksdb_config config;
  config.directory = argv[1];
  // Small, so that kills also hit flushes and compactions.
  config.memtables_bytes_max = 4u << 20;
  config.log_bytes_max = 2u << 20;
  const auto store = need(open_rocksdb_store(config));
  std::vector<uint64_t> epochs;
  for (uint16_t i = 0; i < shards; ++i) {
    epochs.push_back(need(store->acquire({i}, "writer")));
    need(store->load({i}, {}));
  }
  job_samples samples{std::strtoull(argv[2], nullptr, 10)};
  for (;;) {
    std::vector<shard_batch> batches;
    std::string acked;
    for (auto n = 1 + samples.below(6); n > 0; --n) {
      const shard_id shard{static_cast<uint16_t>(samples.below(shards))};
      const auto id = samples.id(shard);
      const auto spec = encode(samples.spec(id));
      const auto events = samples.events(0, 3, id);
      batches.push_back(
        {shard,
         epochs[shard.value],
         {put_spec{id, spec}, put_record{id, true, encode(samples.record(id))},
          append_events{id, 0, 3, encode_events(events)}}});
      acked += id.str() + " " + std::to_string(crc32c(spec)) + "\n";
    }
    for (auto& answer : store->commit(batches))
      need(answer);
    // One write: a line is in the pipe whole or not at all.
    if (::write(STDOUT_FILENO, acked.data(), acked.size()) < 0)
      return 1;
  }
}

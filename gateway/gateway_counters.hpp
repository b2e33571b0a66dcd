// What the gateway counts. Written by its I/O threads, read by whoever renders
// metrics; relaxed, because each number stands alone.
#pragma once

#include <atomic>
#include <cstdint>

namespace troupe::gateway {

struct counter {
  std::atomic<uint64_t> value{0};
  void add(uint64_t n = 1) noexcept {
    value.fetch_add(n, std::memory_order_relaxed);
  }
  void sub(uint64_t n = 1) noexcept {
    value.fetch_sub(n, std::memory_order_relaxed);
  }
  uint64_t get() const noexcept {
    return value.load(std::memory_order_relaxed);
  }
};

struct gateway_counters {
  // Now.
  counter connections_open;
  counter streams_open;
  // Ever.
  counter connections_accepted;
  counter connections_refused_ip; ///< Over the cap of one address.
  counter accept_pauses;          ///< No descriptors, or too many connections.
  counter requests;
  counter answers_2xx;
  counter answers_4xx;
  counter answers_5xx;
  counter guard_refusals;
  counter guard_disagreements; ///< Guard and parser differ: must stay 0.
  counter timeouts_header;
  counter timeouts_body;
  counter timeouts_answer; ///< An actor or the store did not answer in time.
  counter streams_opened;
  counter streams_slow; ///< Readers cut off.
  counter streams_refused;
  counter stream_events;    ///< Events written to streams.
  counter stream_rereads;   ///< Pages read again from the store to fill a hole.
  counter sessions_escaped; ///< Exceptions that left a session: a defect.
  counter deliveries;
  counter deliveries_unclaimed; ///< For tickets that nobody holds any more.
};

} // namespace troupe::gateway

// Experiment for docs/adr/0004: does CAF's network layer hold a `link` between
// two nodes under TLS, frozen and slow peers? Messages, options and gauges shared
// by the node process (link_experiment_node.cpp) and the driver that starts,
// freezes and kills such processes (link_experiment.cpp). Not product code.
#pragma once

#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace troupe::bench {

/// Opens a session: what the sender numbers from 1 carries its `session`.
struct link_hello {
  uint64_t session = 0;
  bool reply = false; ///< The receiver answers with its own hello.
};
template <class Inspector>
bool inspect(Inspector& f, link_hello& x) {
  return f.object(x).fields(f.field("session", x.session),
                            f.field("reply", x.reply));
}

/// The shape of the product's envelope; `sequence` is the link's own.
struct envelope {
  std::string name;
  uint64_t generation = 0;
  uint64_t epoch = 0; ///< Session of the sender.
  uint64_t correlation = 0;
  uint64_t sequence = 0;
  bool ack_now = false;
  std::string payload;
};
template <class Inspector>
bool inspect(Inspector& f, envelope& x) {
  return f.object(x).fields(
    f.field("name", x.name), f.field("generation", x.generation),
    f.field("epoch", x.epoch), f.field("correlation", x.correlation),
    f.field("sequence", x.sequence), f.field("ack_now", x.ack_now),
    f.field("payload", x.payload));
}

/// Everything up to `sequence` of the session `epoch` was handled.
struct link_ack {
  uint64_t epoch = 0;
  uint64_t sequence = 0;
};
template <class Inspector>
bool inspect(Inspector& f, link_ack& x) {
  return f.object(x).fields(f.field("epoch", x.epoch),
                            f.field("sequence", x.sequence));
}

struct link_options {
  std::string cert_dir;     ///< Empty: no TLS.
  std::string name;         ///< Certificate name: a or b.
  uint16_t listen_port = 0; ///< Acceptor: 0 = any.
  uint16_t dial_port = 0;   ///< Dialer: the acceptor's port; 0 = acceptor.
  size_t payload_bytes = 512;
  uint32_t rate = 0;        ///< Messages/s offered; 0 = all that fits.
  bool send = true;         ///< Offers messages at all.
  size_t unacked_max = 256; ///< Credits; 0 = none (the contrast).
  size_t unacked_bytes_max = 4u << 20;
  size_t pending_max = 4096; ///< Messages waiting for credits.
  uint32_t handle_rate = 0;  ///< Messages/s handled; 0 = at once.
  uint32_t cut_after_s = 10; ///< Oldest unacked message older: cut.
};

/// Written by the link, read by the node's main thread.
struct link_gauges {
  static constexpr size_t buckets = 5000; ///< Of 20 us.
  std::atomic<uint64_t> up{0};
  std::atomic<uint64_t> acked{0};
  std::atomic<uint64_t> received{0};
  std::atomic<uint64_t> gaps{0}; ///< Lost or repeated within a session.
  std::atomic<uint64_t> unacked_bytes{0};
  std::atomic<uint64_t> pending{0};
  std::atomic<uint64_t> refused{0};
  std::atomic<uint64_t> lost{0}; ///< Unacknowledged when cut.
  std::atomic<uint64_t> sessions{0};
  std::atomic<uint64_t> cuts{0};
  std::array<std::atomic<uint32_t>, buckets> round_trip{};
};

/// Runs a node until its standard input ends; prints one line of gauges each 50
/// ms. Returns the exit status.
int run_link_node(int argc, char** argv);

} // namespace troupe::bench

CAF_BEGIN_TYPE_ID_BLOCK(link_experiment, first_custom_type_id)
CAF_ADD_TYPE_ID(link_experiment, (troupe::bench::link_hello))
CAF_ADD_TYPE_ID(link_experiment, (troupe::bench::envelope))
CAF_ADD_TYPE_ID(link_experiment, (troupe::bench::link_ack))
CAF_END_TYPE_ID_BLOCK(link_experiment)

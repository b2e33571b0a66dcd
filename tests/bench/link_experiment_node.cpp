#include "tests/bench/link_experiment.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/publish.hpp>
#include <caf/openssl/manager.hpp>
#include <caf/openssl/publish.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <fstream>
#include <map>
#include <optional>
#include <set>

namespace troupe::bench {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using steady = std::chrono::steady_clock;

using link_actor = caf::typed_actor<
  // A session begins; answered with a hello of our own if asked.
  caf::result<void>(link_hello), caf::result<void>(envelope),
  caf::result<void>(link_ack),
  // Dialer only: try to reach the acceptor.
  caf::result<void>(caf::connect_atom), caf::result<void>(caf::tick_atom)>;

class link_state {
public:
  static constexpr const char* name = "troupe.link_experiment";

  link_state(link_actor::pointer self, link_options opts, link_gauges* gauges)
    : self_{self}, opts_{std::move(opts)}, gauges_{*gauges} {
    self_->set_error_handler([](caf::scheduled_actor*, caf::error&) {});
    self_->set_down_handler([this](caf::scheduled_actor*, caf::down_msg& x) {
      if (peer_ && x.source == peer_.address())
        on_peer_lost();
    });
  }

  link_actor::behavior_type make_behavior() {
    if (opts_.dial_port != 0)
      self_->send(self_, caf::connect_atom_v);
    self_->send(self_, caf::tick_atom_v);
    return {
      [this](const link_hello& x) { on_hello(x); },
      [this](const envelope& x) { on_envelope(x); },
      [this](link_ack x) { on_ack(x); },
      [this](caf::connect_atom) { dial(); },
      [this](caf::tick_atom) { on_tick(); },
    };
  }

private:
  struct sent {
    uint64_t sequence;
    size_t bytes;
    steady::time_point at;
  };

  // --- sessions ---

  void dial() {
    auto& sys = self_->system();
    auto broker = opts_.cert_dir.empty() ? sys.middleman().actor_handle()
                                         : sys.openssl_manager().actor_handle();
    self_
      ->request(broker, 5s, caf::connect_atom_v, std::string{"127.0.0.1"},
                opts_.dial_port)
      .then(
        [this](caf::node_id&, caf::strong_actor_ptr& x,
               std::set<std::string>&) {
          if (!x) {
            dial_later();
            return;
          }
          open_session(caf::actor_cast<link_actor>(x));
          self_->send(peer_, link_hello{session_, true});
        },
        [this](caf::error&) { dial_later(); });
  }

  void dial_later() {
    // A fixed jitter per process is enough for two nodes.
    self_->delayed_send(self_, 250ms + (::getpid() % 50) * 1ms,
                        caf::connect_atom_v);
  }

  void open_session(link_actor peer) {
    close_session();
    peer_ = std::move(peer);
    self_->monitor(peer_);
    ++session_;
    ++gauges_.sessions;
    gauges_.up = 1;
  }

  void close_session() {
    gauges_.lost += unacked_.size();
    unacked_.clear();
    unacked_bytes_ = 0;
    sequence_ = 0;
    owed_.clear();
    welcome_ = false;
    cut_ = false;
    if (peer_)
      self_->demonitor(peer_.address());
    peer_ = nullptr;
    gauges_.up = 0;
  }

  void on_peer_lost() {
    close_session();
    if (opts_.dial_port != 0)
      dial_later();
  }

  void on_hello(const link_hello& x) {
    auto from = caf::actor_cast<link_actor>(self_->current_sender());
    if (!from)
      return;
    if (opts_.dial_port == 0)
      open_session(from);
    else if (from != peer_)
      return; // An answer from a session that is over.
    peer_session_ = x.session;
    handled_ = 0;
    welcome_ = true;
    if (x.reply)
      self_->send(peer_, link_hello{session_, false});
  }

  // --- receiving ---

  void on_envelope(const envelope& x) {
    if (x.epoch != peer_session_ || !welcome_)
      return;
    if (x.sequence != handled_ + owed_.size() + 1)
      ++gauges_.gaps;
    if (opts_.handle_rate != 0) {
      owed_.push_back(x.sequence); // Bounded by the sender's credits.
      return;
    }
    handle(x.sequence, x.ack_now);
  }

  void handle(uint64_t sequence, bool ack) {
    handled_ = sequence;
    ++gauges_.received;
    if (ack)
      self_->send(peer_, link_ack{peer_session_, handled_});
  }

  // --- sending ---

  void on_ack(link_ack x) {
    if (x.epoch != session_)
      return;
    auto now = steady::now();
    while (!unacked_.empty() && unacked_.front().sequence <= x.sequence) {
      auto us = std::chrono::duration_cast<std::chrono::microseconds>(
                  now - unacked_.front().at)
                  .count();
      auto bucket = std::min<size_t>(static_cast<size_t>(us) / 20,
                                     link_gauges::buckets - 1);
      ++gauges_.round_trip[bucket];
      unacked_bytes_ -= unacked_.front().bytes;
      unacked_.pop_front();
      ++gauges_.acked;
    }
    if (unacked_.empty())
      cut_ = false;
    pump();
  }

  void on_tick() {
    self_->delayed_send(self_, 10ms, caf::tick_atom_v);
    if (opts_.handle_rate != 0 && welcome_) {
      handle_budget_ += opts_.handle_rate / 100.0;
      for (; handle_budget_ >= 1 && !owed_.empty(); handle_budget_ -= 1) {
        auto sequence = owed_.front();
        owed_.pop_front();
        handle(sequence, true);
      }
      handle_budget_ = std::min(handle_budget_, 1.0);
    }
    if (!opts_.send)
      return;
    // CAF can't close a connection from outside of its broker: to cut a slow
    // peer is to stop sending and to drop what waits until it has caught up.
    if (!cut_ && !unacked_.empty() && opts_.unacked_max != 0
        && steady::now() - unacked_.front().at
             > std::chrono::seconds{opts_.cut_after_s}) {
      cut_ = true;
      ++gauges_.cuts;
    }
    offer_budget_ += opts_.rate / 100.0;
    for (; offer_budget_ >= 1; offer_budget_ -= 1) {
      if (cut_ || pending_ >= opts_.pending_max)
        ++gauges_.refused;
      else
        ++pending_;
    }
    if (cut_) {
      gauges_.refused += pending_;
      pending_ = 0;
    }
    pump();
  }

  bool has_credit() const {
    return opts_.unacked_max == 0
           || (unacked_.size() < opts_.unacked_max
               && unacked_bytes_ + opts_.payload_bytes
                    <= opts_.unacked_bytes_max);
  }

  void pump() {
    while (welcome_ && !cut_ && opts_.send && has_credit()
           && (opts_.rate == 0 || pending_ > 0)) {
      if (opts_.rate != 0)
        --pending_;
      envelope x{.name = "queue_shard/17",
                 .generation = 3,
                 .epoch = session_,
                 .correlation = sequence_,
                 .sequence = ++sequence_,
                 .payload = std::string(opts_.payload_bytes, 'x')};
      x.ack_now = opts_.rate != 0 || sequence_ % 16 == 0 || !has_credit();
      unacked_.push_back({sequence_, x.payload.size(), steady::now()});
      unacked_bytes_ += x.payload.size();
      self_->send(peer_, std::move(x));
    }
    gauges_.unacked_bytes = unacked_bytes_;
    gauges_.pending = pending_;
  }

  link_actor::pointer self_;
  link_options opts_;
  link_gauges& gauges_;
  link_actor peer_;
  bool welcome_ = false; ///< Both hellos are through.
  bool cut_ = false;
  uint64_t session_ = 0;
  uint64_t peer_session_ = 0;
  uint64_t sequence_ = 0;
  uint64_t handled_ = 0;
  std::deque<sent> unacked_;
  size_t unacked_bytes_ = 0;
  size_t pending_ = 0;
  std::deque<uint64_t> owed_;
  double offer_budget_ = 0;
  double handle_budget_ = 0;
};

link_options parse(int argc, char** argv) {
  std::map<std::string, std::string> words;
  for (int i = 0; i + 1 < argc; i += 2)
    words[argv[i]] = argv[i + 1];
  auto number = [&words](const char* key, unsigned long fallback) {
    auto it = words.find(key);
    return it == words.end() ? fallback : std::stoul(it->second);
  };
  link_options o;
  o.cert_dir = words["certs"];
  o.name = words["name"];
  o.listen_port = static_cast<uint16_t>(number("listen", 0));
  o.dial_port = static_cast<uint16_t>(number("dial", 0));
  o.payload_bytes = number("payload", o.payload_bytes);
  o.rate = static_cast<uint32_t>(number("rate", 0));
  o.send = number("send", 1) != 0;
  o.unacked_max = number("credits", o.unacked_max);
  o.handle_rate = static_cast<uint32_t>(number("handle_rate", 0));
  return o;
}

uint64_t resident_kib() {
  std::ifstream statm{"/proc/self/statm"};
  uint64_t pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

// The `share` quantile of the round trips so far, in microseconds.
uint64_t round_trip_us(const link_gauges& g, double share) {
  uint64_t all = 0;
  for (const auto& b : g.round_trip)
    all += b.load();
  auto wanted = static_cast<uint64_t>(static_cast<double>(all) * share);
  for (size_t i = 0; i < link_gauges::buckets; ++i) {
    if (wanted < g.round_trip[i])
      return i * 20 + 10;
    wanted -= g.round_trip[i];
  }
  return 0;
}

void print_gauges(const link_gauges& g) {
  auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
               steady::now().time_since_epoch())
               .count();
  std::printf("%ld %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu\n", now,
              resident_kib(), g.up.load(), g.acked.load(), g.received.load(),
              g.gaps.load(), g.unacked_bytes.load(), g.pending.load(),
              g.refused.load(), g.lost.load(), g.sessions.load(), g.cuts.load(),
              round_trip_us(g, 0.5), round_trip_us(g, 0.99));
  std::fflush(stdout);
}

} // namespace

int run_link_node(int argc, char** argv) {
  caf::init_global_meta_objects<caf::id_block::link_experiment>();
  caf::openssl::manager::init_global_meta_objects();
  caf::io::middleman::init_global_meta_objects();
  caf::core::init_global_meta_objects();
  auto opts = parse(argc, argv);
  caf::actor_system_config cfg;
  cfg.load<caf::io::middleman>();
  if (!opts.cert_dir.empty()) {
    cfg.load<caf::openssl::manager>();
    cfg.openssl_certificate = opts.cert_dir + "/" + opts.name + ".crt";
    cfg.openssl_key = opts.cert_dir + "/" + opts.name + ".key";
    cfg.openssl_cafile = opts.cert_dir + "/ca.crt";
  }
  cfg.set("caf.scheduler.max-threads", 2);
  cfg.set("caf.scheduler.max-throughput", 100);
  cfg.set("caf.scheduler.policy", "sharing");
  cfg.set("caf.middleman.heartbeat-interval", caf::timespan{2s});
  cfg.set("caf.middleman.connection-timeout", caf::timespan{8s});
  cfg.set("caf.middleman.app-identifiers",
          std::vector<std::string>{"troupe-link-experiment-1"});
  link_gauges gauges;
  caf::actor_system sys{cfg};
  auto link = sys.spawn<link_actor::stateful_impl<link_state>>(opts, &gauges);
  if (opts.dial_port == 0) {
    auto port =
      opts.cert_dir.empty()
        ? caf::io::publish(link, opts.listen_port, "127.0.0.1", true)
        : caf::openssl::publish(link, opts.listen_port, "127.0.0.1", true);
    if (!port) {
      std::fprintf(stderr, "publish: %s\n", to_string(port.error()).c_str());
      return 1;
    }
    std::printf("listening %u\n", static_cast<unsigned>(*port));
  }
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  while (::poll(&input, 1, 50) == 0)
    print_gauges(gauges);
  caf::anon_send_exit(link, caf::exit_reason::kill);
  return 0;
}

} // namespace troupe::bench

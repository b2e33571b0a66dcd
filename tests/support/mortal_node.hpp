// A real node that tests kill: its own configuration and data directory, and the
// few requests that tell what became of its jobs.
#pragma once

#include "tests/bench/child_process.hpp"
#include "tests/support/temporary_directory.hpp"

#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace troupe::tests {

class mortal_node {
public:
  static constexpr const char* simulated =
    "{ name: sim, backend: simulated, slots: 2 }";

  /// `model`: one line of YAML for `models`.
  explicit mortal_node(const std::string& model = simulated);
  /// On a disk of the test's: `store` is YAML for `store`.
  struct place {
    std::string data_dir;
    std::string store;
    std::string more{}; ///< Further lines of YAML.
    std::string node{}; ///< ", key: value" of `node`.
  };
  explicit mortal_node(const place& where,
                       const std::string& model = simulated);

  void start();
  /// Starts it and waits for its end: for a start that must fail. Its wait
  /// status.
  int start_in_vain();
  void kill() { node_->kill(); }       ///< SIGKILL.
  int stop() { return node_->stop(); } ///< SIGTERM; its wait status.
  /// Waits until it has ended by itself; its wait status.
  int await_exit() { return node_->await_exit(); }
  /// SIGKILL to every engine process of the node; how many there were.
  size_t kill_engines();
  /// Waits until the node says that it is ready; or that it is not.
  void await_ready(bool ready = true);
  uint16_t port() const { return node_->gateway_port(); }
  uint16_t admin_port() const { return node_->admin_port(); }
  std::string log() const; ///< What it wrote to standard error so far.

  /// The id, or nothing when the node did not acknowledge.
  std::string submit(const boost::json::value& body);
  std::string submit(double service_s, int tokens);

  boost::json::value get(const std::string& target);
  /// Waits for the end, version by version.
  boost::json::value await_end(const std::string& id);
  std::vector<std::string> events(const std::string& id);
  /// Until at least `n` events are committed.
  std::vector<std::string> await_events(const std::string& id, size_t n);

private:
  void launch();

  temporary_directory dir_;
  std::string config_ = dir_.str("node.yaml");
  std::string data_dir_;
  std::unique_ptr<bench::child_process> node_;
};

/// Events dense from 0, no reset, one end that has a result (completed or
/// incomplete), deltas that add up to the output.
void check_history(mortal_node& node, const std::string& id);

} // namespace troupe::tests

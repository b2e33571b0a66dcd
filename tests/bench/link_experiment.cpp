// The driver: makes a CA, starts pairs of node processes, freezes, slows and
// kills one of them, and prints what the other one went through.
//
//   troupe-link-experiment [--only NAME] [--rounds 3]
#include "tests/bench/link_experiment.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace troupe::bench {
namespace {

using std::chrono_literals::operator""ms;
using steady = std::chrono::steady_clock;
using words = std::vector<std::string>;

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
           steady::now().time_since_epoch())
    .count();
}

void wait_ms(int64_t ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds{ms});
}

struct sample {
  int64_t at_ms;
  uint64_t rss_kib, up, acked, received, gaps, unacked_bytes, pending, refused,
    lost, sessions, cuts, rtt_p50_us, rtt_p99_us;
};

class node_process {
public:
  node_process(std::string dir, std::string name)
    : log_{dir + "/" + name + ".log"}, dir_{std::move(dir)}, name_{std::move(
                                                               name)} {}
  ~node_process() { kill_now(); }

  void start(words options) {
    std::ofstream{log_, std::ios::app};
    int input[2];
    if (::pipe2(input, O_CLOEXEC) != 0)
      std::abort();
    words args{"troupe-link-experiment", "node", "name", name_};
    args.insert(args.end(), options.begin(), options.end());
    std::vector<char*> argv;
    for (auto& a : args)
      argv.push_back(a.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input[0], 0);
    posix_spawn_file_actions_addopen(&files, 1, log_.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (::posix_spawn(&pid_, "/proc/self/exe", &files, nullptr, argv.data(),
                      environ)
        != 0)
      std::abort();
    posix_spawn_file_actions_destroy(&files);
    ::close(input[0]);
    input_ = input[1];
  }

  void signal(int number) const { ::kill(pid_, number); }

  void kill_now() {
    if (pid_ <= 0)
      return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(input_);
    pid_ = 0;
  }

  std::string wait_for_port() const {
    for (int i = 0; i < 200; ++i, wait_ms(25)) {
      std::ifstream in{log_};
      std::string word, port;
      if (in >> word >> port && word == "listening")
        return port;
    }
    std::fprintf(stderr, "%s does not listen\n", name_.c_str());
    std::exit(1);
  }

  std::vector<sample> samples() const {
    std::vector<sample> all;
    std::ifstream in{log_};
    for (std::string line; std::getline(in, line);) {
      std::istringstream row{line};
      sample s{};
      if (row >> s.at_ms >> s.rss_kib >> s.up >> s.acked >> s.received >> s.gaps
          >> s.unacked_bytes >> s.pending >> s.refused >> s.lost >> s.sessions
          >> s.cuts >> s.rtt_p50_us >> s.rtt_p99_us)
        all.push_back(s);
    }
    return all;
  }

private:
  std::string log_;
  std::string dir_;
  std::string name_;
  pid_t pid_ = 0;
  int input_ = -1;
};

struct pair_of_nodes {
  explicit pair_of_nodes(const std::string& dir, words both, words only_a = {},
                         words only_b = {})
    : a{dir, "a"}, b{dir, "b"}, a_options{both}, b_options{both} {
    std::filesystem::remove(dir + "/a.log");
    std::filesystem::remove(dir + "/b.log");
    a_options.insert(a_options.end(), only_a.begin(), only_a.end());
    b_options.insert(b_options.end(), only_b.begin(), only_b.end());
    b.start(b_options);
    auto port = b.wait_for_port();
    b_options.insert(b_options.end(), {"listen", port});
    a_options.insert(a_options.end(), {"dial", port});
    a.start(a_options);
    for (int i = 0; i < 200; ++i, wait_ms(25))
      if (auto s = a.samples(); !s.empty() && s.back().acked > 0)
        return;
    std::fprintf(stderr, "the nodes do not connect\n");
    std::exit(1);
  }
  node_process a; // Dials.
  node_process b; // Accepts.
  words a_options;
  words b_options;
};

struct outcome {
  uint64_t before_kib = 0, most_kib = 0, after_kib = 0, unacked_bytes = 0,
           pending = 0, refused = 0, gaps = 0, cuts = 0, sessions = 0;
  double down_s = -1;   ///< From the fault until the link was down.
  double rejoin_s = -1; ///< From healing until both directions flowed again.
};

// What the healthy node saw, for a fault in [from, until] ms.
outcome judge(const std::vector<sample>& all, int64_t from, int64_t until) {
  outcome o;
  const sample* base = nullptr;
  for (const auto& s : all) {
    if (s.at_ms < from)
      o.before_kib = std::max(o.before_kib, s.rss_kib);
    o.most_kib = std::max(o.most_kib, s.rss_kib);
    o.unacked_bytes = std::max(o.unacked_bytes, s.unacked_bytes);
    o.pending = std::max(o.pending, s.pending);
    if (s.at_ms >= from && s.up == 0 && o.down_s < 0)
      o.down_s = static_cast<double>(s.at_ms - from) / 1000;
    if (s.at_ms <= until)
      base = &s;
    else if (base && o.rejoin_s < 0 && s.up == 1 && s.acked > base->acked
             && s.received > base->received)
      o.rejoin_s = static_cast<double>(s.at_ms - until) / 1000;
  }
  if (all.empty())
    return o;
  o.after_kib = all.back().rss_kib;
  o.refused = all.back().refused;
  o.gaps = all.back().gaps;
  o.cuts = all.back().cuts;
  o.sessions = all.back().sessions;
  return o;
}

void print(const char* what, const outcome& o) {
  std::printf("%-26s rss MiB %5.1f -> %5.1f -> %5.1f  unacked KiB %5lu  "
              "pending %5lu  refused %7lu  down %5.2f s  rejoin %5.2f s  "
              "sessions %lu  cuts %lu  gaps %lu\n",
              what, static_cast<double>(o.before_kib) / 1024,
              static_cast<double>(o.most_kib) / 1024,
              static_cast<double>(o.after_kib) / 1024, o.unacked_bytes / 1024,
              o.pending, o.refused, o.down_s, o.rejoin_s, o.sessions, o.cuts,
              o.gaps);
  std::fflush(stdout);
}

// A cluster-only CA and one certificate per node, by the openssl command.
bool make_certificates(const std::string& dir) {
  auto script =
    "cd '" + dir
    + "' && exec 2>openssl.log && umask 077 && "
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
      "-days 2 -subj '/CN=troupe test CA' -keyout ca.key -out ca.crt && "
      "for n in a b; do openssl req -newkey ec "
      "-pkeyopt ec_paramgen_curve:P-256 -nodes -subj \"/CN=$n\" "
      "-keyout $n.key -out $n.csr && openssl x509 -req -in $n.csr -CA ca.crt "
      "-CAkey ca.key -CAcreateserial -days 2 -out $n.crt || exit 1; done";
  return std::system(script.c_str()) == 0;
}

class experiment {
public:
  experiment(std::string dir, std::string only, int rounds)
    : dir_{std::move(dir)}, only_{std::move(only)}, rounds_{rounds} {}

  void run() {
    strangers();
    auto certs = words{"certs", dir_};
    for (auto bytes : {"64", "512", "4096", "65536"}) {
      throughput("tls", certs, bytes);
      throughput("tcp", {}, bytes);
    }
    round_trip("tls", certs);
    round_trip("tcp", {});
    // 10 MB/s each way, well above what a frozen peer may hold back.
    auto load = certs;
    load.insert(load.end(), {"rate", "5000", "payload", "2048"});
    for (int i = 0; i < rounds_; ++i) {
      freeze("freeze acceptor 20 s", load, false);
      freeze("freeze dialer 20 s", load, true);
      restart("kill -9 acceptor", load, false);
      restart("kill -9 dialer", load, true);
    }
    starve("acceptor runs 1 % for 30 s", load);
    slow_reader("acceptor handles 1/100", load);
    auto unbounded = load;
    unbounded.insert(unbounded.end(), {"credits", "0"});
    freeze("freeze, no credits", unbounded, false);
  }

private:
  bool skip(const std::string& what) const {
    return !only_.empty() && what.find(only_) == std::string::npos;
  }

  // A node of another CA, and one without TLS, must not get a session.
  void strangers() {
    if (skip("strangers"))
      return;
    auto other = dir_ + "/other";
    std::filesystem::create_directory(other);
    if (!make_certificates(other))
      std::exit(1);
    pair_of_nodes nodes{dir_, {"certs", dir_}};
    const auto& port = nodes.b_options.back();
    node_process wrong_ca{other, "a"};
    node_process plain{dir_, "plain"};
    wrong_ca.start({"certs", other, "dial", port});
    plain.start({"dial", port});
    auto before = nodes.b.samples().back();
    wait_ms(10'000);
    auto after = nodes.b.samples().back();
    std::printf(
      "%-26s other CA: %lu sessions, plain TCP: %lu sessions, "
      "acceptor: %lu new sessions; the good link goes on: %s\n",
      "strangers", wrong_ca.samples().back().sessions,
      plain.samples().back().sessions, after.sessions - before.sessions,
      after.up == 1 && after.received > before.received ? "yes" : "no");
    std::fflush(stdout);
  }

  void throughput(const char* kind, words options, const char* bytes) {
    auto what = std::string{"throughput "} + kind + " " + bytes + " B";
    if (skip(what))
      return;
    options.insert(options.end(), {"payload", bytes});
    pair_of_nodes nodes{dir_, options, {}, {"send", "0"}};
    wait_ms(1000);
    auto first = nodes.a.samples().back();
    wait_ms(5000);
    auto last = nodes.a.samples().back();
    auto seconds = static_cast<double>(last.at_ms - first.at_ms) / 1000;
    auto rate = static_cast<double>(last.acked - first.acked) / seconds;
    std::printf("%-26s %9.0f messages/s  %7.1f MB/s  rss MiB %5.1f  gaps "
                "%lu\n",
                what.c_str(), rate, rate * std::strtod(bytes, nullptr) / 1e6,
                static_cast<double>(last.rss_kib) / 1024, last.gaps);
    std::fflush(stdout);
  }

  void round_trip(const char* kind, words options) {
    auto what = std::string{"round trip "} + kind + " 512 B";
    if (skip(what))
      return;
    options.insert(options.end(), {"rate", "200"});
    pair_of_nodes nodes{dir_, options, {}, {"send", "0"}};
    wait_ms(6000);
    auto last = nodes.a.samples().back();
    std::printf("%-26s p50 %lu us  p99 %lu us\n", what.c_str(), last.rtt_p50_us,
                last.rtt_p99_us);
    std::fflush(stdout);
  }

  void freeze(const char* what, const words& options, bool dialer) {
    if (skip(what))
      return;
    pair_of_nodes nodes{dir_, options};
    auto& victim = dialer ? nodes.a : nodes.b;
    auto& healthy = dialer ? nodes.b : nodes.a;
    wait_ms(3000);
    auto from = now_ms();
    victim.signal(SIGSTOP);
    wait_ms(20'000);
    auto until = now_ms();
    victim.signal(SIGCONT);
    wait_ms(15'000);
    print(what, judge(healthy.samples(), from, until));
  }

  void restart(const char* what, const words& options, bool dialer) {
    if (skip(what))
      return;
    pair_of_nodes nodes{dir_, options};
    auto& victim = dialer ? nodes.a : nodes.b;
    auto& healthy = dialer ? nodes.b : nodes.a;
    wait_ms(3000);
    auto from = now_ms();
    victim.kill_now();
    wait_ms(1000);
    auto until = now_ms();
    victim.start(dialer ? nodes.a_options : nodes.b_options);
    wait_ms(12'000);
    print(what, judge(healthy.samples(), from, until));
  }

  // 10 ms of every second.
  void starve(const char* what, const words& options) {
    if (skip(what))
      return;
    pair_of_nodes nodes{dir_, options};
    wait_ms(3000);
    auto from = now_ms();
    for (int i = 0; i < 30; ++i) {
      nodes.b.signal(SIGSTOP);
      wait_ms(990);
      nodes.b.signal(SIGCONT);
      wait_ms(10);
    }
    auto until = now_ms();
    wait_ms(15'000);
    print(what, judge(nodes.a.samples(), from, until));
  }

  void slow_reader(const char* what, const words& options) {
    if (skip(what))
      return;
    pair_of_nodes nodes{dir_, options, {}, {"handle_rate", "50", "send", "0"}};
    auto from = now_ms();
    wait_ms(30'000);
    auto all = nodes.a.samples();
    auto o = judge(all, from, now_ms());
    print(what, o);
    std::printf("%-26s acknowledged %lu in 30 s, still up: %s\n", "",
                all.back().acked, all.back().up != 0 ? "yes" : "no");
  }

  std::string dir_;
  std::string only_;
  int rounds_;
};

} // namespace
} // namespace troupe::bench

int main(int argc, char** argv) {
  namespace bench = troupe::bench;
  if (argc > 1 && std::strcmp(argv[1], "node") == 0)
    return bench::run_link_node(argc - 2, argv + 2);
  std::string only;
  int rounds = 3;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--only") == 0)
      only = argv[i + 1];
    if (std::strcmp(argv[i], "--rounds") == 0)
      rounds = std::atoi(argv[i + 1]);
  }
  std::string dir = std::filesystem::temp_directory_path() / "linkXXXXXX";
  if (::mkdtemp(dir.data()) == nullptr || !bench::make_certificates(dir)) {
    std::fprintf(stderr, "cannot make certificates in %s\n", dir.c_str());
    return 1;
  }
  bench::experiment{dir, only, rounds}.run();
  std::filesystem::remove_all(dir);
  return 0;
}

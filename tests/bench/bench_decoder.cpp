// `troupe-bench-decoder`: torch_decoder's tokens per second beside a bare
// LibTorch loop of the same model, and the divergence experiment.
#include "models/tokenizer.hpp"
#include "models/torch_decoder.hpp"
#include "models/torch_llama.hpp"
#include "runtime/clock.hpp"
#include "tests/bench/decoder_divergence.hpp"
#include "tests/bench/torch_bare_loop.hpp"

#include <CLI/CLI.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <variant>

namespace troupe::bench {
namespace {

struct speed_plan {
  std::string folder;
  std::string prompt = "Package: libtorch-dev";
  uint32_t tokens = 200; ///< Of each text; texts follow one another.
  uint32_t texts = 10;
  uint32_t repeats = 3;
  std::string json_file;
};

/// Tokens per second, by the clock on the wall and by processor time. On a
/// machine that others use, the latter is the one that can be compared.
struct speed {
  double wall = 0;
  double processor = 0;
};

class stopwatch {
public:
  stopwatch() : wall_(runtime::system_clock().mono()), processor_(spent()) {}
  speed per_second(uint64_t tokens) const {
    auto wall = runtime::system_clock().mono() - wall_;
    auto n = static_cast<double>(tokens);
    return {n / std::chrono::duration<double>(wall).count(),
            n / (spent() - processor_)};
  }

private:
  static double spent() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec)
           + 1e-9 * static_cast<double>(t.tv_nsec);
  }
  runtime::mono_time wall_;
  double processor_;
};

models::attempt_request request(const speed_plan& plan, uint64_t n) {
  models::attempt_request made;
  made.id = {runtime::job_id{2, n}, 1, 1};
  made.text = plan.prompt;
  made.params.temperature = 0;
  made.params.max_output_tokens = plan.tokens;
  return made;
}

/// All slots full; counts what was made.
speed measure_decoder(const speed_plan& plan, models::torch_decoder& decoder,
                      uint32_t slots, uint32_t& length) {
  uint64_t n = 0;
  uint64_t tokens = 0;
  stopwatch watch;
  for (uint32_t i = 0; i < plan.texts; ++i) {
    for (uint32_t s = 0; s < slots; ++s)
      decoder.admit(request(plan, ++n));
    while (decoder.busy())
      for (const auto& event : decoder.step())
        if (const auto* end = std::get_if<models::attempt_finished>(&event)) {
          tokens += end->output_tokens;
          length = end->output_tokens;
        }
  }
  return watch.per_second(tokens);
}

speed measure_bare(const speed_plan& plan, torch_bare_loop& loop,
                   const std::vector<int32_t>& prompt, uint32_t slots,
                   uint32_t length) {
  stopwatch watch;
  for (uint32_t i = 0; i < plan.texts; ++i)
    loop.run(prompt, length);
  return watch.per_second(uint64_t{length} * slots * plan.texts);
}

speed median(std::vector<speed> all) {
  auto middle = [&](auto field) {
    std::sort(all.begin(), all.end(), [&](const speed& a, const speed& b) {
      return a.*field < b.*field;
    });
    return all[all.size() / 2].*field;
  };
  return {middle(&speed::wall), middle(&speed::processor)};
}

struct pair_of_speeds {
  speed decoder;
  speed bare;
  double ratio() const { return decoder.processor / bare.processor; }
};

runtime::result<pair_of_speeds> compare(const speed_plan& plan,
                                        uint32_t slots) {
  models::backend_config config;
  config.kind = "torch_decoder";
  config.path = plan.folder;
  config.slots = slots;
  auto decoder = models::torch_decoder::load(config);
  if (!decoder)
    return decoder.error();
  auto words = models::tokenizer::load(plan.folder + "/tokenizer.json");
  if (!words)
    return words.error();
  auto prompt = words->encode(plan.prompt);
  if (!prompt)
    return prompt.error();
  auto bare = torch_bare_loop::load(plan.folder, slots);
  if (!bare)
    return bare.error();
  std::vector<speed> ours;
  std::vector<speed> theirs;
  uint32_t length = 0;
  // The first round warms caches and is not counted.
  for (uint32_t i = 0; i <= plan.repeats; ++i) {
    auto a = measure_decoder(plan, **decoder, slots, length);
    auto b = measure_bare(plan, *bare, *prompt, slots, length);
    if (i != 0) {
      ours.push_back(a);
      theirs.push_back(b);
    }
  }
  std::printf("%5u slots, texts of %u tokens\n", slots, length);
  return pair_of_speeds{median(ours), median(theirs)};
}

boost::json::object figures_of(const pair_of_speeds& p) {
  return {{"decoder_tokens_per_s", p.decoder.wall},
          {"bare_tokens_per_s", p.bare.wall},
          {"decoder_tokens_per_processor_s", p.decoder.processor},
          {"bare_tokens_per_processor_s", p.bare.processor},
          {"ratio", p.ratio()}};
}

int run_speed(const speed_plan& plan) {
  auto one = compare(plan, 1);
  auto eight = one ? compare(plan, 8) : one;
  if (!eight) {
    std::fprintf(stderr, "%s\n", eight.error().context.c_str());
    return 1;
  }
  std::printf("\n%-8s %16s %16s %16s %16s %8s\n", "slots", "decoder tok/s",
              "bare tok/s", "decoder /cpu-s", "bare /cpu-s", "ratio");
  auto row = [](const char* name, const pair_of_speeds& p) {
    std::printf("%-8s %16.0f %16.0f %16.0f %16.0f %7.0f%%\n", name,
                p.decoder.wall, p.bare.wall, p.decoder.processor,
                p.bare.processor, 100 * p.ratio());
  };
  row("1", *one);
  row("8", *eight);
  double gain = eight->decoder.processor / one->decoder.processor;
  std::printf("\nbatch gain 1 -> 8: %.2f\n", gain);
  bool met = one->ratio() >= 0.9 && eight->ratio() >= 0.9;
  std::printf("aim, at least 90 %% of the bare loop: %s\n",
              met ? "PASS" : "FAIL");
  if (!plan.json_file.empty()) {
    boost::json::object all{{"slots_1", figures_of(*one)},
                            {"slots_8", figures_of(*eight)},
                            {"batch_gain", gain},
                            {"aim_met", met}};
    std::ofstream{plan.json_file} << boost::json::serialize(all) << "\n";
  }
  return 0;
}

} // namespace
} // namespace troupe::bench

int main(int argc, char** argv) {
  CLI::App app{"Measures torch_decoder"};
  app.require_subcommand(0, 1);
  troupe::bench::speed_plan speed;
  troupe::bench::divergence_plan divergence;
  speed.folder = divergence.folder = "models/demo/writer";
  app.add_option("--model", speed.folder, "Model folder")
    ->capture_default_str();
  app.add_option("--tokens", speed.tokens, "Of a text, at most")
    ->capture_default_str();
  app.add_option("--texts", speed.texts, "One after another")
    ->capture_default_str();
  app.add_option("--repeats", speed.repeats, "Medians are shown")
    ->capture_default_str();
  app.add_option("--json", speed.json_file, "Write the figures there");
  auto* drift = app.add_subcommand(
    "divergence", "Greedy texts alone, among neighbours, continued");
  drift->add_option("--model", divergence.folder, "Model folder")
    ->capture_default_str();
  drift->add_option("--tokens", divergence.tokens, "Greedy tokens of each kind")
    ->capture_default_str();
  drift->add_option("--slots", divergence.slots, "Slots")
    ->capture_default_str();
  drift->add_option("--seed", divergence.seed, "Of neighbours and cuts")
    ->capture_default_str();
  drift->add_option("--json", divergence.json_file, "Write the figures there");
  CLI11_PARSE(app, argc, argv);
  if (drift->parsed())
    return troupe::bench::run_divergence(divergence);
  return troupe::bench::run_speed(speed);
}

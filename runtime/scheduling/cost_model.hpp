// What a job of one model will cost, learnt from the jobs before it: a fit of
// seconds over tokens, and histograms of answer lengths per kind of request. A
// value: the model's dispatcher trains one and publishes copies, everybody else
// predicts from the last copy.
//
//   request --label--> histogram of output tokens (shrunk to its parents)
//                               | x tenant factor, capped
//                               v
//   seconds = a + b * input + c * output  -->  mean, p50, p90, ln E[e^(gamma S)]
#pragma once

#include "runtime/job.hpp"
#include "runtime/scheduling/service_fit.hpp"
#include "runtime/scheduling/token_histogram.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::runtime {

/// What is believed before anything was seen.
struct cost_prior {
  service_coefficients service;
  double output_tokens = 128; ///< Median, >= 1.
  friend bool operator==(const cost_prior& a, const cost_prior& b) {
    return a.service.base_s == b.service.base_s
           && a.service.input_token_s == b.service.input_token_s
           && a.service.output_token_s == b.service.output_token_s
           && a.output_tokens == b.output_tokens;
  }
};

/// What a prediction may depend on; known at admission.
struct cost_features {
  std::string_view tenant;
  task_kind task = task_kind::chat;
  double input_bytes = 0;         ///< Of text; >= 0.
  uint32_t max_output_tokens = 0; ///< 0: no limit of the request.
  std::optional<double> given_s;  ///< The caller knows better: all seconds.
};

/// Where a prediction came from.
enum class cost_source : uint8_t { prior = 1, model, task, label, given };
std::string_view to_string(cost_source x) noexcept;

struct cost_prediction {
  double mean_s = 0;
  double p50_s = 0;
  double p90_s = 0; ///< >= p50_s
  double input_tokens = 0;
  double output_tokens_p50 = 0;
  double output_tokens_p90 = 0;
  double log_mgf = 0; ///< ln E[e^(rate * seconds)] at the rate asked for; >= 0.
  cost_source source = cost_source::prior;
  uint32_t version = 0;    ///< Of the cost model.
  uint8_t output_log2 = 0; ///< Of its label: of the limit; 255: none.
  uint8_t input_log2 = 0;  ///< Of its label.
};

/// What an attempt that produced output turned out to be.
struct cost_sample {
  cost_features job;
  double input_tokens = 0;
  double output_tokens = 0;
  double seconds = 0; ///< On a slot of speed 1.
  bool whole = true;  ///< It ended by itself: its length counts, too.
};

class cost_model {
  friend class cost_model_codec;

public:
  explicit cost_model(cost_prior prior = {});

  /// `rate`: gamma / capacity, per second of work; >= 0. Total and finite.
  cost_prediction predict(const cost_features& job, double rate) const;
  /// The same by label although labels are off; for whoever judges them.
  cost_prediction predict_by_label(const cost_features& job) const;
  void learn(const cost_sample& s);
  /// Off: lengths are those of the task. What is learnt stays the same.
  void use_labels(bool on) noexcept;
  bool labels_used() const noexcept { return labels_used_; }
  /// From now on holds to this prior; what was learnt stays.
  void rebase(const cost_prior& prior);

  service_coefficients service() const noexcept {
    return service_.coefficients();
  }
  uint64_t samples() const noexcept { return service_.samples(); }
  /// Tells the copies apart; grows with every sample learnt, and switch.
  uint32_t version() const noexcept { return version_; }
  size_t labels() const noexcept { return labels_.size(); }

  static constexpr size_t labels_max = 256;
  static constexpr size_t tenants_max = 10'000;

private:
  struct label {
    task_kind task;
    uint8_t output_log2; ///< Of max_output_tokens; 255: none.
    uint8_t input_log2;
    friend auto operator<=>(const label&, const label&) = default;
  };
  struct tenant_factor {
    double factor = 1;
    uint32_t samples = 0;
  };
  using tenant_key = std::pair<std::string, task_kind>;
  /// So that a lookup makes no string.
  struct tenant_less {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      std::string_view x{a.first}, y{b.first};
      return x != y ? x < y : a.second < b.second;
    }
  };

  double tokens_of(double input_bytes) const noexcept;
  label label_of(const cost_features& job) const noexcept;
  cost_prediction predict(const cost_features& job, double rate,
                          bool by_label) const;
  token_distribution lengths(const cost_features& job, cost_source& source,
                             bool by_label) const;
  double factor_of(const cost_features& job) const;
  void learn_tenant(const cost_sample& s);

  service_fit service_;
  token_distribution prior_lengths_;
  double tokens_per_byte_ = 0.25; ///< A common rule of thumb for English.
  token_histogram all_;
  std::map<task_kind, token_histogram> tasks_;
  std::map<label, token_histogram> labels_;
  std::map<tenant_key, tenant_factor, tenant_less> tenants_;
  uint32_t version_ = 0;
  bool labels_used_ = true;
};

} // namespace troupe::runtime

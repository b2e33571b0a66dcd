#include "runtime/scheduling/intent_policy.hpp"

#include <algorithm>

namespace troupe::runtime {
namespace {

using models_view = std::span<const alias_model>;

template <class Predicate>
void append(std::vector<size_t>& chosen, models_view models, Predicate wanted) {
  for (size_t i = 0; i < models.size(); ++i)
    if (wanted(models[i]))
      chosen.push_back(i);
}

bool is_fast(const alias_model& x) noexcept {
  return x.kind == model_kind::fast;
}
bool is_calm_accurate(const alias_model& x) noexcept {
  return x.kind == model_kind::accurate && !x.loaded;
}
bool is_loaded_accurate(const alias_model& x) noexcept {
  return x.kind == model_kind::accurate && x.loaded;
}

void append_accurate(std::vector<size_t>& chosen, models_view models) {
  auto before = chosen.size();
  append(chosen, models, is_calm_accurate);
  // The fast ones help out only where no accurate one is calm.
  if (chosen.size() == before)
    append(chosen, models, is_fast);
  append(chosen, models, is_loaded_accurate);
}

} // namespace

bool load_switch::update(mono_time now, double value,
                         duration load_time) noexcept {
  bool against = on_ ? value < limit_ / 2 : value > limit_;
  if (!against) {
    since_.reset();
    return on_;
  }
  if (!since_)
    since_ = now;
  // Longer load times than an hour are measuring errors.
  auto load =
    std::clamp<duration>(load_time, duration::zero(), std::chrono::hours{1});
  auto patience = on_ ? std::max(down_after_min, 2 * load) : up_after;
  if (now - *since_ >= patience) {
    on_ = !on_;
    since_.reset();
  }
  return on_;
}

std::vector<size_t> allowed_models(request_intent intent, models_view models) {
  std::vector<size_t> chosen;
  if (intent == request_intent::explore)
    append(chosen, models, [](const alias_model& x) {
      return x.kind == model_kind::experimental && x.served;
    });
  if (intent == request_intent::fast)
    append(chosen, models, is_fast);
  // Also for an alias that has no fast model.
  if (intent != request_intent::fast || chosen.empty())
    append_accurate(chosen, models);
  if (chosen.empty())
    append(chosen, models, [](const alias_model&) { return true; });
  return chosen;
}

} // namespace troupe::runtime

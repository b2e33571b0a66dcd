// Orders that a dispatcher gave up before their answers came: their time was over,
// or their worker died. The shard may have granted them all the same, and the job
// may even have ended before that is heard.
#pragma once

#include "runtime/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace troupe::runtime {

struct given_up_order {
  uint64_t number = 0;
  attempt_id attempt; ///< That it would grant; its epoch is not known.
  uint32_t tenant = 0;
  double work_s = 0;
  bool ended = false; ///< Its attempt is over already.
};

/// Answers may be lost: of more than `orders_max` the oldest are forgotten. One
/// of those that is granted after all is a slot that its worker refuses once.
class late_answers {
public:
  static constexpr size_t orders_max = 4096;

  void expect(const given_up_order& order) {
    if (orders_.size() == orders_max)
      orders_.erase(orders_.begin());
    orders_.insert_or_assign(order.number, order);
  }

  /// An attempt ended that nobody knew of. Rare, hence the scan.
  void ended(const attempt_id& id) {
    for (auto& [number, order] : orders_)
      if (order.attempt.job == id.job && order.attempt.attempt == id.attempt)
        order.ended = true;
  }

  /// The answer came. Nothing: it came before, or was not waited for.
  std::optional<given_up_order> take(uint64_t number) {
    auto node = orders_.extract(number);
    if (node.empty())
      return std::nullopt;
    return node.mapped();
  }

  size_t size() const noexcept { return orders_.size(); }

private:
  std::map<uint64_t, given_up_order> orders_;
};

} // namespace troupe::runtime

#include "runtime/scheduling/turn_truncation.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace troupe::runtime {
namespace {

bool is_system(const chat_message& m) noexcept {
  return m.role == "system";
}

size_t bytes_of(std::span<const chat_message> messages) noexcept {
  size_t bytes = 0;
  for (const auto& m : messages)
    bytes += m.content.size();
  return bytes;
}

/// Where the last turn begins: the last message of a user, else the last one.
size_t last_turn(std::span<const chat_message> messages) noexcept {
  for (auto i = messages.size(); i-- > 0;)
    if (messages[i].role == "user")
      return i;
  return messages.empty() ? 0 : messages.size() - 1;
}

std::optional<uint32_t> number_of(const std::string& text) noexcept {
  uint32_t n = 0;
  auto [end, error] =
    std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return n;
}

} // namespace

size_t kept_bytes_min(std::span<const chat_message> messages) noexcept {
  auto last = last_turn(messages);
  size_t bytes = 0;
  for (size_t i = 0; i < messages.size(); ++i)
    if (i >= last || is_system(messages[i]))
      bytes += messages[i].content.size();
  return bytes;
}

uint32_t kept_tokens_min(const job_spec& spec, uint32_t input_tokens) noexcept {
  if (!spec.truncation_auto || spec.task != task_kind::chat
      || spec.messages.empty())
    return 0;
  auto all = bytes_of(spec.messages);
  if (all == 0)
    return std::max(1u, input_tokens);
  auto tokens =
    std::ceil(static_cast<double>(kept_bytes_min(spec.messages))
              / static_cast<double>(all) * static_cast<double>(input_tokens));
  return std::max(1u, static_cast<uint32_t>(tokens));
}

double kept_input(const job_record& record) noexcept {
  std::optional<uint32_t> from;
  std::optional<uint32_t> to;
  for (const auto& step : record.degradations)
    if (step.kind == degradation_kind::context) {
      if (!from)
        from = number_of(step.from);
      to = number_of(step.to);
    }
  if (!from || !to || *from == 0)
    return 1;
  return std::min(1.0, static_cast<double>(*to) / static_cast<double>(*from));
}

std::vector<chat_message> drop_oldest_turns(std::vector<chat_message> messages,
                                            double share) {
  auto left = bytes_of(messages);
  if (!(share < 1))
    return messages;
  auto most = std::max(0.0, share) * static_cast<double>(left);
  auto last = last_turn(messages);
  std::vector<bool> dropped(messages.size());
  size_t i = 0;
  while (i<last&& static_cast<double>(left)> most) {
    // One turn: up to the next message of a user.
    do {
      if (!is_system(messages[i])) {
        dropped[i] = true;
        left -= messages[i].content.size();
      }
      ++i;
    } while (i < last && messages[i].role != "user");
  }
  std::vector<chat_message> kept;
  for (size_t k = 0; k < messages.size(); ++k)
    if (!dropped[k])
      kept.push_back(std::move(messages[k]));
  return kept;
}

} // namespace troupe::runtime

#include "models/line_log.hpp"

#include <algorithm>

namespace troupe::models {

void line_log::feed(std::string_view bytes, runtime::mono_time now) {
  while (!bytes.empty()) {
    auto end = std::min(bytes.find('\n'), bytes.size());
    auto room = line_bytes_max - line_.size();
    line_.append(bytes.substr(0, std::min(end, room)));
    if (end == bytes.size())
      return;
    end_line(now);
    bytes.remove_prefix(end + 1);
  }
}

void line_log::finish(runtime::mono_time now) {
  if (!line_.empty())
    end_line(now);
  report_dropped();
}

void line_log::end_line(runtime::mono_time now) {
  // Compared this way round: the first window began before all time.
  if (now - window > window_began_) {
    window_began_ = now;
    lines_ = 0;
    report_dropped();
  }
  if (lines_ < lines_max) {
    ++lines_;
    if (write_)
      write_(line_);
  } else {
    ++dropped_;
  }
  line_.clear();
}

void line_log::report_dropped() {
  if (dropped_ > 0 && write_)
    write_("(" + std::to_string(dropped_) + " more lines)");
  dropped_ = 0;
}

} // namespace troupe::models

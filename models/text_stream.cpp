#include "models/text_stream.hpp"

namespace troupe::models {

text_stream::piece text_stream::push(std::string_view bytes) {
  begins_.push_back(pushed_);
  auto whole = characters_.push(bytes);
  pushed_ += whole.size();
  auto found = stop_.push(whole);
  auto made = release(std::move(found.text), found.stopped);
  made.stopped = found.stopped;
  return made;
}

text_stream::piece text_stream::finish() {
  auto last = stop_.push(characters_.finish());
  auto text = std::move(last.text);
  if (!last.stopped)
    text += stop_.finish();
  return release(std::move(text), true);
}

text_stream::piece text_stream::release(std::string text, bool all) {
  shown_ += text.size();
  // A token counts once its text begins to be shown: what continues the shown
  // text later has to make the rest again.
  bool level = stop_.held_bytes() == 0 && characters_.held_bytes() == 0;
  piece made{std::move(text), 0, false};
  while (!begins_.empty() && (all || level || begins_.front() < shown_)) {
    begins_.pop_front();
    ++made.tokens;
  }
  return made;
}

} // namespace troupe::models

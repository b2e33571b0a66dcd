#include "models/token_splitter.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

namespace troupe::models {

namespace {

struct code_delete {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
};
struct match_data_delete {
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
};
struct match_context_delete {
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
};

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

PCRE2_SPTR units(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

} // namespace

struct token_splitter::impl {
  std::unique_ptr<pcre2_code, code_delete> code;
  std::unique_ptr<pcre2_match_context, match_context_delete> context;
};

token_splitter::token_splitter(std::unique_ptr<impl> compiled)
  : impl_(std::move(compiled)) {}
token_splitter::token_splitter(token_splitter&&) noexcept = default;
token_splitter& token_splitter::operator=(token_splitter&&) noexcept = default;
token_splitter::~token_splitter() = default;

runtime::result<token_splitter>
token_splitter::compile(std::string_view pattern) {
  int code = 0;
  PCRE2_SIZE offset = 0;
  auto compiled = std::make_unique<impl>();
  compiled->code.reset(pcre2_compile(units(pattern), pattern.size(),
                                     PCRE2_UTF | PCRE2_UCP, &code, &offset,
                                     nullptr));
  if (!compiled->code)
    return runtime::fail(runtime::errc::config_invalid,
                         "pattern, offset " + std::to_string(offset) + ": "
                           + message_of(code));
  // Without JIT support the interpreter does the same work, slower.
  pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE);
  compiled->context.reset(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(compiled->context.get(), 10'000'000);
  pcre2_set_heap_limit(compiled->context.get(), 64 * 1024); // KiB
  return token_splitter{std::move(compiled)};
}

runtime::result<void> token_splitter::split(
  std::string_view text,
  const std::function<void(std::string_view)>& piece) const {
  std::unique_ptr<pcre2_match_data, match_data_delete> data{
    pcre2_match_data_create_from_pattern(impl_->code.get(), nullptr)};
  size_t done = 0;
  size_t from = 0;
  while (from < text.size()) {
    int rc = pcre2_match(impl_->code.get(), units(text), text.size(), from,
                         PCRE2_NO_UTF_CHECK, data.get(), impl_->context.get());
    if (rc == PCRE2_ERROR_NOMATCH)
      break;
    if (rc < 0)
      return runtime::fail(runtime::errc::validation_failed,
                           "splitting into tokens at byte "
                             + std::to_string(from) + ": " + message_of(rc));
    auto* bounds = pcre2_get_ovector_pointer(data.get());
    size_t begin = bounds[0];
    size_t end = bounds[1];
    if (end <= begin) {
      // An empty match: step over one character.
      from = end + 1;
      while (from < text.size()
             && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80)
        ++from;
      continue;
    }
    if (begin > done)
      piece(text.substr(done, begin - done));
    piece(text.substr(begin, end - begin));
    done = from = end;
  }
  if (done < text.size())
    piece(text.substr(done));
  return {};
}

} // namespace troupe::models

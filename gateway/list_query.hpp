// What every list of jobs or dead letters has in common: repeated filters, the
// page that is asked for, and the envelope of the answer.
#pragma once

#include "gateway/json_writer.hpp"
#include "gateway/query_reader.hpp"
#include "runtime/storage/store.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::gateway {

/// Repeated parameters of one name, each translated by `parse`.
template <class T, class Parse>
void read_words(query_reader& query, std::string_view name, Parse parse,
                std::vector<T>& into) {
  for (const auto word : query.all(name)) {
    if (auto value = parse(word))
      into.push_back(std::move(*value));
    else
      query.wrong(name, "is not a known value");
  }
}

/// 1 to 128 bytes of anything.
std::optional<std::string> any_name(std::string_view word);

void read_time(query_reader& query, std::string_view name,
               runtime::wall_time& into);

/// `metadata[KEY]=VALUE`: at most 16 keys; repeated values of one key OR,
/// different keys AND.
void read_metadata(query_reader& query, runtime::job_filter& into);

/// `limit`, `order` and `after`; then whatever is wrong with the whole query.
std::optional<problem> read_page_rule(query_reader& query,
                                      runtime::job_query& into);

/// Where the next page goes on; nothing behind the last one.
std::optional<runtime::job_id> next_page(const runtime::job_page& page);

/// {"object": "list", "data": [...], "first_id", "last_id", "has_more"}.
std::string render_page(const runtime::job_page& page,
                        void (*row)(json_writer&, const runtime::job_record&));

} // namespace troupe::gateway

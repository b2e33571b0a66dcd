#include "cluster/cli/job_text.hpp"

#include "cluster/cli/api.hpp"

#include <ostream>

namespace troupe::cluster {
namespace {

namespace json = boost::json;

void flatten(const json::value& value, const std::string& path, table& to) {
  const auto* object = value.if_object();
  if (!object || object->empty()) {
    to.add({path, value.is_string() ? std::string{value.get_string()}
                                    : compact(value)});
    return;
  }
  for (const auto& [key, inner] : *object)
    if (!inner.is_null())
      flatten(inner,
              path.empty() ? std::string{key} : path + "." + std::string{key},
              to);
}

} // namespace

std::string output_text(const json::value& job) {
  std::string text;
  const auto* items = member(job, "output").if_array();
  if (!items)
    return text;
  for (const auto& item : *items) {
    const auto* contents = member(item, "content").if_array();
    if (contents)
      for (const auto& content : *contents)
        text += text_at(content, "text");
    else if (member(item, "text").is_string())
      text += text_at(item, "text");
    else
      text += compact(item) + "\n";
  }
  return text;
}

void print_text(const cli_context& context, const std::string& text) {
  context.out << (context.out_is_terminal ? safe_text(text) : text);
  if (!text.empty() && !text.ends_with('\n'))
    context.out << '\n';
  context.out.flush();
}

std::vector<table::column> job_columns() {
  return {{"ID", 30},      {"STATUS", 11}, {"MODEL", 8},
          {"TIER", 8},     {"ATTEMPT", 7}, {"CREATED", 24},
          {"QUEUE_MS", 8}, {"COMPUTE_MS"}, {"OUTPUT_TOKENS"}};
}

std::vector<std::string> job_cells(const json::value& job) {
  const auto& timing = member(job, "timing");
  return {cell_at(job, "id"),
          cell_at(job, "status"),
          cell_at(job, "model"),
          cell_at(job, "service_tier"),
          cell_at(job, "attempt"),
          cell_at(job, "created_at"),
          cell_at(timing, "queue_ms"),
          cell_at(timing, "compute_ms"),
          cell_at(member(job, "usage"), "output_tokens")};
}

void print_fields(const cli_context& context, const json::value& job) {
  table fields{context, {{"FIELD"}, {"VALUE"}}};
  flatten(job, "", fields);
  fields.flush();
}

std::string ending_text(const json::value& job) {
  auto status = text_at(job, "status");
  std::string why;
  if (status == "incomplete")
    why = text_at(member(job, "incomplete_details"), "reason");
  else if (status == "failed")
    why = text_at(member(job, "error"), "message");
  else if (status != "expired" && status != "cancelled")
    return {};
  return one_line(why.empty() ? status : status + ": " + why);
}

} // namespace troupe::cluster

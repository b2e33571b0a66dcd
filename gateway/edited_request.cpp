#include "gateway/edited_request.hpp"

#include "gateway/job_request.hpp"
#include "gateway/json_reader.hpp"
#include "gateway/merge_patch.hpp"
#include "gateway/request_json.hpp"

#include <boost/json/object.hpp>

#include <utility>

namespace troupe::gateway {

namespace json = boost::json;
using runtime::job_spec;

namespace {

constexpr size_t depth_max = 32; ///< Of texts that were read once already.

} // namespace

std::variant<job_spec, problem>
edited_request(const job_spec& stored, const json::value& edit,
               std::span<const model_info> models,
               std::span<const alias_info> aliases) {
  std::string text;
  json_writer writer{text};
  write_request(writer, stored);
  auto body = read_json(text, depth_max);
  if (!body)
    return to_problem(body.error());
  auto made =
    read_job_request(merge_patch(std::move(*body), edit), models, aliases);
  if (auto* wrong = std::get_if<problem>(&made)) {
    for (auto& x : wrong->errors)
      x.pointer = "/edit" + x.pointer;
    wrong->detail = "the edited request: " + wrong->detail;
    return std::move(*wrong);
  }
  auto& spec = std::get<job_spec>(made);
  spec.tenant = stored.tenant;
  spec.replay_of = stored.id;
  return std::move(spec);
}

runtime::result<job_spec> edited_request(const job_spec& stored,
                                         const std::string& edit,
                                         std::span<const model_info> models,
                                         std::span<const alias_info> aliases) {
  json::value patch = json::object{};
  if (!edit.empty()) {
    auto read = read_json(edit, depth_max);
    if (!read)
      return read.error();
    patch = std::move(*read);
  }
  auto made = edited_request(stored, patch, models, aliases);
  if (auto* wrong = std::get_if<problem>(&made))
    return runtime::fail(runtime::errc::validation_failed, wrong->detail);
  return std::get<job_spec>(std::move(made));
}

} // namespace troupe::gateway

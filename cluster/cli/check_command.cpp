#include "cluster/cli/check_command.hpp"

#include "cluster/engine_beside.hpp"
#include "runtime/config.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <ostream>

namespace troupe::cluster {
namespace {

namespace json = boost::json;

void print_schema(bool as_json, const cli_context& context) {
  for (const auto& key : runtime::config_keys())
    if (as_json)
      context.out << json::serialize(json::object{{"key", key.path},
                                                  {"type", key.type},
                                                  {"default", key.initial},
                                                  {"range", key.range},
                                                  {"about", key.about}})
                  << '\n';
    else
      context.out << "| `" << key.path << "` | " << key.type << " | `"
                  << key.initial << "` | " << key.range << " | " << key.about
                  << " |\n";
}

void print_problems(const runtime::config_problems& problems, bool as_json,
                    const cli_context& context) {
  context.err << problems.str();
  if (!as_json)
    return;
  json::array list;
  for (const auto& x : problems.list)
    list.push_back(json::object{{"line", x.line},
                                {"column", x.column},
                                {"key", x.key},
                                {"reason", x.reason}});
  context.out << json::serialize(
    json::object{{"file", problems.file}, {"problems", std::move(list)}})
              << '\n';
}

} // namespace

exit_code run_check(const check_options& options, const cli_context& context) {
  if (options.schema) {
    print_schema(options.json, context);
    return exit_code::done;
  }
  runtime::config_result read =
    options.file.empty() ? runtime::demo_config(context.executable)
                         : runtime::load_config(options.file, engine_beside());
  if (!read) {
    print_problems(read.error(), options.json, context);
    return exit_code::usage;
  }
  if (options.json)
    context.out << runtime::print_effective_json(*read) << '\n';
  else
    context.out << runtime::print_effective(*read);
  context.out.flush();
  return exit_code::done;
}

} // namespace troupe::cluster

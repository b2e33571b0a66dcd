#include "cluster/cli/api.hpp"

#include "cluster/cli/table.hpp"
#include "runtime/config_values.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <ostream>

namespace troupe::cluster {
namespace {

namespace json = boost::json;
using runtime::http_stage;
using runtime::secret;

cli_failure usage(std::string message) {
  return {exit_code::usage, std::move(message)};
}

cli_result<secret> read_key_file(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  auto status = fs::status(path, error);
  if (error || !fs::is_regular_file(status))
    return usage("the key file '" + path + "' cannot be read");
  auto others = fs::perms::group_all | fs::perms::others_all;
  if ((status.permissions() & others) != fs::perms::none)
    return usage("the key file '" + path + "' is open to others: chmod 600 it");
  std::ifstream in{path}; // tidy: seams: the user's own file
  std::string key;
  if (!std::getline(in, key))
    return usage("the key file '" + path + "' is empty");
  if (key.ends_with('\r'))
    key.pop_back();
  return secret{std::move(key)};
}

cli_result<secret> find_key(const api_options& options,
                            const cli_context& context) {
  auto key = options.key_file.empty() ? cli_result<secret>{secret{
               context.environment("TROUPE_API_KEY").value_or("")}}
                                      : read_key_file(options.key_file);
  if (!key)
    return key;
  for (auto c : key->reveal())
    if (static_cast<unsigned char>(c) <= 0x20
        || static_cast<unsigned char>(c) >= 0x7F)
      return usage("the API key has characters that are not visible ASCII");
  return key;
}

} // namespace

cli_result<api> api::open(const api_options& options,
                          const cli_context& context, listener_kind listener) {
  bool admin = listener == listener_kind::admin;
  auto text = options.url;
  if (text.empty())
    text = context.environment(admin ? "TROUPE_ADMIN_URL" : "TROUPE_URL")
             .value_or("");
  if (text.empty())
    text = admin ? "http://127.0.0.1:8081" : "http://127.0.0.1:8080";
  auto url = runtime::http_url::parse(text);
  if (!url)
    return usage("'" + one_line(text) + "': " + url.error().context);
  auto key = find_key(options, context);
  if (!key)
    return key.error();
  auto stop_fd = context.arm_stop ? context.arm_stop() : -1;
  return api{runtime::http_client{*url, {}, stop_fd}, *key};
}

api::api(runtime::http_client client, secret key)
  : client_{std::move(client)}, key_{std::move(key)} {}

cli_result<api_answer> api::get(const std::string& target,
                                runtime::http_headers headers) const {
  return call({.target = target, .headers = std::move(headers)});
}

cli_result<api_answer> api::post(const std::string& target,
                                 const json::value& body,
                                 runtime::http_headers headers) const {
  headers.emplace_back("Content-Type", "application/json");
  return call({.method = "POST",
               .target = target,
               .headers = std::move(headers),
               .body = json::serialize(body)});
}

cli_result<api_answer> api::put(const std::string& target,
                                const json::value& body) const {
  return call({.method = "PUT",
               .target = target,
               .headers = {{"Content-Type", "application/json"}},
               .body = json::serialize(body)});
}

cli_result<api_answer> api::remove(const std::string& target,
                                   const json::value& body) const {
  return call({.method = "DELETE",
               .target = target,
               .headers = {{"Content-Type", "application/json"}},
               .body = json::serialize(body)});
}

cli_result<api_answer> api::remove(const std::string& target) const {
  return call({.method = "DELETE", .target = target});
}

runtime::http_result api::stream(const std::string& target,
                                 runtime::http_headers headers,
                                 const runtime::http_body_stream& to) const {
  return client_.stream(
    {.target = target, .headers = std::move(headers), .bearer = key_}, to);
}

cli_result<api_answer> api::call(runtime::http_call what) const {
  what.bearer = key_;
  auto answer = client_.send(what);
  if (!answer)
    return describe_break(answer.error(), url_text());
  if (answer->status >= 400)
    return describe_refusal(answer->status, answer->body);
  api_answer out{.status = answer->status, .text = std::move(answer->body)};
  boost::system::error_code error;
  if (!out.text.empty())
    out.body = json::parse(out.text, error);
  if (error)
    return cli_failure{exit_code::unexpected,
                       "the server's answer is no JSON: is " + url_text()
                         + " a Troupe?"};
  return out;
}

std::string api::url_text() const {
  return "http://" + client_.url().authority() + client_.url().prefix;
}

api api::uninterruptible() const {
  return {runtime::http_client{client_.url()}, key_};
}

cli_failure describe_refusal(unsigned status, std::string_view body) {
  boost::system::error_code error;
  auto problem = json::parse(body, error);
  auto detail = error ? std::string{} : text_at(problem, "detail");
  auto type = error ? std::string{} : text_at(problem, "type");
  std::string message =
    detail.empty() ? "the server refused" : one_line(detail);
  message += " (" + std::to_string(status);
  if (auto slash = type.rfind('/'); slash != std::string::npos)
    message += " " + one_line(type.substr(slash + 1));
  message += ")";
  if (const auto* errors = member(problem, "errors").if_array())
    for (const auto& x : *errors)
      message += "\n  " + one_line(text_at(x, "pointer")) + ": "
                 + one_line(text_at(x, "detail"));
  if (auto seconds = cell_at(problem, "retry_after_s"); !seconds.empty())
    message += "\n  try again in " + seconds + " s";
  return {exit_code_of_status(status), std::move(message)};
}

cli_failure describe_break(const runtime::http_failure& failure,
                           const std::string& url) {
  const auto& why = failure.why;
  if (why.code == runtime::errc::cancelled)
    return {exit_code::interrupted, "interrupted"};
  if (why.code == runtime::errc::invalid_argument)
    return usage(why.context);
  if (failure.stage == http_stage::connect)
    return {exit_code::unreachable,
            "cannot reach " + url + ": " + why.context
              + "\n  is a node running there? (troupe serve)"};
  return {exit_code::unreachable,
          "the connection to " + url + " broke: " + why.context};
}

exit_code complain(const cli_failure& failure, const cli_context& context) {
  context.err << "troupe: " << safe_text(failure.message) << '\n' << std::flush;
  return failure.code;
}

const json::value& member(const json::value& object, std::string_view key) {
  static const json::value nothing;
  const auto* map = object.if_object();
  const auto* found = map ? map->if_contains(key) : nullptr;
  return found ? *found : nothing;
}

std::string text_at(const json::value& object, std::string_view key) {
  const auto* text = member(object, key).if_string();
  return text ? std::string{*text} : std::string{};
}

std::string cell_at(const json::value& object, std::string_view key) {
  const auto& value = member(object, key);
  if (value.is_null())
    return {};
  return value.is_string() ? std::string{value.get_string()} : compact(value);
}

bool flag_at(const json::value& object, std::string_view key) {
  const auto* flag = member(object, key).if_bool();
  return flag && *flag;
}

std::string compact(const json::value& value) {
  std::string out;
  if (const auto* object = value.if_object()) {
    for (const auto& [key, inner] : *object)
      out +=
        (out.empty() ? "" : ",") + json::serialize(key) + ":" + compact(inner);
    return "{" + out + "}";
  }
  if (const auto* array = value.if_array()) {
    for (const auto& inner : *array)
      out += (out.empty() ? "" : ",") + compact(inner);
    return "[" + out + "]";
  }
  // Boost writes 1.5 as 1.5E0.
  if (const auto* real = value.if_double();
      real && std::abs(*real) < 1e15 && (std::abs(*real) > 1e-6 || *real == 0))
    return runtime::number_text(*real);
  return json::serialize(value);
}

} // namespace troupe::cluster

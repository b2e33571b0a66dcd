// The HTTP API as the commands see it: JSON in, JSON out, problems as failures
// with an exit code.
#pragma once

#include "cluster/cli/cli_context.hpp"
#include "cluster/cli/exit_code.hpp"
#include "runtime/http_client.hpp"

#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace troupe::cluster {

/// Options that every client command takes.
struct api_options {
  std::string url;      ///< --url, --admin-url
  std::string key_file; ///< --key-file
  bool json = false;    ///< --json
};

/// Which of a node's listeners a command talks to.
enum class listener_kind : uint8_t { gateway, admin };

struct api_answer {
  unsigned status = 0;
  boost::json::value body;
  std::string text; ///< The body as it came.
};

class api {
public:
  /// Takes the URL and key from the options, else from TROUPE_URL and
  /// TROUPE_API_KEY (admin: TROUPE_ADMIN_URL). A key file that others may read
  /// is refused.
  static cli_result<api> open(const api_options& options,
                              const cli_context& context,
                              listener_kind listener = listener_kind::gateway);

  /// A status below 400; anything else is a failure with its message.
  cli_result<api_answer> get(const std::string& target,
                             runtime::http_headers headers = {}) const;
  cli_result<api_answer> post(const std::string& target,
                              const boost::json::value& body,
                              runtime::http_headers headers = {}) const;
  cli_result<api_answer> put(const std::string& target,
                             const boost::json::value& body) const;
  cli_result<api_answer> remove(const std::string& target) const;
  cli_result<api_answer> remove(const std::string& target,
                                const boost::json::value& body) const;
  /// Like `get`, but a broken connection is a failure of the caller's to judge.
  runtime::http_result stream(const std::string& target,
                              runtime::http_headers headers,
                              const runtime::http_body_stream& to) const;

  /// False if the user interrupted.
  bool pause(runtime::duration span) const { return client_.pause(span); }
  std::string url_text() const;
  /// The same server, but calls go on after an interruption.
  api uninterruptible() const;

private:
  api(runtime::http_client client, runtime::secret key);
  cli_result<api_answer> call(runtime::http_call what) const;

  runtime::http_client client_;
  runtime::secret key_;
};

/// What went wrong, from a problem document where the body is one.
cli_failure describe_refusal(unsigned status, std::string_view body);
cli_failure describe_break(const runtime::http_failure& failure,
                           const std::string& url);

/// Prints the message to standard error; returns the code.
exit_code complain(const cli_failure& failure, const cli_context& context);

/// The text at `key` of an object; empty where there is none.
std::string text_at(const boost::json::value& object, std::string_view key);
/// A scalar as text; empty for null and for what is absent.
std::string cell_at(const boost::json::value& object, std::string_view key);
/// JSON on one line; numbers without exponents where they are short.
std::string compact(const boost::json::value& value);
/// Whether `key` of an object is `true`.
bool flag_at(const boost::json::value& object, std::string_view key);
/// Null where `object` is none or has no such key.
const boost::json::value& member(const boost::json::value& object,
                                 std::string_view key);

} // namespace troupe::cluster

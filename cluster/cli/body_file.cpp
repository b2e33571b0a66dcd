#include "cluster/cli/body_file.hpp"

#include <boost/json/parse.hpp>

#include <fstream>
#include <istream>
#include <ostream>
#include <vector>

namespace troupe::cluster {
namespace {

namespace json = boost::json;

constexpr size_t input_bytes_max = 64 * 1024 * 1024;

cli_failure usage(std::string message) {
  return {exit_code::usage, std::move(message)};
}

cli_result<std::string> read_all(std::istream& in, const std::string& name) {
  std::string text;
  std::vector<char> piece(64 * 1024);
  do {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    text.append(piece.data(), static_cast<size_t>(in.gcount()));
    if (text.size() > input_bytes_max)
      return usage(name + " is larger than 64 MiB");
  } while (in);
  if (in.bad())
    return usage(name + " cannot be read");
  return text;
}

} // namespace

cli_result<std::string> read_stdin(const cli_context& context) {
  if (context.in_is_terminal)
    context.err << "troupe: reading the input; end it with Ctrl-D\n"
                << std::flush;
  return read_all(context.in, "standard input");
}

cli_result<json::object> read_body_file(const std::string& path,
                                        const cli_context& context) {
  cli_result<std::string> text = std::string{};
  if (path == "-") {
    text = read_stdin(context);
  } else {
    std::ifstream in{path, std::ios::binary}; // tidy: seams: the user's file
    if (!in)
      return usage("'" + path + "' cannot be read");
    text = read_all(in, "'" + path + "'");
  }
  if (!text)
    return text.error();
  boost::system::error_code error;
  auto body = json::parse(*text, error);
  if (error || !body.is_object())
    return usage("'" + path + "' is not one JSON object"
                 + (error ? ": " + error.message() : ""));
  return std::move(body.get_object());
}

} // namespace troupe::cluster

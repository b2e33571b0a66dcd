// Hostile and plain requests with what must become of them. Used against the
// framing guard, the reader and real sockets. Ideas: RFC 9112, the discrepancies
// listed by narfindustries/http-garden, and Beast's own changelog.
#pragma once

#include "gateway/framing_guard.hpp"

#include <string>
#include <vector>

namespace troupe::testing {

struct framing_case {
  const char* name;
  std::string bytes;
  gateway::framing_error error = gateway::framing_error::none;
  std::string body = {}; ///< Of a good request.
};

/// All under the default limits.
// tidy: length: a table
inline std::vector<framing_case> framing_corpus() {
  using enum gateway::framing_error;
  using std::string;
  const string post = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
                      "Content-Type: application/json\r\n";
  const string get = "GET / HTTP/1.1\r\n";
  const string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  const auto n = [](const char* text, size_t size) {
    return string(text, size);
  };
  return {
    // Good ones.
    {"a plain GET", get + "Host: localhost\r\n\r\n"},
    {"HTTP/1.0 with Host", "GET / HTTP/1.0\r\nHost: x\r\n\r\n"},
    {"a host with port", get + "Host: 127.0.0.1:8080\r\n\r\n"},
    {"an IPv6 host", get + "Host: [::1]:8080\r\n\r\n"},
    {"a body of five", post + "Content-Length: 5\r\n\r\nhello", none, "hello"},
    {"a body of zero", post + "Content-Length: 0\r\n\r\n"},
    {"blanks around a length", post + "Content-Length: \t 5 \t\r\n\r\nhello",
     none, "hello"},
    {"a length without blank", post + "Content-Length:5\r\n\r\nhello", none,
     "hello"},
    {"a length with zeros", post + "Content-Length: 005\r\n\r\nhello", none,
     "hello"},
    {"names in any case",
     "POST / HTTP/1.1\r\nhOsT: x\r\ncONTENT-lENGTH: 2\r\n"
     "\r\nok",
     none, "ok"},
    {"one chunk", chunked + "5\r\nhello\r\n0\r\n\r\n", none, "hello"},
    {"chunks", chunked + "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", none, "hello"},
    {"sizes in hex",
     chunked + "A\r\n0123456789\r\nb\r\n01234567890\r\n0\r\n\r\n", none,
     "012345678901234567890"},
    {"zeros before a size",
     chunked + "0000000000000005\r\nhello\r\n000\r\n\r\n", none, "hello"},
    {"chunked in any case",
     post + "Transfer-Encoding: \tCHUNKED \r\n\r\n1\r\nx\r\n0\r\n\r\n", none,
     "x"},
    {"a chunk that looks like the end", chunked + "5\r\n0\r\n\r\n\r\n0\r\n\r\n",
     none, "0\r\n\r\n"},
    {"an empty value", get + "Host: x\r\nX-Empty:\r\n\r\n"},
    {"bytes above ASCII in a value",
     get + "Host: x\r\nX-Text: \xC3\xA9\r\n\r\n"},
    {"absolute form",
     "GET http://localhost/healthz HTTP/1.1\r\nHost: x\r\n\r\n"},
    {"an unknown method", "BREW / HTTP/1.1\r\nHost: x\r\n\r\n"},

    // Lengths.
    {"TE with CL",
     post
       + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"
         "\r\n0\r\n\r\n",
     bad_framing},
    {"CL after TE",
     post
       + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"
         "\r\n0\r\n\r\n",
     bad_framing},
    {"TE on HTTP/1.0",
     "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: "
     "chunked\r\n\r\n0\r\n\r\n",
     bad_framing},
    {"two equal lengths",
     post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", bad_framing},
    {"two lengths", post + "Content-Length: 5\r\nContent-Length: 0\r\n\r\n",
     bad_framing},
    {"a list of lengths", post + "Content-Length: 5, 5\r\n\r\nhello",
     bad_framing},
    {"a signed length", post + "Content-Length: +5\r\n\r\nhello", bad_framing},
    {"a negative length", post + "Content-Length: -5\r\n\r\nhello",
     bad_framing},
    {"an empty length", post + "Content-Length: \r\n\r\n", bad_framing},
    {"no value for a length", post + "Content-Length:\r\n\r\n", bad_framing},
    {"a hex length", post + "Content-Length: 0x5\r\n\r\nhello", bad_framing},
    {"a length with a unit", post + "Content-Length: 5 bytes\r\n\r\nhello",
     bad_framing},
    {"a length in two words", post + "Content-Length: 1 2\r\n\r\n",
     bad_framing},
    {"a fraction", post + "Content-Length: 5.0\r\n\r\nhello", bad_framing},
    {"a quoted length", post + "Content-Length: \"5\"\r\n\r\nhello",
     bad_framing},
    {"an underscore in a length", post + "Content-Length: 1_0\r\n\r\n",
     bad_framing},
    {"a length beyond 64 bits",
     post + "Content-Length: 18446744073709551621\r\n\r\nhello", bad_framing},
    {"a length of 40 digits",
     post
       + "Content-Length: 0000000000000000000000000000000000000005\r\n\r\n"
         "hello",
     bad_framing},

    // Transfer-Encoding.
    {"TE gzip", post + "Transfer-Encoding: gzip\r\n\r\n", bad_framing},
    {"TE identity", post + "Transfer-Encoding: identity\r\n\r\n", bad_framing},
    {"TE gzip, chunked",
     post
       + "Transfer-Encoding: gzip, chunked\r\n\r\n"
         "0\r\n\r\n",
     bad_framing},
    {"TE chunked, chunked",
     post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
     bad_framing},
    {"TE chunked twice",
     post
       + "Transfer-Encoding: chunked\r\n"
         "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     bad_framing},
    {"TE chunked, gzip", post + "Transfer-Encoding: chunked, gzip\r\n\r\n",
     bad_framing},
    {"TE with a comma", post + "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n",
     bad_framing},
    {"TE with a parameter",
     post + "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", bad_framing},
    {"TE with a vertical tab",
     post
       + "Transfer-Encoding: \x0B"
         "chunked\r\n\r\n0\r\n\r\n",
     bad_framing},
    {"TE empty", post + "Transfer-Encoding:\r\n\r\n", bad_framing},
    {"TE xchunked", post + "Transfer-Encoding: xchunked\r\n\r\n", bad_framing},
    {"TE in quotes", post + "Transfer-Encoding: \"chunked\"\r\n\r\n",
     bad_framing},
    {"TE with blank before the colon",
     post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", bad_framing},
    {"TE very long",
     post + "Transfer-Encoding: chunked" + string(100, 'x') + "\r\n\r\n",
     bad_framing},

    // Chunks.
    {"a chunk extension", chunked + "5;a=b\r\nhello\r\n0\r\n\r\n", bad_framing},
    {"a blank after a size", chunked + "5 \r\nhello\r\n0\r\n\r\n", bad_framing},
    {"a blank before a size", chunked + " 5\r\nhello\r\n0\r\n\r\n",
     bad_framing},
    {"a size with 0x", chunked + "0x5\r\nhello\r\n0\r\n\r\n", bad_framing},
    {"a signed size", chunked + "+5\r\nhello\r\n0\r\n\r\n", bad_framing},
    {"an empty size", chunked + "\r\nhello\r\n0\r\n\r\n", bad_framing},
    {"a size of 17 digits", chunked + "00000000000000005\r\nhello\r\n0\r\n\r\n",
     bad_framing},
    {"a chunk longer than its size", chunked + "3\r\nhello\r\n0\r\n\r\n",
     bad_framing},
    {"a chunk shorter than its size", chunked + "7\r\nhello\r\n0\r\n\r\n",
     bad_framing},
    {"bare LF after a size", chunked + "5\nhello\r\n0\r\n\r\n", bad_framing},
    {"bare LF after a chunk", chunked + "5\r\nhello\n0\r\n\r\n", bad_framing},
    {"bare CR after a size", chunked + "5\rXhello\r\n0\r\n\r\n", bad_framing},
    {"a trailer", chunked + "0\r\nX-Trailer: 1\r\n\r\n", bad_framing},
    {"a forbidden trailer", chunked + "0\r\nContent-Length: 5\r\n\r\n",
     bad_framing},
    {"bare LF at the end", chunked + "0\r\n\n", bad_framing},
    {"bare LF as last line", chunked + "0\n\r\n", bad_framing},
    {"a size near 64 bits", chunked + "FFFFFFFFFFFFFFFF\r\nx", body_too_large},

    // Lines.
    {"bare LF after the request line", "GET / HTTP/1.1\nHost: x\r\n\r\n",
     bad_framing},
    {"bare LF after a field", get + "Host: x\nX: y\r\n\r\n", bad_framing},
    {"bare LF as blank line", get + "Host: x\r\n\n", bad_framing},
    {"bare CR in a value", get + "Host: x\r\nX: a\rb\r\n\r\n", bad_framing},
    {"bare CR as blank line", get + "Host: x\r\n\rX: 1\r\n\r\n", bad_framing},
    {"CR CR LF", get + "Host: x\r\r\n\r\n", bad_framing},
    {"NUL in a value", get + n("Host: x\r\nX: a\0b\r\n\r\n", 20), bad_framing},
    {"NUL in a name", get + n("Host: x\r\nX\0Y: a\r\n\r\n", 20), bad_framing},
    {"NUL in the target", n("GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 29),
     bad_framing},
    {"DEL in a value", get + "Host: x\r\nX: a\x7F\r\n\r\n", bad_framing},
    {"a control character in a value", get + "Host: x\r\nX: a\x01\r\n\r\n",
     bad_framing},
    {"obs-fold", get + "Host: x\r\nX: a\r\n b\r\n\r\n", bad_framing},
    {"obs-fold with a tab", get + "Host: x\r\nX: a\r\n\tb\r\n\r\n",
     bad_framing},
    {"a fold before the first field", get + " Host: x\r\n\r\n", bad_framing},
    {"a folded TE", post + "Transfer-Encoding:\r\n chunked\r\n\r\n",
     bad_framing},
    {"a blank before the colon", get + "Host : x\r\n\r\n", bad_framing},
    {"a tab before the colon", get + "Host\t: x\r\n\r\n", bad_framing},
    {"no name", get + ": x\r\nHost: x\r\n\r\n", bad_framing},
    {"no colon", get + "Host: x\r\nX\r\n\r\n", bad_framing},
    {"a blank in a name", get + "Host: x\r\nX Y: 1\r\n\r\n", bad_framing},
    {"a name in brackets", get + "Host: x\r\n(X): 1\r\n\r\n", bad_framing},
    {"a name above ASCII", get + "Host: x\r\n\xC3\xA9: 1\r\n\r\n", bad_framing},

    // Host.
    {"no Host", get + "X: y\r\n\r\n", bad_framing},
    {"no field at all", get + "\r\n", bad_framing},
    {"no Host on HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", bad_framing},
    {"two Hosts", get + "Host: a\r\nHost: b\r\n\r\n", bad_framing},
    {"two equal Hosts", get + "Host: a\r\nHost: a\r\n\r\n", bad_framing},
    {"an empty Host", get + "Host:\r\n\r\n", bad_framing},
    {"a Host list", get + "Host: a, b\r\n\r\n", bad_framing},
    {"a Host with a path", get + "Host: a/b\r\n\r\n", bad_framing},
    {"a Host with user", get + "Host: u@a\r\n\r\n", bad_framing},
    {"a Host of two words", get + "Host: a b\r\n\r\n", bad_framing},
    {"a Host above ASCII", get + "Host: \xC3\xA9\r\n\r\n", bad_framing},

    // Request lines.
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bad_framing},
    {"a TLS client hello",
     n("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", 11), bad_framing},
    {"HTTP/0.9", "GET /\r\n", bad_framing},
    {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", bad_framing},
    {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", bad_framing},
    {"HTTP/1", "GET / HTTP/1\r\nHost: x\r\n\r\n", bad_framing},
    {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: x\r\n\r\n", bad_framing},
    {"HTTP/01.1", "GET / HTTP/01.1\r\nHost: x\r\n\r\n", bad_framing},
    {"lower-case http", "GET / http/1.1\r\nHost: x\r\n\r\n", bad_framing},
    {"two blanks", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", bad_framing},
    {"two blanks before the version", "GET /  HTTP/1.1\r\nHost: x\r\n\r\n",
     bad_framing},
    {"a blank at the end", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", bad_framing},
    {"a tab as separator", "GET\t/\tHTTP/1.1\r\nHost: x\r\n\r\n", bad_framing},
    {"a blank in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
     bad_framing},
    {"a byte above ASCII in the target",
     "GET /\xC3\xA9 HTTP/1.1\r\nHost: x\r\n\r\n", bad_framing},
    {"no target", "GET HTTP/1.1\r\nHost: x\r\n\r\n", bad_framing},
    {"an empty line first", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
     bad_framing},
    {"a bare LF first", "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", bad_framing},
    {"a blank first", " GET / HTTP/1.1\r\nHost: x\r\n\r\n", bad_framing},
    {"a method with a colon", "G:T / HTTP/1.1\r\nHost: x\r\n\r\n", bad_framing},
    {"a response", "HTTP/1.1 200 OK\r\n\r\n", bad_framing},
    {"a memcached command", "set x 0 900 5\r\nhello\r\n", bad_framing},
    {"an SSH banner", "SSH-2.0-OpenSSH_9.2\r\n", bad_framing},

    // Sizes.
    {"a target of the limit",
     "GET /" + string(4096 - 14, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"},
    {"a target over the limit",
     "GET /" + string(4096 - 13, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n",
     uri_too_long},
    {"an endless target", "GET /" + string(20000, 'a'), uri_too_long},
    {"an endless method", string(5000, 'A'), uri_too_long},
    {"fields of the limit",
     get + "Host: x\r\nX: " + string(8192 - 14, 'a') + "\r\n\r\n"},
    {"fields over the limit",
     get + "Host: x\r\nX: " + string(8192 - 13, 'a') + "\r\n\r\n",
     headers_too_large},
    {"an endless name", get + string(9000, 'a'), headers_too_large},
    {"100 fields",
     [&] {
       auto text = get + "Host: x\r\n";
       for (int i = 0; i < 99; ++i)
         text += "X: y\r\n";
       return text + "\r\n";
     }()},
    {"101 fields",
     [&] {
       auto text = get + "Host: x\r\n";
       for (int i = 0; i < 100; ++i)
         text += "X: y\r\n";
       return text + "\r\n";
     }(),
     headers_too_large},
    {"a body over the limit", post + "Content-Length: 1048577\r\n\r\n",
     body_too_large},
    {"a chunk over the limit", chunked + "100001\r\n", body_too_large},
    {"chunks over the limit",
     chunked + "fffff\r\n" + string(0xFFFFF, 'x') + "\r\n2\r\n",
     body_too_large},
  };
}

} // namespace troupe::testing

#include "tests/bench/http_front.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <cstdio>
#include <map>

namespace troupe::bench {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

class session : public std::enable_shared_from_this<session> {
public:
  session(tcp::socket socket, uint64_t ticket,
          const http_front::on_submit& handler,
          std::map<uint64_t, std::shared_ptr<session>>& all)
    : stream_(std::move(socket)), ticket_(ticket), handler_(handler),
      all_(all) {
    stream_.socket().set_option(tcp::no_delay{true});
  }

  void read() {
    request_ = {};
    http::async_read(stream_, buffer_, request_,
                     [self = shared_from_this()](auto failed, size_t) {
                       if (failed) {
                         self->all_.erase(self->ticket_);
                         return;
                       }
                       self->handler_(self->ticket_,
                                      std::move(self->request_.body()));
                     });
  }

  void answer() {
    response_ = {http::status::accepted, request_.version()};
    response_.set(http::field::content_type, "application/json");
    response_.body() = R"({"id":"job_)" + std::to_string(ticket_)
                       + R"(","object":"job","status":"queued"})";
    response_.keep_alive(request_.keep_alive());
    response_.prepare_payload();
    http::async_write(stream_, response_,
                      [self = shared_from_this()](auto failed, size_t) {
                        if (failed)
                          self->all_.erase(self->ticket_);
                        else
                          self->read();
                      });
  }

private:
  beast::tcp_stream stream_;
  uint64_t ticket_;
  const http_front::on_submit& handler_;
  std::map<uint64_t, std::shared_ptr<session>>& all_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response<http::string_body> response_;
};

} // namespace

struct http_front::impl {
  impl(uint16_t port, on_submit submit)
    : acceptor(io, tcp::endpoint{asio::ip::address_v4::loopback(), port}),
      signals(io, SIGTERM, SIGINT), handler(std::move(submit)) {
    signals.async_wait([this](auto, int) { io.stop(); });
    accept();
  }

  void accept() {
    acceptor.async_accept([this](auto failed, tcp::socket socket) {
      if (failed)
        return;
      const auto ticket = ++last_ticket;
      const auto fresh =
        std::make_shared<session>(std::move(socket), ticket, handler, sessions);
      sessions[ticket] = fresh;
      fresh->read();
      accept();
    });
  }

  void answer_all(const std::vector<uint64_t>& tickets) {
    for (const auto ticket : tickets)
      if (const auto found = sessions.find(ticket); found != sessions.end())
        found->second->answer();
  }

  asio::io_context io{1};
  tcp::acceptor acceptor;
  asio::signal_set signals;
  on_submit handler;
  uint64_t last_ticket = 0;
  // A waiting session must stay alive without a pending operation.
  std::map<uint64_t, std::shared_ptr<session>> sessions;
};

http_front::http_front(uint16_t port, on_submit handler)
  : impl_(std::make_unique<impl>(port, std::move(handler))) {}

http_front::~http_front() = default;

uint16_t http_front::port() const {
  return impl_->acceptor.local_endpoint().port();
}

void http_front::run() {
  impl_->io.run();
}

void http_front::answer(std::vector<uint64_t> tickets) {
  asio::post(impl_->io, [this, tickets = std::move(tickets)] {
    impl_->answer_all(tickets);
  });
}

void print_listening(uint16_t port) {
  std::printf("{\"event\":\"listening\",\"gateway\":\"127.0.0.1:%u\"}\n",
              static_cast<unsigned>(port));
  std::fflush(stdout);
}

} // namespace troupe::bench

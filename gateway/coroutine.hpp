// The gateway's coroutine type and the one way to start a coroutine that nobody
// awaits. Each gateway thread has its own io_context, so the executor is
// concrete: no type erasure, no atomic reference counts.
//
// `co_await` stands alone: as a statement, as the whole initialiser of a variable
// or after co_return. Inside the condition of a `while`, GCC 12 puts the
// condition's temporary in front of the frame's resume pointer, and the frame is
// resumed 8 bytes off; and temporaries of class type inside an awaited expression
// are destroyed twice: make them variables first.
#pragma once

#include "gateway/gateway_counters.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <string_view>

namespace troupe::gateway {

namespace asio = boost::asio;

using io_executor = asio::io_context::executor_type;

template <class T>
using task = asio::awaitable<T, io_executor>;

/// For `co_await`; errors are exceptions.
inline constexpr asio::use_awaitable_t<io_executor> use_task{};
/// For `co_await`; errors are values.
inline constexpr auto use_tuple = asio::as_tuple(use_task);

using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, io_executor>;
using tcp_acceptor = asio::basic_socket_acceptor<asio::ip::tcp, io_executor>;

/// Runs `work` on `executor`. An exception that leaves it is logged with `name`
/// and counted; `counters` outlives the executor.
void spawn_session(io_executor executor, task<void> work,
                   gateway_counters& counters, std::string_view name);

} // namespace troupe::gateway

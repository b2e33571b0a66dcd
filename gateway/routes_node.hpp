// What a node says about itself: health, readiness, models, problem pages, and
// the admin listener's own pages.
#pragma once

#include "gateway/exchange.hpp"

#include <span>

namespace troupe::gateway {

task<http_reply> get_health(exchange& ex);
/// Status only: for the public listener.
task<http_reply> get_ready(exchange& ex);
/// With checks: for the admin listener.
task<http_reply> get_ready_checks(exchange& ex);
task<http_reply> get_models(exchange& ex);
task<http_reply> get_model(exchange& ex);
task<http_reply> get_problem_index(exchange& ex);
task<http_reply> get_problem_page(exchange& ex);
task<http_reply> get_metrics(exchange& ex);
task<http_reply> get_public_index(exchange& ex);
task<http_reply> get_admin_index(exchange& ex);

/// The whole of each listener.
std::span<const route> public_routes() noexcept;
std::span<const route> admin_routes() noexcept;

} // namespace troupe::gateway

// /v1/jobs: create, get, result, cancel, list.
#pragma once

#include "gateway/exchange.hpp"

namespace troupe::gateway {

task<http_reply> create_job(exchange& ex);
task<http_reply> get_job(exchange& ex);
task<http_reply> get_result(exchange& ex);
task<http_reply> cancel_job(exchange& ex);
task<http_reply> list_jobs(exchange& ex);

} // namespace troupe::gateway

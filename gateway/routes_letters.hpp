// /v1/dead-letters: what is dead, why, and what is done about it.
#pragma once

#include "gateway/exchange.hpp"

namespace troupe::gateway {

task<http_reply> list_letters(exchange& ex);
task<http_reply> get_letter(exchange& ex);
task<http_reply> delete_letter(exchange& ex);
task<http_reply> delete_letters(exchange& ex);

} // namespace troupe::gateway

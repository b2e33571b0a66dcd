// What a Job object of the API says to a person: its output as text, its line in
// a list, its table of fields.
#pragma once

#include "cluster/cli/cli_context.hpp"
#include "cluster/cli/table.hpp"

#include <boost/json/value.hpp>

#include <string>
#include <vector>

namespace troupe::cluster {

/// The text of all output items; items without text as JSON, one per line.
std::string output_text(const boost::json::value& job);

/// Prints text to standard output, ends it with a line feed, and keeps control
/// characters off a terminal.
void print_text(const cli_context& context, const std::string& text);

std::vector<table::column> job_columns();
std::vector<std::string> job_cells(const boost::json::value& job);

/// Two columns: each field and its value; nested objects as `a.b`.
void print_fields(const cli_context& context, const boost::json::value& job);

/// Why a job did not complete, in one line; empty if it did or still runs.
std::string ending_text(const boost::json::value& job);

} // namespace troupe::cluster

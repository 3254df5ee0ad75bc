// Comma-separated values, as RFC 4180 has them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pome::cli {

using CsvRow = std::vector<std::string>;

/// Rows of a CSV text; empty lines are passed over. Throws Error{io} with the line for an open
/// quote or a row of another length than the first. `name` is for messages.
std::vector<CsvRow> parse_csv(std::string_view text, std::string_view name);

}  // namespace pome::cli

#include "csv.h"

#include "base/text.h"
#include "pome/error.h"

namespace pome::cli {

using base::cat;

namespace {

// Reads the cell at the start of `text` and takes it off, its comma or line end left.
std::string take_cell(std::string_view& text, std::size_t& line, std::string_view name) {
  std::string out;
  if (!text.starts_with('"')) {
    const std::size_t end = std::min(text.find_first_of(",\r\n"), text.size());
    out = text.substr(0, end);
    text.remove_prefix(end);
    const std::size_t first = out.find_first_not_of(' ');
    if (first == std::string::npos) return {};
    return out.substr(first, out.find_last_not_of(' ') - first + 1);
  }
  const std::size_t start = line;
  text.remove_prefix(1);
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"') {
      if (!text.starts_with('"')) return out;
      text.remove_prefix(1);  // a doubled quote is a quote
    }
    if (c == '\n') ++line;
    out.push_back(c);
  }
  throw Error(ErrorCode::io, cat(base::quoted(name), ", line ", start, ": a quote is not closed"));
}

void take_line_end(std::string_view& text, std::size_t& line) {
  if (text.starts_with('\r')) text.remove_prefix(1);
  if (text.starts_with('\n')) text.remove_prefix(1);
  ++line;
}

}  // namespace

std::vector<CsvRow> parse_csv(std::string_view text, std::string_view name) {
  std::vector<CsvRow> out;
  std::size_t line = 1;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // byte order mark
  while (!text.empty()) {
    const std::size_t start = line;
    CsvRow row{take_cell(text, line, name)};
    while (text.starts_with(',')) {
      text.remove_prefix(1);
      row.push_back(take_cell(text, line, name));
    }
    if (!text.empty() && text.front() != '\r' && text.front() != '\n')
      throw Error(ErrorCode::io,
                  cat(base::quoted(name), ", line ", start, ": text follows a closed quote"));
    take_line_end(text, line);
    if (row.size() == 1 && row.front().empty()) continue;
    if (!out.empty() && row.size() != out.front().size())
      throw Error(ErrorCode::io, cat(base::quoted(name), ", line ", start, ": found ", row.size(),
                                     " cells, expected ", out.front().size()));
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace pome::cli

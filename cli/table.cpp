#include "table.h"

#include <algorithm>

#include "base/text.h"

namespace pome::cli {

namespace {
constexpr std::size_t gap = 2;
constexpr std::size_t narrowest_last = 24;
}  // namespace

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> out(alignment_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size() && i < out.size(); ++i)
      out[i] = std::max(out[i], columns(row[i].text));
  }
  return out;
}

std::string Table::render(const Terminal& terminal, std::size_t indent) const {
  const auto width = widths();
  const std::size_t last = alignment_.size() - 1;
  std::size_t before = indent;
  for (std::size_t i = 0; i < last; ++i) before += width[i] + (width[i] == 0 ? 0 : gap);
  const auto whole = static_cast<std::size_t>(terminal.width());
  const std::size_t room = whole > before + narrowest_last ? whole - before : narrowest_last;
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < row.size() && i <= last; ++i) {
      if (width[i] == 0) continue;
      const Cell& cell = row[i];
      const bool right = alignment_[i] == 'r';
      const std::size_t length = columns(cell.text);
      const std::size_t padding = width[i] - length;
      if (right) line.append(padding, ' ');
      if (i == last && !right && length > room) {
        line.append(terminal.paint(cell.color, wrapped(cell.text, room, before)));
      } else {
        line.append(terminal.paint(cell.color, cell.text));
      }
      if (!right && i < last) line.append(padding, ' ');
      if (i < last) line.append(gap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out.append(line).push_back('\n');
  }
  return out;
}

std::string columns_of_counts(const std::vector<std::pair<std::string, std::size_t>>& counts,
                              const Terminal& terminal, std::size_t indent) {
  std::size_t name_width = 0;
  std::size_t count_width = 0;
  for (const auto& [name, count] : counts) {
    name_width = std::max(name_width, columns(name));
    count_width = std::max(count_width, base::cat(count).size());
  }
  const std::size_t column = name_width + count_width + 1;
  const auto width = static_cast<std::size_t>(terminal.width());
  const std::size_t many = std::max<std::size_t>(1, (width - indent + 3) / (column + 3));
  const std::size_t lines = (counts.size() + many - 1) / many;
  std::string out;
  for (std::size_t line = 0; line < lines; ++line) {
    std::string text(indent, ' ');
    for (std::size_t i = line; i < counts.size(); i += lines) {  // downwards, as ls does
      const auto& [name, count] = counts[i];
      const std::string number = base::cat(count);
      if (i != line) text.append(3, ' ');
      text.append(name).append(column - columns(name) - number.size(), ' ');
      text.append(terminal.paint(Color::cyan, number));
    }
    out.append(text).push_back('\n');
  }
  return out;
}

}  // namespace pome::cli

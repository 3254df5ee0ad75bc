// Rows of cells in columns, for people.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "terminal.h"

namespace pome::cli {

struct Cell {
  std::string text;
  Color color = Color::plain;

  Cell(std::string value, Color paint = Color::plain)  // NOLINT(google-explicit-constructor)
      : text(std::move(value)), color(paint) {}
  Cell(std::string_view value, Color paint = Color::plain)  // NOLINT(google-explicit-constructor)
      : text(value), color(paint) {}
  Cell(const char* value, Color paint = Color::plain)  // NOLINT(google-explicit-constructor)
      : text(value), color(paint) {}
};

/// Columns as wide as their widest cell, two spaces apart. The last column is wrapped at the
/// terminal's width, with its further lines beneath its first one.
class Table {
 public:
  /// One letter a column: 'l' left, 'r' right.
  explicit Table(std::string_view alignment) : alignment_(alignment) {}

  /// Missing cells are empty.
  void add(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const noexcept { return rows_.empty(); }
  /// Every row as one or more lines, each with `indent` spaces before it.
  std::string render(const Terminal& terminal, std::size_t indent = 2) const;

 private:
  std::vector<std::size_t> widths() const;

  std::string alignment_;
  std::vector<std::vector<Cell>> rows_;
};

/// "  name count   name count ..." in as many equal columns as fit: for counts of operations.
std::string columns_of_counts(const std::vector<std::pair<std::string, std::size_t>>& counts,
                              const Terminal& terminal, std::size_t indent = 2);

}  // namespace pome::cli

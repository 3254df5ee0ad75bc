// Tensors as [outer][length][inner]: what reductions and normalizations along neighbouring
// dimensions see, and how it is cut into tasks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "devices/cpu/families/site.h"

namespace pome::devices::cpu {

struct Rows {
  std::int64_t outer = 1, length = 1, inner = 1;
};

/// Dimensions [first, last).
struct AxisSpan {
  std::size_t first = 0, last = 0;
};

/// The dimensions that `axes` names (negative ones count from the end), when they are neighbours.
/// Dimensions of one element between or beside them do not matter. Nothing when there are others
/// between them. No axes: an empty span behind the last dimension.
std::optional<AxisSpan> axis_span(std::span<const std::int64_t> dims,
                                  std::span<const std::int64_t> axes);

/// All of `rank` dimensions.
Dims all_axes(std::size_t rank);

inline Rows rows_of(std::span<const std::int64_t> dims, AxisSpan span) {
  return {product(dims, 0, span.first), product(dims, span.first, span.last),
          product(dims, span.last, dims.size())};
}

/// Elements of a task.
inline constexpr std::int64_t row_grain = 16384;
/// Columns of a task come in multiples of this, so that vectors are whole.
inline constexpr std::int64_t column_grain = 64;

/// A part of Rows: all of `length` for [outer, outer + outers) and columns [column, column +
/// columns).
struct RowsPart {
  std::int64_t outer, outers, column, columns;
};

/// Calls `body(part, worker)` for parts that cover the rows, cut by their shape alone.
template <typename Body>
Status run_rows(TaskContext& task, const Rows& r, Body&& body) noexcept {
  const std::int64_t block = std::max<std::int64_t>(1, r.length * r.inner);
  if (r.inner <= column_grain || block <= 2 * row_grain) {
    const std::int64_t group = std::max<std::int64_t>(1, row_grain / block);
    return run_tasks(task, r.inner == 0 ? 0 : ceil_div(r.outer, group),
                     [&](std::int64_t i, int worker) {
                       const std::int64_t first = i * group;
                       body(RowsPart{first, std::min(group, r.outer - first), 0, r.inner}, worker);
                     });
  }
  const std::int64_t columns = round_up(
      std::max<std::int64_t>(1, row_grain / std::max<std::int64_t>(1, r.length)), column_grain);
  const std::int64_t across = ceil_div(r.inner, columns);
  return run_tasks(task, r.outer * across, [&](std::int64_t i, int worker) {
    const std::int64_t first = i % across * columns;
    body(RowsPart{i / across, 1, first, std::min(columns, r.inner - first)}, worker);
  });
}

}  // namespace pome::devices::cpu

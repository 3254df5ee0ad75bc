#include "devices/cpu/families/rows.h"

namespace pome::devices::cpu {

std::optional<AxisSpan> axis_span(std::span<const std::int64_t> dims,
                                  std::span<const std::int64_t> axes) {
  const std::size_t rank = dims.size();
  base::InlineVector<bool, 8> named(rank, false);
  std::size_t first = rank;
  std::size_t last = 0;
  for (const auto axis : axes) {
    const auto at =
        static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis);
    if (at >= rank) return std::nullopt;
    named[at] = true;
    first = std::min(first, at);
    last = std::max(last, at + 1);
  }
  if (last == 0) return AxisSpan{rank, rank};
  // Named dimensions of one element at the ends would only make a span longer than it needs to be.
  while (first < last && (dims[first] == 1 || !named[first])) ++first;
  while (last > first && (dims[last - 1] == 1 || !named[last - 1])) --last;
  for (std::size_t i = first; i < last; ++i) {
    if (!named[i] && dims[i] != 1) return std::nullopt;
  }
  return AxisSpan{first, last};
}

Dims all_axes(std::size_t rank) {
  Dims axes;
  for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
  return axes;
}

}  // namespace pome::devices::cpu

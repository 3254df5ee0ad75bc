// Where resized and resampled images read: grids of points, and the taps around a point.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ops/call.h"

namespace pome::ops::definitions {

/// How the points of an output axis lie on the input axis; names as in MIL, in this order.
enum class GridMode : std::uint8_t {
  normal,        ///< DEFAULT: i * in / out
  strict_align,  ///< STRICT_ALIGN_CORNERS: first and last points meet; one point: the first
  align,         ///< ALIGN_CORNERS: the same; one point: the middle
  offset,        ///< OFFSET_CORNERS: centres of `out` parts of [0, in - 1]
  unalign,       ///< UNALIGN_CORNERS: centres of `out` parts of [-0.5, in - 0.5]
};

/// The mode of this name.
std::optional<GridMode> grid_mode(std::string_view name) noexcept;

/// Reads a sampling mode, "DEFAULT" when absent.
GridMode read_grid_mode(const Call& call, int param);

/// Position of output element `i` of `out` on an axis of `in` elements, within [0, in - 1].
double grid_point(GridMode mode, std::int64_t i, std::int64_t in, std::int64_t out) noexcept;

/// The element nearest to a grid point. DEFAULT takes the centre of the output element, as
/// TensorFlow's half pixel centres do; ties go up.
std::int64_t nearest_point(GridMode mode, std::int64_t i, std::int64_t in,
                           std::int64_t out) noexcept;

/// The two elements around a point of an axis and the weight of the second.
struct Taps {
  std::int64_t low = 0, high = 0;
  double weight = 0;
};
/// `at` must lie within [0, size - 1].
Taps taps(double at, std::int64_t size) noexcept;

/// Bilinear value of the plane of `height` x `width` elements that begins at `first`. Elements of
/// weight 0 are not read, so that an infinity beside the point does not matter.
double bilinear(const TensorView& image, std::int64_t first, std::int64_t width, const Taps& y,
                const Taps& x) noexcept;

}  // namespace pome::ops::definitions

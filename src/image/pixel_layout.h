// Where the channels of a pixel lie, so that pictures can be read as tensors without a copy.
#pragma once

#include <array>
#include <cstdint>

#include "pome/pixel_buffer.h"

namespace pome::image {

constexpr bool is_gray(PixelFormat format) noexcept {
  return format == PixelFormat::gray8 || format == PixelFormat::gray16f;
}

/// Bytes from the start of a colour pixel to its red channel, and from red to green (and green to
/// blue): {2, -1} for bgra8.
struct ColorLayout {
  std::int64_t red = 0;
  std::int64_t step = 1;
};

/// Only for colour formats.
constexpr ColorLayout color_layout(PixelFormat format) noexcept {
  return format == PixelFormat::bgra8 ? ColorLayout{2, -1} : ColorLayout{0, 1};
}

}  // namespace pome::image

// Pictures as tensors and back: NCHW, numbers 0..255, as ML Programs take and give them.
#pragma once

#include <span>

#include "base/inline_vector.h"
#include "pome/data_type.h"
#include "pome/description.h"
#include "pome/pixel_buffer.h"

namespace pome::image {

/// A picture read as a tensor [1, channels, height, width] without a copy: strides (in elements)
/// walk over the pixels, and may be negative (channel order) or 0 (grey as colour).
struct PictureTensor {
  const void* data = nullptr;
  DataType dtype = DataType::invalid;  ///< uint8, or fp16 for gray16f
  base::Dims dims;
  base::Dims strides;
};

/// Channels of a colour space: 1 or 3.
constexpr std::int64_t channels(ColorSpace space) noexcept {
  return space == ColorSpace::rgb || space == ColorSpace::bgr ? 3 : 1;
}

/// The format in which pictures of a colour space are given: gray8, gray16f, rgba8 for RGB and
/// bgra8 for BGR.
PixelFormat pixel_format(ColorSpace space) noexcept;

/// True when `view` can read the picture in this colour space: anything but colour as grey, which
/// has to be converted first.
bool can_view(const PixelBuffer& picture, ColorSpace space) noexcept;

/// Only where can_view. The picture has to outlive the result.
PictureTensor view(const PixelBuffer& picture, ColorSpace space) noexcept;

/// A picture from planes of floats (channels x height x width, dense): rounded to nearest (ties to
/// even) and clamped to 0..255, NaN as 0; grayscale_float16 keeps the numbers as fp16.
/// `planes` must have channels(space) * height * width elements.
PixelBuffer from_planes(std::span<const float> planes, ColorSpace space, std::int64_t width,
                        std::int64_t height);

}  // namespace pome::image

#include "image/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "image/pixel_layout.h"

namespace pome::image {

PixelFormat pixel_format(ColorSpace space) noexcept {
  switch (space) {
    case ColorSpace::bgr: return PixelFormat::bgra8;
    case ColorSpace::grayscale: return PixelFormat::gray8;
    case ColorSpace::grayscale_float16: return PixelFormat::gray16f;
    default: return PixelFormat::rgba8;
  }
}

bool can_view(const PixelBuffer& picture, ColorSpace space) noexcept {
  return channels(space) == 3 || is_gray(picture.format());
}

PictureTensor view(const PixelBuffer& picture, ColorSpace space) noexcept {
  PictureTensor out;
  const PixelFormat format = picture.format();
  const std::int64_t unit = format == PixelFormat::gray16f ? 2 : 1;
  out.dtype = unit == 2 ? DataType::fp16 : DataType::uint8;
  out.dims = {1, channels(space), picture.height(), picture.width()};
  const std::int64_t row = picture.row_bytes() / unit;
  const std::int64_t pixel = bytes_per_pixel(format) / unit;
  out.strides = {row * picture.height(), 0, row, pixel};
  const std::byte* first = picture.data();
  if (channels(space) == 3 && !is_gray(format)) {
    const ColorLayout layout = color_layout(format);
    const bool red_first = space == ColorSpace::rgb;
    first += red_first ? layout.red : layout.red + 2 * layout.step;
    out.strides[1] = red_first ? layout.step : -layout.step;
  }
  out.data = first;
  return out;
}

namespace {

std::byte to_byte(float value) noexcept {
  if (!(value > 0)) return std::byte{0};  // NaN too
  return static_cast<std::byte>(std::lrint(std::min(value, 255.0F)));
}

}  // namespace

PixelBuffer from_planes(std::span<const float> planes, ColorSpace space, std::int64_t width,
                        std::int64_t height) {
  PixelBuffer out(pixel_format(space), width, height);
  const auto plane = static_cast<std::size_t>(width * height);
  for (std::int64_t y = 0; y < height; ++y) {
    std::byte* pixel = out.mutable_row(y);
    const float* row = planes.data() + y * width;
    for (std::int64_t x = 0; x < width; ++x) {
      if (space == ColorSpace::grayscale_float16) {
        const std::uint16_t half = base::f16_from_f32(row[x]);
        std::memcpy(pixel + 2 * x, &half, sizeof half);
      } else if (channels(space) == 1) {
        pixel[x] = to_byte(row[x]);
      } else {
        // Planes and bytes have the same order: red first for rgba8, blue first for bgra8.
        for (std::size_t c = 0; c < 3; ++c)
          pixel[4 * x + static_cast<std::int64_t>(c)] = to_byte(row[x + c * plane]);
        pixel[4 * x + 3] = std::byte{255};
      }
    }
  }
  return out;
}

}  // namespace pome::image

// PixelBuffer: the picture of an image feature, Core Video's CVPixelBuffer in small.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pome/export.h"

namespace pome {

/// How the pixels of a PixelBuffer lie in memory.
enum class PixelFormat : std::uint8_t {
  gray8,    ///< one byte a pixel (Core Video's OneComponent8)
  gray16f,  ///< one fp16 number a pixel, same scale as the model declares (OneComponent16Half)
  bgra8,    ///< four bytes: blue, green, red, alpha (32BGRA)
  rgba8,    ///< four bytes: red, green, blue, alpha (32RGBA)
  rgb8,     ///< three bytes: red, green, blue (24RGB)
};

/// "gray8", "gray16f", "bgra8", "rgba8" or "rgb8".
POME_API std::string_view name(PixelFormat format) noexcept;

/// Bytes that a pixel takes: 1, 2, 3 or 4.
POME_API int bytes_per_pixel(PixelFormat format) noexcept;

/// How a picture is brought to the size that a model wants. The names are Vision's
/// (VNImageCropAndScaleOption).
enum class CropAndScale : std::uint8_t {
  scale_fill,   ///< stretched to the size; the aspect ratio changes
  scale_fit,    ///< scaled to fit inside, centred, the rest black
  center_crop,  ///< the middle of the size's aspect ratio is cut out and scaled
};

/// "scaleFill", "scaleFit" or "centerCrop".
POME_API std::string_view name(CropAndScale mode) noexcept;

/// A rectangle of pixels, top row first, rows `row_bytes` apart.
///
/// A handle: copying it shares the pixels, `clone()` copies them. Reading from several threads at
/// once is safe; writing while another thread reads or writes is not. Alpha is ignored wherever a
/// model reads a picture, and is 255 in pictures that a model gives.
class POME_API PixelBuffer {
 public:
  /// No picture: width and height 0.
  PixelBuffer() noexcept;
  /// Zero-filled, rows without gaps. Throws Error{parameters} for a size that is not positive or
  /// above 2^30 pixels.
  PixelBuffer(PixelFormat format, std::int64_t width, std::int64_t height);

  /// The caller's pixels without a copy. `row_bytes` is the distance between rows (0: rows without
  /// gaps); `owner` is kept as long as any handle lives, and may be null when the caller keeps the
  /// memory. Throws Error{parameters}: null data, sizes, rows shorter than the width takes,
  /// gray16f at an odd address.
  static PixelBuffer wrap(void* data, PixelFormat format, std::int64_t width, std::int64_t height,
                          std::int64_t row_bytes = 0, std::shared_ptr<const void> owner = nullptr);
  /// The same for memory that must not be written.
  static PixelBuffer wrap_const(const void* data, PixelFormat format, std::int64_t width,
                                std::int64_t height, std::int64_t row_bytes = 0,
                                std::shared_ptr<const void> owner = nullptr);

  PixelFormat format() const noexcept;
  std::int64_t width() const noexcept;
  std::int64_t height() const noexcept;
  std::int64_t row_bytes() const noexcept;
  bool is_read_only() const noexcept;
  explicit operator bool() const noexcept { return width() > 0; }

  /// First byte of the top row, or of row `y` (0 <= y < height, not checked).
  const std::byte* data() const noexcept { return row(0); }
  const std::byte* row(std::int64_t y) const noexcept;
  /// Throws Error{parameters} for read-only memory.
  std::byte* mutable_row(std::int64_t y);

  /// A copy of its own, rows without gaps.
  PixelBuffer clone() const;
  /// A copy in another format. Colour becomes grey by ITU-R BT.601 luma (0.299 R + 0.587 G +
  /// 0.114 B, rounded for 8 bits); grey becomes colour by repetition; new alpha is 255; gray16f to
  /// 8 bits is rounded and clamped to 0..255, 8 bits to gray16f keeps the number.
  PixelBuffer converted_to(PixelFormat format) const;

  /// A picture of this size in the same format, alpha 255. Resampled by the Catmull-Rom cubic,
  /// which is widened when it shrinks so that nothing aliases: each number is the exact one of that
  /// definition (docs/images.md) or, where it lies near the middle of two, its neighbour. Throws
  /// Error{parameters} for a size that is not positive or above 2^30 pixels, or an empty picture.
  PixelBuffer resized(std::int64_t width, std::int64_t height, CropAndScale mode) const;
  /// A stored picture turned upright by the number of its EXIF orientation, 1 to 8 (as in
  /// CGImagePropertyOrientation); 1 leaves it as it is. Throws Error{parameters} for others.
  PixelBuffer upright(int exif_orientation) const;

  /// "image (rgba8, 640 x 480)", width first, for messages and logs.
  std::string text() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace pome

// Pictures from files: decoded, turned upright, resized, as the pixels that a model wants.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "pome/pixel_buffer.h"

namespace pome::image {

struct LoadOptions {
  std::int64_t width = 0;  ///< of the result; 0 together with height: the picture's own size
  std::int64_t height = 0;
  CropAndScale mode = CropAndScale::center_crop;
  PixelFormat format = PixelFormat::rgba8;  ///< of the result; gray16f holds 0..255
  bool apply_orientation = true;            ///< turn the picture upright as its EXIF data says
  std::int64_t pixel_limit = std::int64_t{1} << 28;  ///< larger pictures are refused unread
};

/// Decodes a picture file: JPEG, PNG, WebP, TIFF, GIF, HEIF and AVIF, as libvips has them.
/// Colours are converted to sRGB with the file's own colour profile where it has one; transparent
/// pixels are laid over white. Resizing is PixelBuffer::resized; the first page of a file of
/// several is read. Thread-safe. Throws Error: io (missing, not a picture, damaged), parameters
/// (options), unsupported (this installation has no image module).
PixelBuffer load_image(const std::filesystem::path& path, const LoadOptions& options = {});

/// The same from the bytes of such a file; `name` stands for it in messages.
PixelBuffer load_image(std::span<const std::byte> bytes, std::string_view name,
                       const LoadOptions& options = {});

/// True when the image module can be loaded.
bool can_load_images() noexcept;

}  // namespace pome::image

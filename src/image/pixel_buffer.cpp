#include "pome/pixel_buffer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "base/half.h"
#include "base/text.h"
#include "image/pixel_layout.h"
#include "pome/error.h"

namespace pome {

using base::cat;

struct PixelBuffer::Impl {
  std::shared_ptr<const void> owner;
  const std::byte* data = nullptr;
  PixelFormat format = PixelFormat::gray8;
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t row_bytes = 0;
  bool read_only = false;
};

namespace {

constexpr std::int64_t pixel_limit = std::int64_t{1} << 30;

[[noreturn]] void fail(std::string_view message) {
  throw Error(ErrorCode::parameters, cat("PixelBuffer: ", message));
}

void check_size(std::int64_t width, std::int64_t height) {
  if (width <= 0 || height <= 0 || width > pixel_limit || height > pixel_limit / width)
    fail(cat("a size of ", width, " x ", height, ", expected 1 to 2^30 pixels"));
}

// One pixel on its way from one format to another.
struct Pixel {
  float red = 0;
  float green = 0;
  float blue = 0;
};

std::uint8_t to_byte(float value) noexcept {
  if (!(value > 0)) return 0;  // NaN too
  return static_cast<std::uint8_t>(std::lrint(std::min(value, 255.0F)));
}

float byte_at(const std::byte* p, int i) noexcept {
  return static_cast<float>(p[i]);
}

Pixel load(const std::byte* p, PixelFormat format) noexcept {
  switch (format) {
    case PixelFormat::gray8: return {byte_at(p, 0), byte_at(p, 0), byte_at(p, 0)};
    case PixelFormat::gray16f: {
      std::uint16_t half = 0;
      std::memcpy(&half, p, sizeof half);
      const float value = base::f32_from_f16(half);
      return {value, value, value};
    }
    case PixelFormat::bgra8: return {byte_at(p, 2), byte_at(p, 1), byte_at(p, 0)};
    case PixelFormat::rgba8:
    case PixelFormat::rgb8: return {byte_at(p, 0), byte_at(p, 1), byte_at(p, 2)};
  }
  return {};
}

float luma(const Pixel& pixel, bool is_gray) noexcept {
  if (is_gray) return pixel.red;
  return 0.299F * pixel.red + 0.587F * pixel.green + 0.114F * pixel.blue;
}

void store(std::byte* p, PixelFormat format, const Pixel& pixel, bool from_gray) noexcept {
  const auto put = [&](int i, float value) { p[i] = static_cast<std::byte>(to_byte(value)); };
  switch (format) {
    case PixelFormat::gray8: put(0, luma(pixel, from_gray)); return;
    case PixelFormat::gray16f: {
      const std::uint16_t half = base::f16_from_f32(luma(pixel, from_gray));
      std::memcpy(p, &half, sizeof half);
      return;
    }
    case PixelFormat::bgra8:
      put(0, pixel.blue), put(1, pixel.green), put(2, pixel.red), put(3, 255);
      return;
    case PixelFormat::rgba8: put(3, 255); [[fallthrough]];
    case PixelFormat::rgb8: put(0, pixel.red), put(1, pixel.green), put(2, pixel.blue); return;
  }
}

}  // namespace

std::string_view name(PixelFormat format) noexcept {
  switch (format) {
    case PixelFormat::gray8: return "gray8";
    case PixelFormat::gray16f: return "gray16f";
    case PixelFormat::bgra8: return "bgra8";
    case PixelFormat::rgba8: return "rgba8";
    case PixelFormat::rgb8: return "rgb8";
  }
  return "unknown";
}

int bytes_per_pixel(PixelFormat format) noexcept {
  switch (format) {
    case PixelFormat::gray8: return 1;
    case PixelFormat::gray16f: return 2;
    case PixelFormat::rgb8: return 3;
    case PixelFormat::bgra8:
    case PixelFormat::rgba8: return 4;
  }
  return 1;
}

PixelBuffer::PixelBuffer() noexcept = default;

PixelBuffer::PixelBuffer(PixelFormat format, std::int64_t width, std::int64_t height) {
  check_size(width, height);
  const std::int64_t row_bytes = width * bytes_per_pixel(format);
  std::shared_ptr<std::vector<std::byte>> bytes;
  try {
    bytes = std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(row_bytes * height));
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::out_of_memory,
                cat("PixelBuffer: no memory for ", width, " x ", height, " pixels"));
  }
  auto impl = std::make_shared<Impl>();
  impl->data = bytes->data();
  impl->owner = std::move(bytes);
  impl->format = format;
  impl->width = width;
  impl->height = height;
  impl->row_bytes = row_bytes;
  impl_ = std::move(impl);
}

PixelBuffer PixelBuffer::wrap_const(const void* data, PixelFormat format, std::int64_t width,
                                    std::int64_t height, std::int64_t row_bytes,
                                    std::shared_ptr<const void> owner) {
  check_size(width, height);
  if (data == nullptr) fail("no data to wrap");
  const std::int64_t least = width * bytes_per_pixel(format);
  if (row_bytes == 0) row_bytes = least;
  if (row_bytes < least || row_bytes > (std::int64_t{1} << 40))
    fail(cat("rows of ", row_bytes, " bytes, ", width, " pixels of ", name(format), " take ",
             least));
  const bool odd = row_bytes % 2 != 0 || reinterpret_cast<std::uintptr_t>(data) % 2 != 0;
  if (format == PixelFormat::gray16f && odd) fail("gray16f pixels at an odd address");
  auto impl = std::make_shared<Impl>();
  impl->owner = std::move(owner);
  impl->data = static_cast<const std::byte*>(data);
  impl->format = format;
  impl->width = width;
  impl->height = height;
  impl->row_bytes = row_bytes;
  impl->read_only = true;
  PixelBuffer out;
  out.impl_ = std::move(impl);
  return out;
}

PixelBuffer PixelBuffer::wrap(void* data, PixelFormat format, std::int64_t width,
                              std::int64_t height, std::int64_t row_bytes,
                              std::shared_ptr<const void> owner) {
  const PixelBuffer constant = wrap_const(data, format, width, height, row_bytes, std::move(owner));
  auto impl = std::make_shared<Impl>(*constant.impl_);
  impl->read_only = false;
  PixelBuffer out;
  out.impl_ = std::move(impl);
  return out;
}

PixelFormat PixelBuffer::format() const noexcept {
  return impl_ ? impl_->format : PixelFormat::gray8;
}
std::int64_t PixelBuffer::width() const noexcept {
  return impl_ ? impl_->width : 0;
}
std::int64_t PixelBuffer::height() const noexcept {
  return impl_ ? impl_->height : 0;
}
std::int64_t PixelBuffer::row_bytes() const noexcept {
  return impl_ ? impl_->row_bytes : 0;
}
bool PixelBuffer::is_read_only() const noexcept {
  return impl_ && impl_->read_only;
}

const std::byte* PixelBuffer::row(std::int64_t y) const noexcept {
  return impl_ ? impl_->data + y * impl_->row_bytes : nullptr;
}

std::byte* PixelBuffer::mutable_row(std::int64_t y) {
  if (is_read_only()) fail("the memory was wrapped for reading only");
  return const_cast<std::byte*>(row(y));  // NOLINT: it came in writable or was allocated here
}

PixelBuffer PixelBuffer::clone() const {
  return impl_ ? converted_to(format()) : PixelBuffer();
}

PixelBuffer PixelBuffer::converted_to(PixelFormat format) const {
  if (!impl_) fail("the picture is empty");
  const PixelFormat own = impl_->format;
  PixelBuffer out(format, width(), height());
  const int step = bytes_per_pixel(own);
  const int out_step = bytes_per_pixel(format);
  const bool from_gray = image::is_gray(own);
  for (std::int64_t y = 0; y < height(); ++y) {
    const std::byte* from = row(y);
    std::byte* to = out.mutable_row(y);
    if (format == own) {
      std::memcpy(to, from, static_cast<std::size_t>(width() * step));
      continue;
    }
    for (std::int64_t x = 0; x < width(); ++x, from += step, to += out_step)
      store(to, format, load(from, own), from_gray);
  }
  return out;
}

std::string PixelBuffer::text() const {
  if (!impl_) return "image (empty)";
  return cat("image (", name(format()), ", ", width(), " x ", height(), ")");
}

}  // namespace pome

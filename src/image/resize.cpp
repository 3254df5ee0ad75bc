// Bringing pictures to a size, as documented in docs/images.md.
//
// One output row is a sum of input rows, then one output pixel a sum of its columns, in that order:
// the inner loop of the first sum runs over neighbouring numbers. Sums are float32 over weights
// computed in double, rounded once at the end.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/half.h"
#include "base/text.h"
#include "image/pixel_layout.h"
#include "pome/error.h"
#include "pome/pixel_buffer.h"

namespace pome {

using base::cat;

namespace {

// Catmull-Rom: the cubic of Keys with a = -0.5; reaches 2 to both sides.
constexpr double reach = 2;

double catmull_rom(double x) noexcept {
  x = std::abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

// Where an output pixel comes from: `weights` of the input pixels from `first` on.
struct Taps {
  std::int64_t first = 0;
  std::vector<float> weights;
};

// `count` output pixels over the input pixels `from` to `to` (which may lie between pixels) of
// `size`. Pixels are points in the middle of unit squares; what lies outside of the picture does
// not count.
std::vector<Taps> make_taps(std::int64_t count, double from, double to, std::int64_t size) {
  const double step = (to - from) / static_cast<double>(count);
  const double widening = std::max(step, 1.0);
  std::vector<Taps> out(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const double middle = from + (static_cast<double>(i) + 0.5) * step;
    const double begin = std::floor(middle - reach * widening);
    const double end = std::ceil(middle + reach * widening);
    const auto first = std::clamp(static_cast<std::int64_t>(begin), std::int64_t{0}, size - 1);
    const auto last = std::clamp(static_cast<std::int64_t>(end), first + 1, size);
    std::vector<double> weights;
    double sum = 0;
    for (std::int64_t k = first; k < last; ++k) {
      weights.push_back(catmull_rom((static_cast<double>(k) + 0.5 - middle) / widening));
      sum += weights.back();
    }
    Taps& taps = out[static_cast<std::size_t>(i)];
    taps.first = first;
    for (const double weight : weights) taps.weights.push_back(static_cast<float>(weight / sum));
  }
  return out;
}

void add_bytes(float* out, const std::byte* row, std::int64_t count, float weight) noexcept {
  for (std::int64_t i = 0; i < count; ++i)
    out[i] += weight * static_cast<float>(std::to_integer<std::uint8_t>(row[i]));
}

void add_halves(float* out, const std::byte* row, std::int64_t count, float weight) noexcept {
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, row + 2 * i, sizeof half);
    out[i] += weight * base::f32_from_f16(half);
  }
}

void put(std::byte* out, std::int64_t i, float value, bool is_half) noexcept {
  if (is_half) {
    const std::uint16_t half = base::f16_from_f32(value);
    std::memcpy(out + 2 * i, &half, sizeof half);
  } else {
    const float bounded = value > 0 ? std::min(value, 255.0F) : 0;
    out[i] = static_cast<std::byte>(std::lrint(bounded));
  }
}

// A part of a picture, in pixels; edges may lie between pixels.
struct Box {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;
};

// Fills the rectangle of `out` at (x, y) of this size with the part `box` of `in`.
void resample(const PixelBuffer& in, const Box& box, PixelBuffer& out, std::int64_t x,
              std::int64_t y, std::int64_t width, std::int64_t height) {
  const bool is_half = in.format() == PixelFormat::gray16f;
  const std::int64_t channels = is_half ? 1 : bytes_per_pixel(in.format());
  const std::vector<Taps> across = make_taps(width, box.left, box.right, in.width());
  const std::vector<Taps> down = make_taps(height, box.top, box.bottom, in.height());
  std::vector<float> sums(static_cast<std::size_t>(in.width() * channels));
  for (std::int64_t row = 0; row < height; ++row) {
    const Taps& rows = down[static_cast<std::size_t>(row)];
    std::fill(sums.begin(), sums.end(), 0.0F);
    for (std::size_t k = 0; k < rows.weights.size(); ++k) {
      const std::byte* from = in.row(rows.first + static_cast<std::int64_t>(k));
      (is_half ? add_halves : add_bytes)(sums.data(), from, in.width() * channels, rows.weights[k]);
    }
    std::byte* to = out.mutable_row(y + row);
    for (std::int64_t column = 0; column < width; ++column) {
      const Taps& columns = across[static_cast<std::size_t>(column)];
      for (std::int64_t c = 0; c < channels; ++c) {
        float sum = 0;
        const float* at = sums.data() + columns.first * channels + c;
        for (const float weight : columns.weights) {
          sum += weight * *at;
          at += channels;
        }
        put(to, (x + column) * channels + c, sum, is_half);
      }
    }
  }
}

// The middle of the picture that has the aspect ratio of the result.
Box middle(const PixelBuffer& in, std::int64_t width, std::int64_t height) noexcept {
  const auto across = static_cast<double>(in.width());
  const auto down = static_cast<double>(in.height());
  const double factor =
      std::min(across / static_cast<double>(width), down / static_cast<double>(height));
  const double half_width = factor * static_cast<double>(width) / 2;
  const double half_height = factor * static_cast<double>(height) / 2;
  return {across / 2 - half_width, down / 2 - half_height, across / 2 + half_width,
          down / 2 + half_height};
}

void make_opaque(PixelBuffer& picture) {
  if (bytes_per_pixel(picture.format()) != 4) return;
  for (std::int64_t y = 0; y < picture.height(); ++y) {
    std::byte* row = picture.mutable_row(y);
    for (std::int64_t x = 0; x < picture.width(); ++x) row[4 * x + 3] = std::byte{255};
  }
}

// How a stored picture lies, by EXIF's number less one: rows and columns changed for each other,
// then mirrored left to right, then top to bottom.
struct Turn {
  bool transposed;
  bool mirrored;
  bool upside_down;
};

constexpr std::array<Turn, 8> turns{{{false, false, false},
                                     {false, true, false},
                                     {false, true, true},
                                     {false, false, true},
                                     {true, false, false},
                                     {true, true, false},
                                     {true, true, true},
                                     {true, false, true}}};

}  // namespace

std::string_view name(CropAndScale mode) noexcept {
  switch (mode) {
    case CropAndScale::scale_fill: return "scaleFill";
    case CropAndScale::scale_fit: return "scaleFit";
    case CropAndScale::center_crop: return "centerCrop";
  }
  return "scaleFill";
}

PixelBuffer PixelBuffer::resized(std::int64_t width, std::int64_t height, CropAndScale mode) const {
  PixelBuffer out(format(), width, height);
  if (!*this) throw Error(ErrorCode::parameters, "PixelBuffer: the picture is empty");
  Box box{0, 0, static_cast<double>(this->width()), static_cast<double>(this->height())};
  std::int64_t x = 0;
  std::int64_t y = 0;
  std::int64_t across = width;
  std::int64_t down = height;
  if (mode == CropAndScale::center_crop) box = middle(*this, width, height);
  if (mode == CropAndScale::scale_fit) {
    const double factor =
        std::min(static_cast<double>(width) / box.right, static_cast<double>(height) / box.bottom);
    across = std::clamp<std::int64_t>(std::llrint(box.right * factor), 1, width);
    down = std::clamp<std::int64_t>(std::llrint(box.bottom * factor), 1, height);
    x = (width - across) / 2;
    y = (height - down) / 2;
  }
  resample(*this, box, out, x, y, across, down);
  make_opaque(out);
  return out;
}

PixelBuffer PixelBuffer::upright(int exif_orientation) const {
  if (exif_orientation < 1 || exif_orientation > 8)
    throw Error(ErrorCode::parameters, cat("PixelBuffer: there is no orientation ",
                                           exif_orientation, ", expected EXIF's numbers 1 to 8"));
  if (!*this) throw Error(ErrorCode::parameters, "PixelBuffer: the picture is empty");
  const Turn turn = turns.at(static_cast<std::size_t>(exif_orientation - 1));
  const std::int64_t across = turn.transposed ? height() : width();
  const std::int64_t down = turn.transposed ? width() : height();
  const auto size = static_cast<std::size_t>(bytes_per_pixel(format()));
  PixelBuffer out(format(), across, down);
  for (std::int64_t y = 0; y < down; ++y) {
    std::byte* to = out.mutable_row(y);
    for (std::int64_t x = 0; x < across; ++x) {
      const std::int64_t u = turn.mirrored ? across - 1 - x : x;
      const std::int64_t v = turn.upside_down ? down - 1 - y : y;
      const std::int64_t column = turn.transposed ? v : u;
      const std::int64_t line = turn.transposed ? u : v;
      std::memcpy(to + static_cast<std::size_t>(x) * size,
                  row(line) + static_cast<std::size_t>(column) * size, size);
    }
  }
  return out;
}

}  // namespace pome

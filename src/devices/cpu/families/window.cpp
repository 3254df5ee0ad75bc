#include "devices/cpu/families/window.h"

#include <algorithm>

namespace pome::devices::cpu {

WindowSpec::WindowSpec(const Site& site, Dims kernel) : kernel_(std::move(kernel)) {
  const auto n = kernel_.size();
  strides_ = site.ints("strides", Dims(n, 1));
  dilations_ = site.ints("dilations", Dims(n, 1));
  pad_ = site.ints("pad", Dims(2 * n, 0));
  const auto type = site.text("pad_type", "valid");
  pad_type_ = type == "same"         ? Pad::same
              : type == "custom"     ? Pad::custom
              : type == "same_lower" ? Pad::same_lower
                                     : Pad::valid;
}

bool WindowSpec::is_plain() const noexcept {
  const auto is_one = [](std::int64_t n) { return n == 1; };
  return std::ranges::all_of(strides_, is_one) && std::ranges::all_of(dilations_, is_one);
}

void WindowSpec::geometry(const ir::Type& in, const ir::Type& out, WindowDim& rows,
                          WindowDim& cols) const {
  const auto n = kernel_.size();
  rows = {};
  for (std::size_t i = 0; i < n; ++i) {
    WindowDim& d = i + 1 == n ? cols : rows;
    d = {in.dims[2 + i], out.dims[2 + i], kernel_[i], strides_[i], dilations_[i], 0};
    const auto extent = (d.kernel - 1) * d.dilation + 1;
    const auto whole =
        std::max<std::int64_t>(0, (ceil_div(d.in, d.stride) - 1) * d.stride + extent - d.in);
    switch (pad_type_) {
      case Pad::valid: break;
      case Pad::custom: d.before = pad_[2 * i]; break;
      case Pad::same: d.before = whole / 2; break;
      case Pad::same_lower: d.before = whole - whole / 2; break;
    }
  }
}

WindowBands window_bands(const WindowDim& rows, const WindowDim& cols,
                         std::int64_t lanes) noexcept {
  WindowBands b{};
  b.phase_cols = round_up(cols.out, lanes) + (cols.kernel - 1) * cols.dilation / cols.stride;
  // About 128 KiB a band: half of a small second-level cache.
  const std::int64_t row = cols.stride * b.phase_cols;
  b.rows =
      std::clamp<std::int64_t>(32768 / (row * rows.stride), 4, std::max<std::int64_t>(rows.out, 4));
  b.rows = std::min(b.rows, std::max<std::int64_t>(rows.out, 1));
  b.count = ceil_div(rows.out, b.rows);
  b.in_rows = (b.rows - 1) * rows.stride + (rows.kernel - 1) * rows.dilation + 1;
  return b;
}

std::size_t band_scratch(const WindowBands& b, const WindowDim& rows,
                         const WindowDim& cols) noexcept {
  const auto elements = round_up(b.in_rows * cols.stride * b.phase_cols, 16);
  return static_cast<std::size_t>(4 * elements + (8 + 4) * (rows.kernel * cols.kernel + 16));
}

Band make_band(const Kernels& k, const WindowBands& b, const WindowDim& rows, const WindowDim& cols,
               const float* plane, std::int64_t index, float fill, std::byte* scratch) noexcept {
  Band band{};
  band.first_row = index * b.rows;
  band.rows = std::min(b.rows, rows.out - band.first_row);
  band.in = reinterpret_cast<float*>(scratch);
  const std::int64_t row = cols.stride * b.phase_cols;
  scratch += 4 * round_up(b.in_rows * row, 16);
  band.taps = reinterpret_cast<std::int64_t*>(scratch);
  band.weights = reinterpret_cast<float*>(scratch + 8 * (rows.kernel * cols.kernel));
  std::int64_t t = 0;
  for (std::int64_t r = 0; r < rows.kernel; ++r) {
    for (std::int64_t c = 0; c < cols.kernel; ++c, ++t) {
      const std::int64_t at = c * cols.dilation;
      band.taps[t] = r * rows.dilation * row + at % cols.stride * b.phase_cols + at / cols.stride;
    }
  }
  k.window_split({plane, rows.in, cols.in, rows.before - band.first_row * rows.stride, cols.before,
                  b.in_rows, b.phase_cols, cols.stride, fill, band.in});
  return band;
}

WindowPlane band_plane(const Band& band, const WindowBands& b, const WindowDim& rows,
                       const WindowDim& cols, float* out_plane) noexcept {
  WindowPlane w{};
  w.in = band.in;
  w.taps = band.taps;
  w.weights = band.weights;
  w.tap_count = rows.kernel * cols.kernel;
  w.row_step = rows.stride * cols.stride * b.phase_cols;
  w.out = out_plane + band.first_row * cols.out;
  w.out_rows = band.rows;
  w.out_cols = cols.out;
  return w;
}

}  // namespace pome::devices::cpu

// Sliding windows: direct sums and maxima over taps of dense planes.
#include "devices/cpu/kernels/internal.h"
#include "devices/cpu/kernels/isa.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

HWY_API void copy(const float* from, float* to, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::LoadU(f32, from + i), f32, to + i);
  if (i == n) return;
  const auto mask = hn::FirstN(f32, static_cast<std::size_t>(n - i));
  hn::BlendedStore(hn::MaskedLoad(mask, f32, from + i), mask, f32, to + i);
}

HWY_API void fill(float value, float* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = value;
}

/// a / b rounded up, for any a and positive b.
HWY_API std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return a > 0 ? (a + b - 1) / b : -(-a / b);
}

struct Sum {
  const WindowPlane& w;
  HWY_INLINE Float first() const { return hn::Set(f32, w.bias); }
  HWY_INLINE Float tap(std::int64_t t, Float value, Float so_far) const {
    return hn::MulAdd(hn::Set(f32, w.weights[t]), value, so_far);
  }
};

struct Maximum {
  const WindowPlane& w;
  HWY_INLINE Float first() const { return hn::Set(f32, w.bias); }
  HWY_INLINE Float tap(std::int64_t, Float value, Float so_far) const {
    return max_or_nan(so_far, value);
  }
};

/// `Rows` rows of one vector of outputs. The input rows are padded, so whole vectors may be read.
template <int Rows, typename Op>
HWY_API void window_tile(const WindowPlane& w, const Op& op, std::int64_t row, std::int64_t col) {
  const float* in = w.in + row * w.row_step + col;
  Float value[Rows];
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) value[r] = op.first();
  for (std::int64_t t = 0; t < w.tap_count; ++t) {
    const float* at = in + w.taps[t];
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      value[r] = op.tap(t, hn::LoadU(f32, at + r * w.row_step), value[r]);
    }
  }
  float* out = w.out + row * w.out_cols + col;
  const std::int64_t n = w.out_cols - col;
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
    if (n >= lanes) {
      hn::StoreU(value[r], f32, out + r * w.out_cols);
    } else {
      hn::BlendedStore(value[r], hn::FirstN(f32, static_cast<std::size_t>(n)), f32,
                       out + r * w.out_cols);
    }
  }
}

template <typename Op>
HWY_API void window(const WindowPlane& w) {
  const Op op{w};
  std::int64_t row = 0;
  for (; row + 4 <= w.out_rows; row += 4) {
    for (std::int64_t col = 0; col < w.out_cols; col += lanes) window_tile<4>(w, op, row, col);
  }
  for (; row < w.out_rows; ++row) {
    for (std::int64_t col = 0; col < w.out_cols; col += lanes) window_tile<1>(w, op, row, col);
  }
}

}  // namespace

void window_split(const WindowSplit& s) noexcept {
  for (std::int64_t r = 0; r < s.out_rows; ++r) {
    float* to = s.out + r * s.stride * s.phase_cols;
    const std::int64_t y = r - s.before_rows;
    if (y < 0 || y >= s.rows) {
      fill(s.fill, to, s.stride * s.phase_cols);
      continue;
    }
    const float* from = s.in + y * s.cols;
    for (std::int64_t phase = 0; phase < s.stride; ++phase, to += s.phase_cols) {
      // Place i is input column i * stride + phase - before.
      const std::int64_t offset = phase - s.before_cols;
      const std::int64_t low = lesser(greater(divide_up(-offset, s.stride), 0), s.phase_cols);
      const std::int64_t high =
          lesser(greater(divide_up(s.cols - offset, s.stride), low), s.phase_cols);
      fill(s.fill, to, low);
      if (s.stride == 1) {
        copy(from + low + offset, to + low, high - low);
      } else {
        for (std::int64_t i = low; i < high; ++i) to[i] = from[i * s.stride + offset];
      }
      fill(s.fill, to + high, s.phase_cols - high);
    }
  }
}

void window_sum(const WindowPlane& w) noexcept {
  window<Sum>(w);
}

void window_max(const WindowPlane& w) noexcept {
  window<Maximum>(w);
}

}  // namespace pome::devices::cpu::POME_ISA

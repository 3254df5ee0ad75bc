// The transforms of Winograd's convolution by 3 x 3 (WinogradIn, WinogradOut), a vector of channels
// at a time: columns first, then rows.
#include "devices/cpu/kernels/internal.h"
#include "devices/cpu/kernels/isa.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

/// One dimension of the transforms, for products at 0, +-1 and infinity.
struct Four {
  static constexpr int edge = 4, out = 2;

  static HWY_INLINE void input(const Float* d, std::int64_t step, Float* t) {
    t[0] = hn::Sub(d[2 * step], d[0]);
    t[1] = hn::Add(d[2 * step], d[step]);
    t[2] = hn::Sub(d[2 * step], d[step]);
    t[3] = hn::Sub(d[3 * step], d[step]);
  }
  static HWY_INLINE void output(const Float* m, std::int64_t step, Float* y) {
    y[0] = hn::Add(m[0], hn::Add(m[step], m[2 * step]));
    y[1] = hn::Add(hn::Sub(m[step], m[2 * step]), m[3 * step]);
  }
};

/// At 0, +-a, +-b and infinity.
struct Six {
  static constexpr int edge = 6, out = 4;
  static constexpr float a = winograd_a, b = winograd_b;

  static HWY_INLINE void input(const Float* d, std::int64_t step, Float* t) {
    const Float x0 = d[0], x1 = d[step], x2 = d[2 * step], x3 = d[3 * step], x4 = d[4 * step];
    const Float x5 = d[5 * step];
    const Float sum = hn::Set(f32, a * a + b * b), product = hn::Set(f32, a * a * b * b);
    const Float aa = hn::Set(f32, a * a), bb = hn::Set(f32, b * b);
    t[0] = hn::MulAdd(product, x0, hn::NegMulAdd(sum, x2, x4));
    t[5] = hn::MulAdd(product, x1, hn::NegMulAdd(sum, x3, x5));
    const Float even_a = hn::NegMulAdd(bb, x2, x4), odd_a = hn::NegMulAdd(bb, x1, x3);
    const Float even_b = hn::NegMulAdd(aa, x2, x4), odd_b = hn::NegMulAdd(aa, x1, x3);
    const Float va = hn::Set(f32, a), vb = hn::Set(f32, b);
    t[1] = hn::MulAdd(va, odd_a, even_a);
    t[2] = hn::NegMulAdd(va, odd_a, even_a);
    t[3] = hn::MulAdd(vb, odd_b, even_b);
    t[4] = hn::NegMulAdd(vb, odd_b, even_b);
  }
  static HWY_INLINE void output(const Float* m, std::int64_t step, Float* y) {
    const Float sum_a = hn::Add(m[step], m[2 * step]), difference_a = hn::Sub(m[step], m[2 * step]);
    const Float sum_b = hn::Add(m[3 * step], m[4 * step]);
    const Float difference_b = hn::Sub(m[3 * step], m[4 * step]);
    y[0] = hn::Add(m[0], hn::Add(sum_a, sum_b));
    y[1] = hn::MulAdd(hn::Set(f32, b), difference_b, hn::Mul(hn::Set(f32, a), difference_a));
    y[2] = hn::MulAdd(hn::Set(f32, b * b), sum_b, hn::Mul(hn::Set(f32, a * a), sum_a));
    y[3] = hn::MulAdd(hn::Set(f32, b * b * b), difference_b,
                      hn::MulAdd(hn::Set(f32, a * a * a), difference_a, m[5 * step]));
  }
};

/// One tile, one vector of channels; with Tail it has `rest` of them.
template <typename Points, bool Tail>
HWY_API void input_tile(const WinogradIn& w, std::int64_t channel, std::int64_t rest) {
  constexpr int edge = Points::edge;
  const auto last = hn::FirstN(f32, static_cast<std::size_t>(rest));
  Float half[edge * edge];  // [column][transformed row]
#pragma GCC unroll 6
  for (int col = 0; col < edge; ++col) {
    Float d[edge];
#pragma GCC unroll 6
    for (int row = 0; row < edge; ++row) {
      const float* from = w.pixels[row * edge + col] + channel;
      d[row] = Tail ? hn::MaskedLoad(last, f32, from) : hn::LoadU(f32, from);
    }
    Points::input(d, 1, half + col * edge);
  }
  float* to = w.out + channel;
#pragma GCC unroll 6
  for (int row = 0; row < edge; ++row) {
    Float t[edge];
    Points::input(half + row, edge, t);
#pragma GCC unroll 6
    for (int col = 0; col < edge; ++col, to += w.element_step) hn::StoreU(t[col], f32, to);
  }
}

template <typename Points>
void input_tiles(const WinogradIn& w) {
  std::int64_t channel = 0;
  for (; channel + lanes <= w.channels; channel += lanes) input_tile<Points, false>(w, channel, 0);
  if (channel < w.channels) input_tile<Points, true>(w, channel, w.channels - channel);
}

template <typename Points, bool Tail>
HWY_API void output_tile(const WinogradOut& w, std::int64_t channel, std::int64_t rest) {
  constexpr int edge = Points::edge;
  constexpr int out = Points::out;
  const auto last = hn::FirstN(f32, static_cast<std::size_t>(rest));
  Float half[edge * out];  // [column][output row]
#pragma GCC unroll 6
  for (int col = 0; col < edge; ++col) {
    Float m[edge];
#pragma GCC unroll 6
    for (int row = 0; row < edge; ++row) {
      m[row] = hn::LoadU(f32, w.in + (row * edge + col) * w.element_step + channel);
    }
    Points::output(m, 1, half + col * out);
  }
  const Float bias = hn::LoadU(f32, w.bias + channel);
  for (int row = 0; row < w.rows; ++row) {
    Float y[out];
    Points::output(half + row, out, y);
    float* to = w.out + row * w.row_step + channel;
    for (int col = 0; col < w.cols; ++col, to += w.pixel_step) {
      const Float value = hn::Add(y[col], bias);
      if (Tail) {
        hn::BlendedStore(value, last, f32, to);
      } else {
        hn::StoreU(value, f32, to);
      }
    }
  }
}

template <typename Points>
void output_tiles(const WinogradOut& w) {
  std::int64_t channel = 0;
  for (; channel + lanes <= w.channels; channel += lanes) output_tile<Points, false>(w, channel, 0);
  if (channel < w.channels) output_tile<Points, true>(w, channel, w.channels - channel);
}

}  // namespace

void winograd_in(const WinogradIn& w) noexcept {
  if (w.edge == 6) {
    input_tiles<Six>(w);
  } else {
    input_tiles<Four>(w);
  }
}

void winograd_out(const WinogradOut& w) noexcept {
  if (w.edge == 6) {
    output_tiles<Six>(w);
  } else {
    output_tiles<Four>(w);
  }
}

}  // namespace pome::devices::cpu::POME_ISA

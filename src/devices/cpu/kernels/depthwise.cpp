// Depthwise sums along a row of pixels: each input pixel is loaded once for all the outputs of a
// tile that it is a tap of.
#include "devices/cpu/kernels/finish.h"
#include "devices/cpu/kernels/internal.h"
#include "devices/cpu/kernels/isa.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

template <bool Tail>
HWY_API Float load(const float* from, std::int64_t rest) {
  if constexpr (Tail) {
    return hn::MaskedLoad(hn::FirstN(f32, static_cast<std::size_t>(rest)), f32, from);
  } else {
    return hn::LoadU(f32, from);
  }
}

/// `Pixels` outputs from `pixel` on, one vector of channels; with Tail it has `rest` of them.
template <int Pixels, int Cols, int Stride, bool Tail>
HWY_API void row_tile(const DepthwiseRow& d, std::int64_t pixel, std::int64_t channel,
                      std::int64_t rest) {
  Float sum[Pixels];
  const Float bias = hn::LoadU(f32, d.bias + channel);
#pragma GCC unroll 8
  for (int p = 0; p < Pixels; ++p) sum[p] = bias;
  for (std::int64_t r = 0; r < d.kernel_rows; ++r) {
    if (!d.rows[r]) continue;
    const float* in = d.rows[r] + pixel * Stride * d.channels + channel;
    const float* weights = d.weights + r * Cols * d.weight_row + channel;
    Float w[Cols];
#pragma GCC unroll 5
    for (int c = 0; c < Cols; ++c) w[c] = hn::LoadU(f32, weights + c * d.weight_row);
      // By input column: tap c of output p is column p * Stride + c, so that each output meets its
      // taps in order.
#pragma GCC unroll 32
    for (int column = 0; column < (Pixels - 1) * Stride + Cols; ++column, in += d.channels) {
      const Float x = load<Tail>(in, rest);
#pragma GCC unroll 8
      for (int p = 0; p < Pixels; ++p) {
        const int c = column - p * Stride;
        if (c >= 0 && c < Cols) sum[p] = hn::MulAdd(x, w[c], sum[p]);
      }
    }
  }
  float* to = d.out + pixel * d.channels + channel;
#pragma GCC unroll 8
  for (int p = 0; p < Pixels; ++p, to += d.channels) {
    const Float y = finished(sum[p], d.finish, d.low, d.high);
    if constexpr (Tail) {
      hn::BlendedStore(y, hn::FirstN(f32, static_cast<std::size_t>(rest)), f32, to);
    } else {
      hn::StoreU(y, f32, to);
    }
  }
}

template <int Pixels, int Cols, int Stride, bool Tail>
void row_pixels(const DepthwiseRow& d, std::int64_t pixel, std::int64_t channel,
                std::int64_t rest) {
  for (; pixel + Pixels <= d.pixels; pixel += Pixels) {
    row_tile<Pixels, Cols, Stride, Tail>(d, pixel, channel, rest);
  }
  if constexpr (Pixels > 1) {
    if (pixel < d.pixels) row_pixels<Pixels / 2, Cols, Stride, Tail>(d, pixel, channel, rest);
  }
}

template <int Cols, int Stride>
void row_channels(const DepthwiseRow& d) {
  // 8 sums hide the latency of a multiply-add.
  std::int64_t channel = 0;
  for (; channel + lanes <= d.channels; channel += lanes) {
    row_pixels<8, Cols, Stride, false>(d, 0, channel, 0);
  }
  if (channel < d.channels) row_pixels<8, Cols, Stride, true>(d, 0, channel, d.channels - channel);
}

}  // namespace

void depthwise_row(const DepthwiseRow& d) noexcept {
  if (d.kernel_cols == 3) {
    d.stride == 1 ? row_channels<3, 1>(d) : row_channels<3, 2>(d);
  } else {
    d.stride == 1 ? row_channels<5, 1>(d) : row_channels<5, 2>(d);
  }
}

}  // namespace pome::devices::cpu::POME_ISA

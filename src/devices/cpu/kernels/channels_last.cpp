// Depthwise sums over channels-last pixels, and the way to that layout and back.
#include "devices/cpu/kernels/internal.h"
#include "devices/cpu/kernels/isa.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

/// `Pixels` outputs of `Vectors` vectors of channels from `channel` on. With Tail the last vector
/// has `rest` channels; with Gather each input channel serves several outputs.
template <int Pixels, int Vectors, bool Tail, bool Gather>
HWY_API void depthwise_tile(const DepthwiseBlock& d, std::int64_t pixel, std::int64_t channel,
                            std::int64_t rest) {
  const auto last = hn::FirstN(f32, static_cast<std::size_t>(rest));
  Float sum[Pixels][Vectors];
  std::int32_t source[Vectors][lanes];
  if constexpr (Gather) {
    for (int v = 0; v < Vectors; ++v) {
      for (std::int64_t i = 0; i < lanes; ++i) {
        // Channels behind the last read the last one's input; their sums are not stored.
        const std::int64_t c = lesser(channel + v * lanes + i, d.channels - 1);
        source[v][i] = static_cast<std::int32_t>(c / d.multiplier);
      }
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < Pixels; ++p) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[p][v] = hn::LoadU(f32, d.bias + channel + v * lanes);
  }
  for (std::int64_t t = 0; t < d.taps; ++t) {
    const float* weights = d.weights + t * d.weight_row + channel;
    Float w[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) w[v] = hn::LoadU(f32, weights + v * lanes);
#pragma GCC unroll 4
    for (int p = 0; p < Pixels; ++p) {
      const float* in = d.table[t * d.table_row + pixel + p];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        Float x;
        if constexpr (Gather) {
          x = hn::GatherIndex(f32, in, hn::LoadU(i32, source[v]));
        } else if (Tail && v == Vectors - 1) {
          x = hn::MaskedLoad(last, f32, in + channel + v * lanes);
        } else {
          x = hn::LoadU(f32, in + channel + v * lanes);
        }
        sum[p][v] = hn::MulAdd(x, w[v], sum[p][v]);
      }
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < Pixels; ++p) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      float* to = d.out + (pixel + p) * d.channels + channel + v * lanes;
      if (Tail && v == Vectors - 1) {
        hn::BlendedStore(sum[p][v], last, f32, to);
      } else {
        hn::StoreU(sum[p][v], f32, to);
      }
    }
  }
}

template <int Vectors, bool Tail, bool Gather>
HWY_API void depthwise_pixels(const DepthwiseBlock& d, std::int64_t channel, std::int64_t rest) {
  std::int64_t pixel = 0;
  for (; pixel + 4 <= d.pixels; pixel += 4) {
    depthwise_tile<4, Vectors, Tail, Gather>(d, pixel, channel, rest);
  }
  for (; pixel < d.pixels; ++pixel) {
    depthwise_tile<1, Vectors, Tail, Gather>(d, pixel, channel, rest);
  }
}

template <bool Gather>
HWY_API void depthwise_channels(const DepthwiseBlock& d) {
  // 16 sums and their weights fit 32 registers, half as many 16.
  constexpr int vectors = lanes == 16 ? 4 : 2;
  std::int64_t channel = 0;
  for (; channel + vectors * lanes <= d.channels; channel += vectors * lanes) {
    depthwise_pixels<vectors, false, Gather>(d, channel, 0);
  }
  for (; channel + lanes <= d.channels; channel += lanes) {
    depthwise_pixels<1, false, Gather>(d, channel, 0);
  }
  if (channel < d.channels) depthwise_pixels<1, true, Gather>(d, channel, d.channels - channel);
}

}  // namespace

void depthwise(const DepthwiseBlock& d) noexcept {
  if (d.multiplier == 1) {
    depthwise_channels<false>(d);
  } else {
    depthwise_channels<true>(d);
  }
}

void transpose(const Transpose& t) noexcept {
  std::int32_t steps[lanes];
  for (std::int64_t i = 0; i < lanes; ++i) steps[i] = static_cast<std::int32_t>(i * t.in_row);
  // Indices of a gather are 32 bits wide.
  const bool gathers = t.in_row < (std::int64_t{1} << 31) / lanes;
  std::int64_t row = 0;
  if (gathers) {
    const auto index = hn::LoadU(i32, steps);
    for (; row + lanes <= t.rows; row += lanes) {
      for (std::int64_t col = 0; col < t.cols; ++col) {
        hn::StoreU(hn::GatherIndex(f32, t.in + row * t.in_row + col, index), f32,
                   t.out + col * t.out_row + row);
      }
    }
  }
  for (; row < t.rows; ++row) {
    for (std::int64_t col = 0; col < t.cols; ++col) {
      t.out[col * t.out_row + row] = t.in[row * t.in_row + col];
    }
  }
}

}  // namespace pome::devices::cpu::POME_ISA

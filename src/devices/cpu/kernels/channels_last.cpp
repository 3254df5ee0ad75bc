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

// --- transposition, in squares of registers ---

using Square = hn::CappedTag<float, 8>;
inline constexpr Square square{};
inline constexpr std::int64_t side = static_cast<std::int64_t>(hn::MaxLanes(Square()));

/// Exchanges the halves of pairs of rows: elements, then pairs of them, within blocks of 16 bytes.
template <typename Vector>
HWY_API void interleave(Vector* row) {
  const hn::RepartitionToWide<Square> wide;
  for (int i = 0; i < 4; i += 2) {
    const auto low = hn::InterleaveLower(square, row[i], row[i + 1]);
    const auto high = hn::InterleaveUpper(square, row[i], row[i + 1]);
    row[i] = low;
    row[i + 1] = high;
  }
  for (int i = 0; i < 2; ++i) {
    const auto a = hn::BitCast(wide, row[i]);
    const auto b = hn::BitCast(wide, row[i + 2]);
    row[i] = hn::BitCast(square, hn::InterleaveLower(wide, a, b));
    row[i + 2] = hn::BitCast(square, hn::InterleaveUpper(wide, a, b));
  }
  const auto third = row[1];  // columns 0, 2, 1, 3 are in order 0, 1, 2, 3 now
  row[1] = row[2];
  row[2] = third;
}

/// `side` rows and columns. The columns of four rows of blocks of 16 bytes come together first.
HWY_API void transpose_square(const float* in, std::int64_t in_row, float* out,
                              std::int64_t out_row) {
  hn::Vec<Square> row[side];
  for (std::int64_t i = 0; i < side; ++i) row[i] = hn::LoadU(square, in + i * in_row);
  interleave(row);
  if constexpr (side == 8) {
    interleave(row + 4);
    for (int i = 0; i < 4; ++i) {
      hn::StoreU(hn::ConcatLowerLower(square, row[i + 4], row[i]), square, out + i * out_row);
      hn::StoreU(hn::ConcatUpperUpper(square, row[i + 4], row[i]), square, out + (i + 4) * out_row);
    }
  } else {
    for (std::int64_t i = 0; i < side; ++i) hn::StoreU(row[i], square, out + i * out_row);
  }
}

/// Columns [col, col + n) of all rows, of which the squares take as many as they can.
HWY_API void transpose_columns(const Transpose& t, std::int64_t col, std::int64_t n) {
  std::int64_t row = 0;
  if (n % side == 0) {
    for (; row + side <= t.rows; row += side) {
      for (std::int64_t c = col; c < col + n; c += side) {
        transpose_square(t.in + row * t.in_row + c, t.in_row, t.out + c * t.out_row + row,
                         t.out_row);
      }
    }
  }
  for (std::int64_t c = col; c < col + n; ++c) {
    for (std::int64_t r = row; r < t.rows; ++r) t.out[c * t.out_row + r] = t.in[r * t.in_row + c];
  }
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
  constexpr std::int64_t line = 16;  // elements of a cache line, which is read whole
  std::int64_t col = 0;
  for (; col + line <= t.cols; col += line) transpose_columns(t, col, line);
  if (col + side <= t.cols) {
    transpose_columns(t, col, side);
    col += side;
  }
  if (col < t.cols) transpose_columns(t, col, t.cols - col);
}

}  // namespace pome::devices::cpu::POME_ISA

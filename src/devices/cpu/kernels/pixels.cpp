// Channels-last pixels: windows over them, blends of two of them, factors and offsets by channel,
// and sums over them.
#include "devices/cpu/kernels/internal.h"
#include "devices/cpu/kernels/isa.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

/// `Vectors` whole vectors at `p`, or the first `rest` elements of one.
template <bool Tail>
HWY_API Float load(const float* p, hn::Mask<FloatTag> mask) {
  if constexpr (Tail) {
    return hn::MaskedLoad(mask, f32, p);
  } else {
    return hn::LoadU(f32, p);
  }
}

template <bool Tail>
HWY_API void store(Float value, float* p, hn::Mask<FloatTag> mask) {
  if constexpr (Tail) {
    hn::BlendedStore(value, mask, f32, p);
  } else {
    hn::StoreU(value, f32, p);
  }
}

struct Add {
  HWY_INLINE Float operator()(Float a, Float b) const { return hn::Add(a, b); }
};
struct Greater {
  HWY_INLINE Float operator()(Float a, Float b) const { return max_or_nan(a, b); }
};

template <int Vectors, bool Tail, typename Op>
HWY_API void window_channels(const PixelWindows& w, std::int64_t pixel, std::int64_t channel,
                             std::int64_t rest, const Op& op) {
  const auto mask = hn::FirstN(f32, static_cast<std::size_t>(rest));
  Float value[Vectors];
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; ++v) {
    value[v] = load<Tail>(w.table[pixel] + channel + v * lanes, mask);
  }
  for (std::int64_t t = 1; t < w.taps; ++t) {
    const float* in = w.table[t * w.table_row + pixel] + channel;
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) value[v] = op(value[v], load<Tail>(in + v * lanes, mask));
  }
  float* out = w.out + pixel * w.channels + channel;
  const auto scale = hn::Set(f32, w.scale ? w.scale[pixel] : 1.0F);
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; ++v) {
    store<Tail>(w.scale ? hn::Mul(value[v], scale) : value[v], out + v * lanes, mask);
  }
}

template <typename Op>
HWY_API void windows(const PixelWindows& w, const Op& op) {
  for (std::int64_t pixel = 0; pixel < w.pixels; ++pixel) {
    std::int64_t c = 0;
    for (; c + 4 * lanes <= w.channels; c += 4 * lanes) {
      window_channels<4, false>(w, pixel, c, 0, op);
    }
    for (; c + lanes <= w.channels; c += lanes) window_channels<1, false>(w, pixel, c, 0, op);
    if (c < w.channels) window_channels<1, true>(w, pixel, c, w.channels - c, op);
  }
}

template <bool Tail>
HWY_API void blend_vector(const float* a, const float* b, Float wa, Float wb, float* out,
                          hn::Mask<FloatTag> mask) {
  store<Tail>(hn::MulAdd(load<Tail>(b, mask), wb, hn::Mul(load<Tail>(a, mask), wa)), out, mask);
}

/// `Vectors` vectors of channels of all pixels, or the first `rest` channels of one.
template <int Vectors, bool Tail>
HWY_API void scale_channels(const PixelScale& s, std::int64_t channel, std::int64_t rest) {
  const auto mask = hn::FirstN(f32, static_cast<std::size_t>(rest));
  Float factor[Vectors];
  Float offset[Vectors];
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; ++v) {
    factor[v] = load<Tail>(s.factor + channel + v * lanes, mask);
    offset[v] = load<Tail>(s.offset + channel + v * lanes, mask);
  }
  for (std::int64_t pixel = 0; pixel < s.pixels; ++pixel) {
    const std::int64_t at = pixel * s.channels + channel;
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      store<Tail>(hn::MulAdd(load<Tail>(s.in + at + v * lanes, mask), factor[v], offset[v]),
                  s.out + at + v * lanes, mask);
    }
  }
}

/// Sums of (x - centre)^Power over pixels, in 4 chains that are joined in pairs.
template <int Power, int Vectors, bool Tail>
HWY_API void sum_channels(const PixelSums& s, std::int64_t channel, std::int64_t rest) {
  const auto mask = hn::FirstN(f32, static_cast<std::size_t>(rest));
  Float sum[4][Vectors];
  Float centre[Vectors];
#pragma GCC unroll 2
  for (int v = 0; v < Vectors; ++v) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) sum[i][v] = hn::Zero(f32);
    centre[v] = Power == 2 ? load<Tail>(s.centre + channel + v * lanes, mask) : hn::Zero(f32);
  }
  const auto add = [&](int i, std::int64_t pixel) HWY_ATTR {
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
      const auto x = load<Tail>(s.in + pixel * s.channels + channel + v * lanes, mask);
      if constexpr (Power == 2) {
        const auto d = hn::Sub(x, centre[v]);
        sum[i][v] = hn::MulAdd(d, d, sum[i][v]);
      } else {
        sum[i][v] = hn::Add(sum[i][v], x);
      }
    }
  };
  std::int64_t pixel = 0;
  for (; pixel + 4 <= s.pixels; pixel += 4) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) add(i, pixel + i);
  }
  for (; pixel < s.pixels; ++pixel) add(0, pixel);
#pragma GCC unroll 2
  for (int v = 0; v < Vectors; ++v) {
    store<Tail>(hn::Add(hn::Add(sum[0][v], sum[1][v]), hn::Add(sum[2][v], sum[3][v])),
                s.out + channel + v * lanes, mask);
  }
}

template <int Power>
HWY_API void sums(const PixelSums& s) {
  std::int64_t c = 0;
  for (; c + 2 * lanes <= s.channels; c += 2 * lanes) sum_channels<Power, 2, false>(s, c, 0);
  for (; c + lanes <= s.channels; c += lanes) sum_channels<Power, 1, false>(s, c, 0);
  if (c < s.channels) sum_channels<Power, 1, true>(s, c, s.channels - c);
}

}  // namespace

void pixel_max(const PixelWindows& w) noexcept {
  windows(w, Greater{});
}

void pixel_sum(const PixelWindows& w) noexcept {
  windows(w, Add{});
}

void blend(const float* a, const float* b, float weight_a, float weight_b, float* out,
           std::int64_t n) noexcept {
  const auto wa = hn::Set(f32, weight_a);
  const auto wb = hn::Set(f32, weight_b);
  const auto all = hn::FirstN(f32, static_cast<std::size_t>(lanes));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) blend_vector<false>(a + i, b + i, wa, wb, out + i, all);
  if (i == n) return;
  const auto mask = hn::FirstN(f32, static_cast<std::size_t>(n - i));
  blend_vector<true>(a + i, b + i, wa, wb, out + i, mask);
}

void blend_columns(const float* in, const std::int32_t* low, const std::int32_t* high,
                   const float* weight_low, const float* weight_high, float* out,
                   std::int64_t n) noexcept {
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto a = hn::GatherIndex(f32, in, hn::LoadU(i32, low + i));
    const auto b = hn::GatherIndex(f32, in, hn::LoadU(i32, high + i));
    const auto wb = hn::LoadU(f32, weight_high + i);
    // An infinity beside a point of weight 0 must not matter.
    const auto sum = hn::MulAdd(b, wb, hn::Mul(a, hn::LoadU(f32, weight_low + i)));
    hn::StoreU(hn::IfThenElse(hn::Eq(wb, hn::Zero(f32)), a, sum), f32, out + i);
  }
  for (; i < n; ++i) {
    const float a = in[low[i]];
    const float b = in[high[i]];
    out[i] = weight_high[i] == 0
                 ? a
                 : hn::GetLane(hn::MulAdd(hn::Set(f32, b), hn::Set(f32, weight_high[i]),
                                          hn::Mul(hn::Set(f32, a), hn::Set(f32, weight_low[i]))));
  }
}

void scale_pixels(const PixelScale& s) noexcept {
  std::int64_t c = 0;
  for (; c + 4 * lanes <= s.channels; c += 4 * lanes) scale_channels<4, false>(s, c, 0);
  for (; c + lanes <= s.channels; c += lanes) scale_channels<1, false>(s, c, 0);
  if (c < s.channels) scale_channels<1, true>(s, c, s.channels - c);
}

void pixel_sums(const PixelSums& s) noexcept {
  if (s.centre) {
    sums<2>(s);
  } else {
    sums<1>(s);
  }
}

}  // namespace pome::devices::cpu::POME_ISA

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

template <bool Tail>
HWY_API void scale_vector(const PixelScale& s, std::int64_t pixel, std::int64_t c) {
  const auto mask = hn::FirstN(f32, static_cast<std::size_t>(Tail ? s.channels - c : lanes));
  const std::int64_t at = pixel * s.channels + c;
  store<Tail>(hn::MulAdd(load<Tail>(s.in + at, mask), load<Tail>(s.factor + c, mask),
                         load<Tail>(s.offset + c, mask)),
              s.out + at, mask);
}

/// Sums of (x - centre)^Power over pixels, in 4 chains that are joined in pairs.
template <int Power, bool Tail>
HWY_API void sum_vector(const PixelSums& s, std::int64_t channel, std::int64_t rest) {
  const auto mask = hn::FirstN(f32, static_cast<std::size_t>(rest));
  Float sum[4];
  for (auto& each : sum) each = hn::Zero(f32);
  const auto centre = Power == 2 ? load<Tail>(s.centre + channel, mask) : hn::Zero(f32);
  const auto add = [&](int i, std::int64_t pixel) HWY_ATTR {
    const auto x = load<Tail>(s.in + pixel * s.channels + channel, mask);
    if constexpr (Power == 2) {
      const auto d = hn::Sub(x, centre);
      sum[i] = hn::MulAdd(d, d, sum[i]);
    } else {
      sum[i] = hn::Add(sum[i], x);
    }
  };
  std::int64_t pixel = 0;
  for (; pixel + 4 <= s.pixels; pixel += 4) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) add(i, pixel + i);
  }
  for (; pixel < s.pixels; ++pixel) add(0, pixel);
  store<Tail>(hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3])), s.out + channel, mask);
}

template <int Power>
HWY_API void sums(const PixelSums& s) {
  std::int64_t c = 0;
  for (; c + lanes <= s.channels; c += lanes) sum_vector<Power, false>(s, c, 0);
  if (c < s.channels) sum_vector<Power, true>(s, c, s.channels - c);
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
  for (std::int64_t pixel = 0; pixel < s.pixels; ++pixel) {
    std::int64_t c = 0;
    for (; c + lanes <= s.channels; c += lanes) scale_vector<false>(s, pixel, c);
    if (c < s.channels) scale_vector<true>(s, pixel, c);
  }
}

void pixel_sums(const PixelSums& s) noexcept {
  if (s.centre) {
    sums<2>(s);
  } else {
    sums<1>(s);
  }
}

}  // namespace pome::devices::cpu::POME_ISA

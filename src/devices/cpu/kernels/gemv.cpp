// One row times packed panels: bound by the bandwidth of the panels, of which eight are read at
// once so that as many chains of multiply-adds hide each other's latency.
#include "devices/cpu/kernels/internal.h"
#include "devices/cpu/kernels/isa.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

template <bool IsHalf>
HWY_API Float load_panel(const void* b, std::int64_t at) {
  if constexpr (IsHalf) {
    return hn::PromoteTo(f32, hn::LoadU(Half(), static_cast<const hwy::float16_t*>(b) + at));
  } else {
    return hn::LoadU(f32, static_cast<const float*>(b) + at);
  }
}

/// Columns of `Panels` panels from `panel` on. With Tail the last one has `rest` columns.
template <int Panels, bool Tail, bool IsHalf>
HWY_API void columns(const GemmBlock& g, std::int64_t panel, std::int64_t rest) {
  const auto last = hn::FirstN(f32, static_cast<std::size_t>(rest));
  float* const c = g.c + panel * lanes;
  Float sum[Panels];
#pragma GCC unroll 8
  for (int v = 0; v < Panels; ++v) {
    const bool masked = Tail && v == Panels - 1;
    if (g.init == GemmInit::accumulate) {
      sum[v] = masked ? hn::MaskedLoad(last, f32, c + v * lanes) : hn::LoadU(f32, c + v * lanes);
    } else if (g.init == GemmInit::bias_cols) {
      sum[v] = hn::LoadU(f32, g.bias + (panel + v) * lanes);
    } else {
      sum[v] = g.init == GemmInit::bias_rows ? hn::Set(f32, g.bias[0]) : hn::Zero(f32);
    }
  }
  const std::int64_t b = panel * g.b_panel;
  for (std::int64_t k = 0; k < g.depth; ++k) {
    const auto left = hn::Set(f32, g.a[k * g.a_depth]);
    const std::int64_t at = b + k * lanes;
#pragma GCC unroll 8
    for (int v = 0; v < Panels; ++v) {
      sum[v] = hn::MulAdd(left, load_panel<IsHalf>(g.b, at + v * g.b_panel), sum[v]);
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < Panels; ++v) {
    if (Tail && v == Panels - 1) {
      hn::BlendedStore(sum[v], last, f32, c + v * lanes);
    } else {
      hn::StoreU(sum[v], f32, c + v * lanes);
    }
  }
}

template <bool IsHalf>
HWY_API void gemv(const GemmBlock& g) {
  const std::int64_t whole = g.cols / lanes;
  std::int64_t panel = 0;
  for (; panel + 8 <= whole; panel += 8) columns<8, false, IsHalf>(g, panel, 0);
  if (panel + 4 <= whole) {
    columns<4, false, IsHalf>(g, panel, 0);
    panel += 4;
  }
  for (; panel < whole; ++panel) columns<1, false, IsHalf>(g, panel, 0);
  const std::int64_t rest = g.cols - whole * lanes;
  if (rest != 0) columns<1, true, IsHalf>(g, panel, rest);
}

}  // namespace

void gemv_f32(const GemmBlock& g) noexcept {
  gemv<false>(g);
}

void gemv_f16(const GemmBlock& g) noexcept {
  gemv<true>(g);
}

}  // namespace pome::devices::cpu::POME_ISA

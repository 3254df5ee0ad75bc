// Matrix products: register tiles over packed panels, and the expansion of packed weights.
#include "devices/cpu/kernels/finish.h"
#include "devices/cpu/kernels/internal.h"
#include "devices/cpu/kernels/isa.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

// 32 registers hold 24 accumulators (8 rows of 3 vectors), 3 vectors of B and one broadcast; 16
// registers hold 12. Fewer vectors leave room for more rows.
constexpr int vectors = 3;
constexpr int accumulators = lanes == 16 ? 24 : 12;
constexpr int most_rows = accumulators / vectors;

template <bool IsHalf>
HWY_API Float load_b(const void* b, std::int64_t at) {
  if constexpr (IsHalf) {
    return hn::PromoteTo(f32, hn::LoadU(Half(), static_cast<const hwy::float16_t*>(b) + at));
  } else {
    return hn::LoadU(f32, static_cast<const float*>(b) + at);
  }
}

HWY_API const float* row_of(const GemmBlock& g, std::int64_t tap, std::int64_t row) {
  return g.a_table ? g.a_table[tap * g.table_row + row] + g.a_offset : g.a + row * g.a_row;
}

/// What stands behind the sums of one tile: an addend, a bounded function.
template <int Rows, int Vectors, bool Tail>
HWY_API void finish_tile(const GemmBlock& g, const float* addend, std::int64_t rest,
                         Float (&sum)[Rows][Vectors]) {
  const auto last = hn::FirstN(f32, static_cast<std::size_t>(rest));
#pragma GCC unroll 24
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < Vectors; ++v) {
      Float x = sum[r][v];
      if (addend) {
        const float* from = addend + r * g.c_row + v * lanes;
        x = hn::Add(
            x, Tail && v == Vectors - 1 ? hn::MaskedLoad(last, f32, from) : hn::LoadU(f32, from));
      }
      sum[r][v] = finished(x, g.finish, g.low, g.high);
    }
  }
}

template <int Rows>
HWY_API bool all_zeros(const GemmBlock& g, std::int64_t tap, std::int64_t row) {
  if (!g.a_zeros) return false;
  const float* const* entries = g.a_table + tap * g.table_row + row;
  bool zeros = true;
#pragma GCC unroll 24
  for (int r = 0; r < Rows; ++r) zeros = zeros && entries[r] == g.a_zeros;
  return zeros;
}

/// One register tile of Rows x (Vectors * lanes) at `row`, vector `vector`. With Tail the last
/// vector has `rest` columns.
template <int Rows, int Vectors, bool Tail, bool IsHalf>
void tile(const GemmBlock& g, std::int64_t row, std::int64_t vector, std::int64_t rest) {
  const auto last = hn::FirstN(f32, static_cast<std::size_t>(rest));
  float* const c = g.c + row * g.c_row + vector * lanes;
  Float sum[Rows][Vectors];
#pragma GCC unroll 24
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < Vectors; ++v) {
      if (g.init == GemmInit::accumulate) {
        const float* from = c + r * g.c_row + v * lanes;
        sum[r][v] =
            Tail && v == Vectors - 1 ? hn::MaskedLoad(last, f32, from) : hn::LoadU(f32, from);
      } else if (g.init == GemmInit::bias_rows) {
        sum[r][v] = hn::Set(f32, g.bias[row + r]);
      } else if (g.init == GemmInit::bias_cols) {
        sum[r][v] = hn::LoadU(f32, g.bias + (vector + v) * lanes);
      } else {
        sum[r][v] = hn::Zero(f32);
      }
    }
  }
  std::int64_t b = vector * g.b_panel;
  const std::int64_t taps = g.a_table ? g.taps : 1;
  for (std::int64_t t = 0; t < taps; ++t) {
    if (all_zeros<Rows>(g, t, row)) {
      b += g.depth * g.b_depth;
      continue;
    }
    const float* a[Rows];
#pragma GCC unroll 24
    for (int r = 0; r < Rows; ++r) a[r] = row_of(g, t, row + r);
    std::int64_t at = 0;
    for (std::int64_t k = 0; k < g.depth; ++k, at += g.a_depth, b += g.b_depth) {
      Float column[Vectors];
#pragma GCC unroll 3
      for (int v = 0; v < Vectors; ++v) {
        if constexpr (Tail && !IsHalf) {
          if (v == Vectors - 1) {
            column[v] =
                hn::MaskedLoad(last, f32, static_cast<const float*>(g.b) + b + v * g.b_panel);
            continue;
          }
        }
        column[v] = load_b<IsHalf>(g.b, b + v * g.b_panel);
      }
#pragma GCC unroll 24
      for (int r = 0; r < Rows; ++r) {
        const Float left = hn::Set(f32, a[r][at]);
#pragma GCC unroll 3
        for (int v = 0; v < Vectors; ++v) sum[r][v] = hn::MulAdd(left, column[v], sum[r][v]);
      }
    }
  }
  if (g.addend || g.finish != GemmFinish::none) {
    const float* addend = g.addend ? g.addend + row * g.c_row + vector * lanes : nullptr;
    finish_tile<Rows, Vectors, Tail>(g, addend, rest, sum);
  }
#pragma GCC unroll 24
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < Vectors; ++v) {
      float* to = c + r * g.c_row + v * lanes;
      if (Tail && v == Vectors - 1) {
        hn::BlendedStore(sum[r][v], last, f32, to);
      } else {
        hn::StoreU(sum[r][v], f32, to);
      }
    }
  }
}

/// Tiles of Rows from `row` on, then of half as many.
template <int Rows, int Vectors, bool Tail, bool IsHalf>
void rows_from(const GemmBlock& g, std::int64_t row, std::int64_t vector, std::int64_t rest) {
  for (; row + Rows <= g.rows; row += Rows) {
    tile<Rows, Vectors, Tail, IsHalf>(g, row, vector, rest);
  }
  if constexpr (Rows > 1) {
    if (row < g.rows) rows_from<Rows / 2, Vectors, Tail, IsHalf>(g, row, vector, rest);
  }
}

template <int Vectors, bool Tail, bool IsHalf>
void rows(const GemmBlock& g, std::int64_t vector, std::int64_t rest) {
  // Of one vector, 8 rows hide the latency of a multiply-add; more have no registers for their
  // addresses.
  constexpr int most = accumulators / Vectors;
  rows_from < most<8 ? most : 8, Vectors, Tail, IsHalf>(g, 0, vector, rest);
}

template <bool IsHalf>
void gemm(const GemmBlock& g) {
  std::int64_t vector = 0;
  const std::int64_t whole = g.cols / lanes;
  for (; vector + vectors <= whole; vector += vectors) rows<vectors, false, IsHalf>(g, vector, 0);
  const std::int64_t rest = g.cols - whole * lanes;
  const std::int64_t left = whole - vector;
  if (rest != 0) {
    if (left == 2) rows<3, true, IsHalf>(g, vector, rest);
    if (left == 1) rows<2, true, IsHalf>(g, vector, rest);
    if (left == 0) rows<1, true, IsHalf>(g, vector, rest);
  } else {
    if (left == 2) rows<2, false, IsHalf>(g, vector, 0);
    if (left == 1) rows<1, false, IsHalf>(g, vector, 0);
  }
}

/// Index `i` of a row of packed indices.
template <int Bits>
HWY_API std::uint32_t index_at(const std::uint8_t* row, std::int64_t i) {
  const std::int64_t bit = i * Bits;
  std::uint32_t value = row[bit / 8];
  // Indices of 3 and 6 bits may cross a byte.
  if (bit % 8 + Bits > 8) value |= static_cast<std::uint32_t>(row[bit / 8 + 1]) << 8;
  return (value >> (bit % 8)) & ((1U << Bits) - 1);
}

template <int Bits>
void look_up(const LutRows& l, float* out) {
  const std::uint8_t* row = l.indices;
  for (std::int64_t r = 0; r < l.rows; ++r, row += lanes * Bits / 8, out += lanes) {
    std::int32_t index[lanes];
#pragma GCC unroll 16
    for (std::int64_t i = 0; i < lanes; ++i) {
      index[i] = static_cast<std::int32_t>(index_at<Bits>(row, i));
    }
    hn::StoreU(hn::GatherIndex(f32, l.table, hn::LoadU(i32, index)), f32, out);
  }
}

/// Elements of a table of 16, which is one register or two.
HWY_API Float look_up_16(const float* table, Int index) {
  if constexpr (lanes >= 16) {
    return hn::TableLookupLanes(hn::LoadU(f32, table), hn::IndicesFromVec(f32, index));
  } else {
    Float found = hn::LoadU(f32, table);
    const Int in_vector = hn::And(index, hn::Set(i32, static_cast<std::int32_t>(lanes - 1)));
    found = hn::TableLookupLanes(found, hn::IndicesFromVec(f32, in_vector));
    for (std::int64_t first = lanes; first < 16; first += lanes) {
      const Float here =
          hn::TableLookupLanes(hn::LoadU(f32, table + first), hn::IndicesFromVec(f32, in_vector));
      const auto beyond = hn::Gt(index, hn::Set(i32, static_cast<std::int32_t>(first - 1)));
      found = hn::IfThenElse(hn::RebindMask(f32, beyond), here, found);
    }
    return found;
  }
}

/// Up to 4 bits: the row's indices are shifted apart in registers.
template <int Bits>
void look_up_small(const LutRows& l, float* out) {
  constexpr std::int64_t row_bytes = lanes * Bits / 8;
  constexpr std::int64_t per_word = 32 / Bits;
  std::int32_t shift[lanes];
  for (std::int64_t i = 0; i < lanes; ++i) {
    shift[i] = static_cast<std::int32_t>(i % per_word * Bits);
  }
  const hn::ScalableTag<std::uint32_t> u32;
  const auto shifts = hn::BitCast(u32, hn::LoadU(i32, shift));
  const auto mask = hn::Set(u32, (1U << Bits) - 1);
  const auto first_word = hn::FirstN(u32, static_cast<std::size_t>(per_word));
  const std::uint8_t* row = l.indices;
  for (std::int64_t r = 0; r < l.rows; ++r, row += row_bytes, out += lanes) {
    std::uint32_t words[2] = {};
    __builtin_memcpy(words, row, static_cast<std::size_t>(row_bytes));
    auto spread = hn::Set(u32, words[0]);
    if constexpr (row_bytes > 4) {
      spread = hn::IfThenElse(first_word, spread, hn::Set(u32, words[1]));
    }
    const auto index = hn::BitCast(i32, hn::And(hn::Shr(spread, shifts), mask));
    hn::StoreU(look_up_16(l.table, index), f32, out);
  }
}

}  // namespace

const std::int32_t tile_rows = most_rows;
const std::int32_t tile_cols = vectors * static_cast<std::int32_t>(lanes);
const std::int32_t vector_lanes = static_cast<std::int32_t>(lanes);

void gemm_f32(const GemmBlock& g) noexcept {
  gemm<false>(g);
}

void gemm_f16(const GemmBlock& g) noexcept {
  gemm<true>(g);
}

void expand_f16(const std::uint16_t* in, float* out, std::int64_t n) noexcept {
  const auto* from = reinterpret_cast<const hwy::float16_t*>(in);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::PromoteTo(f32, hn::LoadU(Half(), from + i)), f32, out + i);
  }
  if (i == n) return;
  hwy::float16_t last[lanes] = {};
  for (std::int64_t k = i; k < n; ++k) last[k - i] = from[k];
  const auto mask = hn::FirstN(f32, static_cast<std::size_t>(n - i));
  hn::BlendedStore(hn::PromoteTo(f32, hn::LoadU(Half(), last)), mask, f32, out + i);
}

void expand_i8(const std::int8_t* in, const float* scale, const float* zero, float* out,
               std::int64_t rows_count) noexcept {
  const hn::Rebind<std::int8_t, FloatTag> i8;
  const Float factor = hn::LoadU(f32, scale);
  const Float offset = hn::LoadU(f32, zero);
  for (std::int64_t r = 0; r < rows_count; ++r, in += lanes, out += lanes) {
    const Float value = hn::ConvertTo(f32, hn::PromoteTo(i32, hn::LoadU(i8, in)));
    hn::StoreU(hn::Mul(hn::Sub(value, offset), factor), f32, out);
  }
}

void expand_lut(const LutRows& l, float* out) noexcept {
  switch (l.bits) {
    case 1: return look_up_small<1>(l, out);
    case 2: return look_up_small<2>(l, out);
    case 3: return look_up<3>(l, out);
    case 4: return look_up_small<4>(l, out);
    case 6: return look_up<6>(l, out);
    default: return look_up<8>(l, out);
  }
}

void pack_columns(const float* in, std::int64_t in_row, std::int64_t cols, std::int64_t depth,
                  float* out) noexcept {
  for (std::int64_t k = 0; k < depth; ++k) {
    for (std::int64_t c = 0; c < lanes; ++c) out[k * lanes + c] = c < cols ? in[c * in_row + k] : 0;
  }
}

}  // namespace pome::devices::cpu::POME_ISA

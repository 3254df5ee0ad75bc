// Sums and maxima of rows and of columns.
#pragma once

#include "devices/cpu/kernels/isa.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

/// Sum of f(x) over a row: blocks of 4 vector sums in fp32, joined in double. Error bound:
/// (block / (4 * lanes) + 6) * 2^-24 * sum |f(x)|.
template <typename F>
HWY_API double sum_of(const float* in, std::int64_t n, F f) {
  constexpr std::int64_t block = 2048;
  double total = 0;
  for (std::int64_t first = 0; first < n; first += block) {
    const std::int64_t end = lesser(n, first + block);
    Float sums[4] = {hn::Zero(f32), hn::Zero(f32), hn::Zero(f32), hn::Zero(f32)};
    std::int64_t i = first;
    for (; i + 4 * lanes <= end; i += 4 * lanes) {
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) {
        sums[k] = hn::Add(sums[k], f(hn::LoadU(f32, in + i + k * lanes)));
      }
    }
    for (; i < end; i += lanes) {
      const auto mask = hn::FirstN(f32, static_cast<std::size_t>(lesser(lanes, end - i)));
      sums[0] = hn::Add(sums[0], hn::IfThenElseZero(mask, f(hn::MaskedLoad(mask, f32, in + i))));
    }
    const Float sum = hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(f32, sum)));
  }
  return total;
}

/// Sums of f(x) over the rows of a vector of columns, in blocks. Error bound:
/// (block + length / block) * 2^-24 * sum |f(x)|.
template <typename Mask, typename F>
HWY_API Float sum_columns(const float* in, std::int64_t length, std::int64_t step, Mask mask, F f) {
  constexpr std::int64_t block = 64;
  Float total = hn::Zero(f32);
  for (std::int64_t first = 0; first < length; first += block) {
    Float sum = hn::Zero(f32);
    const std::int64_t end = lesser(length, first + block);
    for (std::int64_t k = first; k < end; ++k) {
      sum = hn::Add(sum, f(hn::MaskedLoad(mask, f32, in + k * step)));
    }
    total = hn::Add(total, sum);
  }
  return total;
}

/// Folds a row with an operation whose neutral element is `start`.
template <typename F>
HWY_API float fold_row(const float* in, std::int64_t n, float start, F f) {
  const Float neutral = hn::Set(f32, start);
  Float best = neutral;
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) best = f(best, hn::LoadU(f32, in + i));
  if (i != n) {
    const auto mask = hn::FirstN(f32, static_cast<std::size_t>(n - i));
    best = f(best, hn::IfThenElse(mask, hn::MaskedLoad(mask, f32, in + i), neutral));
  }
  float each[lanes];
  hn::StoreU(best, f32, each);
  Float one = neutral;
  for (std::int64_t k = 0; k < lanes; ++k) one = f(one, hn::Set(f32, each[k]));
  return hn::GetLane(one);
}

/// Greatest of a row; NaN when one is NaN; -inf of none.
HWY_API float greatest(const float* in, std::int64_t n) {
  return fold_row(in, n, -__builtin_inff(), [](Float a, Float b) { return max_or_nan(a, b); });
}

}  // namespace
}  // namespace pome::devices::cpu::POME_ISA

// Reductions of [outer][length][inner] over length.
#include "devices/cpu/kernels/internal.h"
#include "devices/cpu/kernels/sums.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

template <typename F>
void sums(const ReduceBlock& r, double factor, F f) {
  for (std::int64_t o = 0; o < r.outer; ++o) {
    const float* in = r.in + o * r.length * r.step;
    float* out = r.out + o * r.step;
    if (r.step == 1) {
      *out = static_cast<float>(sum_of(in, r.length, f) * factor);
      continue;
    }
    const Float scale = hn::Set(f32, static_cast<float>(factor));
    for (std::int64_t i = 0; i < r.inner; i += lanes) {
      const auto mask = hn::FirstN(f32, static_cast<std::size_t>(lesser(lanes, r.inner - i)));
      const Float sum = sum_columns(in + i, r.length, r.step, mask, f);
      hn::BlendedStore(hn::Mul(sum, scale), mask, f32, out + i);
    }
  }
}

template <typename F>
void folds(const ReduceBlock& r, float start, F f) {
  for (std::int64_t o = 0; o < r.outer; ++o) {
    const float* in = r.in + o * r.length * r.step;
    float* out = r.out + o * r.step;
    if (r.step == 1) {
      *out = fold_row(in, r.length, start, f);
      continue;
    }
    for (std::int64_t i = 0; i < r.inner; i += lanes) {
      const auto mask = hn::FirstN(f32, static_cast<std::size_t>(lesser(lanes, r.inner - i)));
      Float best = hn::Set(f32, start);
      for (std::int64_t k = 0; k < r.length; ++k) {
        best = f(best, hn::MaskedLoad(mask, f32, in + i + k * r.step));
      }
      hn::BlendedStore(best, mask, f32, out + i);
    }
  }
}

}  // namespace

void reduce(ReduceOp op, const ReduceBlock& r) noexcept {
  const auto same = [](Float x) { return x; };
  switch (op) {
    case ReduceOp::sum: return sums(r, 1, same);
    case ReduceOp::mean: return sums(r, 1 / static_cast<double>(r.length), same);
    case ReduceOp::sum_abs: return sums(r, 1, [](Float x) { return hn::Abs(x); });
    case ReduceOp::sum_square: return sums(r, 1, [](Float x) { return hn::Mul(x, x); });
    case ReduceOp::max:
      return folds(r, -__builtin_inff(), [](Float a, Float b) { return max_or_nan(a, b); });
    case ReduceOp::min:
      return folds(r, __builtin_inff(), [](Float a, Float b) { return min_or_nan(a, b); });
    case ReduceOp::prod: return folds(r, 1, [](Float a, Float b) { return hn::Mul(a, b); });
    case ReduceOp::count: return;
  }
}

}  // namespace pome::devices::cpu::POME_ISA

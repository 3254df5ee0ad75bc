// The softmax in the middle of attention, over one block of keys at a time.
#include "devices/cpu/kernels/internal.h"
#include "devices/cpu/kernels/math.h"
#include "devices/cpu/kernels/sums.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

/// scores = scale * scores + mask; the greatest of them.
float mask_row(const AttendBlock& a, float* scores, std::int64_t row) {
  const Float scale = hn::Set(f32, a.scale);
  const Float none = hn::Neg(hn::Inf(f32));
  const float* added = a.mask ? a.mask + row * a.mask_row : nullptr;
  const std::uint8_t* kept = a.kept ? a.kept + row * a.mask_row : nullptr;
  Float top = none;
  for (std::int64_t i = 0; i < a.keys; i += lanes) {
    const auto mask = hn::FirstN(f32, static_cast<std::size_t>(lesser(lanes, a.keys - i)));
    Float s = hn::Mul(hn::MaskedLoad(mask, f32, scores + i), scale);
    if (added) {
      s = hn::Add(s, a.mask_step ? hn::MaskedLoad(mask, f32, added + i) : hn::Set(f32, added[0]));
    } else if (kept) {
      float take[lanes] = {};
      const std::int64_t n = lesser(lanes, a.keys - i);
      for (std::int64_t k = 0; k < n; ++k) take[k] = kept[(i + k) * a.mask_step] ? 1.0F : 0.0F;
      s = hn::IfThenElse(hn::Eq(hn::LoadU(f32, take), hn::Zero(f32)), none, s);
    }
    hn::BlendedStore(s, mask, f32, scores + i);
    top = max_or_nan(top, hn::IfThenElse(mask, s, none));
  }
  float each[lanes];
  hn::StoreU(top, f32, each);
  Float one = none;
  for (std::int64_t k = 0; k < lanes; ++k) one = max_or_nan(one, hn::Set(f32, each[k]));
  return hn::GetLane(one);
}

/// scores = exp(scores - top); their sum.
float exp_row(float* scores, std::int64_t n, float top) {
  const Float shift = hn::Set(f32, top);
  Float sums[4] = {hn::Zero(f32), hn::Zero(f32), hn::Zero(f32), hn::Zero(f32)};
  std::int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const Float e = exp_of(hn::Sub(hn::LoadU(f32, scores + i + k * lanes), shift));
      hn::StoreU(e, f32, scores + i + k * lanes);
      sums[k] = hn::Add(sums[k], e);
    }
  }
  for (; i < n; i += lanes) {
    const auto mask = hn::FirstN(f32, static_cast<std::size_t>(lesser(lanes, n - i)));
    const Float e = exp_of(hn::Sub(hn::MaskedLoad(mask, f32, scores + i), shift));
    hn::BlendedStore(e, mask, f32, scores + i);
    sums[0] = hn::Add(sums[0], hn::IfThenElseZero(mask, e));
  }
  const Float sum = hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
  return hn::GetLane(hn::SumOfLanes(f32, sum));
}

template <typename F>
void each_of(float* values, std::int64_t n, F f) {
  for (std::int64_t i = 0; i < n; i += lanes) {
    const auto mask = hn::FirstN(f32, static_cast<std::size_t>(lesser(lanes, n - i)));
    hn::BlendedStore(f(hn::MaskedLoad(mask, f32, values + i)), mask, f32, values + i);
  }
}

bool is_minus_infinity(float x) {
  return x == -__builtin_inff();
}

void attend_row(const AttendBlock& a, std::int64_t row) {
  float* scores = a.scores + row * a.scores_row;
  const float here = mask_row(a, scores, row);
  const float before = a.top[row];
  const float top = hn::GetLane(max_or_nan(hn::Set(f32, before), hn::Set(f32, here)));
  if (is_minus_infinity(top)) {
    // Nothing taken yet: no share, and no inf - inf. A sum that stays 0 makes the row NaN in the
    // end.
    each_of(scores, a.keys, [](Float) { return hn::Zero(f32); });
    return;
  }
  a.top[row] = top;
  const float sum = exp_row(scores, a.keys, top);
  if (a.first) {
    a.sum[row] = sum;
    return;
  }
  const Float factor = exp_of(hn::Sub(hn::Set(f32, before), hn::Set(f32, top)));
  a.sum[row] = hn::GetLane(hn::MulAdd(hn::Set(f32, a.sum[row]), factor, hn::Set(f32, sum)));
  if (top != before) {
    each_of(a.out + row * a.out_row, a.width, [factor](Float x) { return hn::Mul(x, factor); });
  }
}

}  // namespace

void attend(const AttendBlock& a) noexcept {
  for (std::int64_t row = 0; row < a.rows; ++row) {
    if (a.first) {
      a.top[row] = -__builtin_inff();
      a.sum[row] = 0;
    }
    attend_row(a, row);
  }
}

void attend_finish(const AttendBlock& a) noexcept {
  for (std::int64_t row = 0; row < a.rows; ++row) {
    const Float sum = hn::Set(f32, a.sum[row]);
    each_of(a.out + row * a.out_row, a.width, [sum](Float x) { return hn::Div(x, sum); });
  }
}

void dot_rows(const float* x, const float* rows, std::int64_t row_step, std::int64_t count,
              std::int64_t n, float* out) noexcept {
  for (std::int64_t r = 0; r < count; ++r, rows += row_step) {
    Float sums[4] = {hn::Zero(f32), hn::Zero(f32), hn::Zero(f32), hn::Zero(f32)};
    std::int64_t i = 0;
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) {
        sums[k] = hn::MulAdd(hn::LoadU(f32, x + i + k * lanes),
                             hn::LoadU(f32, rows + i + k * lanes), sums[k]);
      }
    }
    for (; i < n; i += lanes) {
      const auto mask = hn::FirstN(f32, static_cast<std::size_t>(lesser(lanes, n - i)));
      sums[0] = hn::MulAdd(hn::MaskedLoad(mask, f32, x + i), hn::MaskedLoad(mask, f32, rows + i),
                           sums[0]);
    }
    const Float sum = hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
    out[r] = hn::GetLane(hn::SumOfLanes(f32, sum));
  }
}

}  // namespace pome::devices::cpu::POME_ISA

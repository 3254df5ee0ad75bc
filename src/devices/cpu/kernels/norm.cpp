// Softmax, normalizations and the gates of an LSTM.
#include "devices/cpu/kernels/internal.h"
#include "devices/cpu/kernels/math.h"
#include "devices/cpu/kernels/sums.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

void softmax_row(const float* in, float* out, std::int64_t n) {
  const float top = greatest(in, n);
  const Float shift = hn::Set(f32, top);
  // 4 sums, so that long rows lose little and the additions do not wait for each other.
  Float sums[4] = {hn::Zero(f32), hn::Zero(f32), hn::Zero(f32), hn::Zero(f32)};
  std::int64_t i = 0;
  const auto vector = [&](int turn) HWY_ATTR {
    const Float e = exp_of(hn::Sub(hn::LoadU(f32, in + i + turn * lanes), shift));
    hn::StoreU(e, f32, out + i + turn * lanes);
    sums[turn] = hn::Add(sums[turn], e);
  };
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
#pragma GCC unroll 4
    for (int turn = 0; turn < 4; ++turn) vector(turn);
  }
  for (; i + lanes <= n; i += lanes) vector(0);
  if (i != n) {
    const auto rest = hn::FirstN(f32, static_cast<std::size_t>(n - i));
    const Float e = exp_of(hn::Sub(hn::MaskedLoad(rest, f32, in + i), shift));
    hn::BlendedStore(e, rest, f32, out + i);
    sums[0] = hn::Add(sums[0], hn::IfThenElseZero(rest, e));
  }
  const Float sum = hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
  const Float total = hn::SumOfLanes(f32, sum);
  for (i = 0; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::Div(hn::LoadU(f32, out + i), total), f32, out + i);
  }
  if (i == n) return;
  const auto rest = hn::FirstN(f32, static_cast<std::size_t>(n - i));
  hn::BlendedStore(hn::Div(hn::MaskedLoad(rest, f32, out + i), total), rest, f32, out + i);
}

/// Stands for a mask of all lanes: stores with a mask are slow on some processors.
struct Whole {};

HWY_API void store(Float value, Whole, float* to) {
  hn::StoreU(value, f32, to);
}
HWY_API void store(Float value, hn::Mask<FloatTag> mask, float* to) {
  hn::BlendedStore(value, mask, f32, to);
}
HWY_API hn::Mask<FloatTag> mask_of(Whole) {
  return hn::FirstN(f32, static_cast<std::size_t>(lanes));
}
HWY_API hn::Mask<FloatTag> mask_of(hn::Mask<FloatTag> mask) {
  return mask;
}

/// Calls `body(first, mask)` for vectors of `n` columns.
template <typename Body>
HWY_API void each_vector(std::int64_t n, const Body& body) {
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) body(i, Whole{});
  if (i < n) body(i, hn::FirstN(f32, static_cast<std::size_t>(n - i)));
}

/// A vector of columns, or the last few of them.
template <typename Mask>
void softmax_columns(const float* in, float* out, std::int64_t length, std::int64_t step,
                     Mask which) {
  const auto mask = mask_of(which);
  Float top = hn::Neg(hn::Inf(f32));
  for (std::int64_t k = 0; k < length; ++k) {
    top = max_or_nan(top, hn::MaskedLoad(mask, f32, in + k * step));
  }
  Float sum = hn::Zero(f32);
  for (std::int64_t k = 0; k < length; ++k) {
    const Float e = exp_of(hn::Sub(hn::MaskedLoad(mask, f32, in + k * step), top));
    store(e, which, out + k * step);
    sum = hn::Add(sum, e);
  }
  for (std::int64_t k = 0; k < length; ++k) {
    float* at = out + k * step;
    store(hn::Div(hn::MaskedLoad(mask, f32, at), sum), which, at);
  }
}

void normalize_row(const NormBlock& n, const float* in, float* out) {
  const double count = static_cast<double>(n.length);
  const double mean = sum_of(in, n.length, [](Float x) { return x; }) / count;
  const Float center = hn::Set(f32, static_cast<float>(mean));
  const double squares = sum_of(in, n.length, [center](Float x) {
    const Float d = hn::Sub(x, center);
    return hn::Mul(d, d);
  });
  const double scale = 1 / __builtin_sqrt(squares / count + static_cast<double>(n.epsilon));
  const Float factor = hn::Set(f32, static_cast<float>(scale));
  std::int64_t i = 0;
  for (; i + lanes <= n.length; i += lanes) {  // masked stores are slow on some processors
    Float y = hn::Mul(hn::Sub(hn::LoadU(f32, in + i), center), factor);
    if (n.gamma) y = hn::Mul(y, hn::LoadU(f32, n.gamma + i));
    if (n.beta) y = hn::Add(y, hn::LoadU(f32, n.beta + i));
    hn::StoreU(y, f32, out + i);
  }
  if (i == n.length) return;
  const auto mask = hn::FirstN(f32, static_cast<std::size_t>(n.length - i));
  Float y = hn::Mul(hn::Sub(hn::MaskedLoad(mask, f32, in + i), center), factor);
  if (n.gamma) y = hn::Mul(y, hn::MaskedLoad(mask, f32, n.gamma + i));
  if (n.beta) y = hn::Add(y, hn::MaskedLoad(mask, f32, n.beta + i));
  hn::BlendedStore(y, mask, f32, out + i);
}

template <typename Mask>
void normalize_columns(const NormBlock& n, const float* in, float* out, Mask which) {
  const auto mask = mask_of(which);
  const Float count = hn::Set(f32, static_cast<float>(n.length));
  const Float mean =
      hn::Div(sum_columns(in, n.length, n.step, mask, [](Float x) { return x; }), count);
  const Float squares = sum_columns(in, n.length, n.step, mask, [mean](Float x) {
    const Float d = hn::Sub(x, mean);
    return hn::Mul(d, d);
  });
  const Float variance = hn::Add(hn::Div(squares, count), hn::Set(f32, n.epsilon));
  const Float factor = hn::Div(hn::Set(f32, 1.0F), hn::Sqrt(variance));
  for (std::int64_t k = 0; k < n.length; ++k) {
    Float y = hn::Mul(hn::Sub(hn::MaskedLoad(mask, f32, in + k * n.step), mean), factor);
    if (n.gamma) y = hn::Mul(y, hn::Set(f32, n.gamma[k]));
    if (n.beta) y = hn::Add(y, hn::Set(f32, n.beta[k]));
    store(y, which, out + k * n.step);
  }
}

}  // namespace

void softmax(const ReduceBlock& r) noexcept {
  for (std::int64_t o = 0; o < r.outer; ++o) {
    const std::int64_t first = o * r.length * r.step;
    if (r.step == 1) {
      softmax_row(r.in + first, r.out + first, r.length);
      continue;
    }
    each_vector(r.inner, [&](std::int64_t i, auto mask) HWY_ATTR {
      softmax_columns(r.in + first + i, r.out + first + i, r.length, r.step, mask);
    });
  }
}

void normalize(const NormBlock& n) noexcept {
  for (std::int64_t o = 0; o < n.outer; ++o) {
    const std::int64_t first = o * n.length * n.step;
    if (n.step == 1) {
      normalize_row(n, n.in + first, n.out + first);
      continue;
    }
    each_vector(n.inner, [&](std::int64_t i, auto mask) HWY_ATTR {
      normalize_columns(n, n.in + first + i, n.out + first + i, mask);
    });
  }
}

void lstm_gates(const LstmGates& l) noexcept {
  const std::int64_t n = l.hidden;
  const Float clip = hn::Set(f32, l.clip);
  each_vector(n, [&](std::int64_t j, auto which) HWY_ATTR {
    const auto mask = mask_of(which);
    const auto gate = [&](std::int64_t g) {
      return hn::MaskedLoad(mask, f32, l.gates + g * n + j);
    };
    const auto peep = [&](std::int64_t g, Float sum, Float state) {
      if (!l.peephole) return sum;
      return hn::MulAdd(hn::MaskedLoad(mask, f32, l.peephole + g * n + j), state, sum);
    };
    const Float before = hn::MaskedLoad(mask, f32, l.c + j);
    const Float i = sigmoid_of(peep(0, gate(0), before));
    const Float f = sigmoid_of(peep(1, gate(1), before));
    const Float z = tanh_of(gate(3));
    const Float c =
        min_or_nan(max_or_nan(hn::MulAdd(f, before, hn::Mul(i, z)), hn::Neg(clip)), clip);
    const Float o = sigmoid_of(peep(2, gate(2), c));
    store(c, which, l.c + j);
    store(hn::Mul(o, tanh_of(c)), which, l.h + j);
  });
}

}  // namespace pome::devices::cpu::POME_ISA

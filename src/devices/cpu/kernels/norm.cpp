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
  for (int turn = 0; i + lanes <= n; i += lanes, turn = (turn + 1) % 4) {
    const Float e = exp_of(hn::Sub(hn::LoadU(f32, in + i), shift));
    hn::StoreU(e, f32, out + i);
    sums[turn] = hn::Add(sums[turn], e);
  }
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

/// A vector of columns, or the last few of them.
template <typename Mask>
void softmax_columns(const float* in, float* out, std::int64_t length, std::int64_t step,
                     Mask mask) {
  Float top = hn::Neg(hn::Inf(f32));
  for (std::int64_t k = 0; k < length; ++k) {
    top = max_or_nan(top, hn::MaskedLoad(mask, f32, in + k * step));
  }
  Float sum = hn::Zero(f32);
  for (std::int64_t k = 0; k < length; ++k) {
    const Float e = exp_of(hn::Sub(hn::MaskedLoad(mask, f32, in + k * step), top));
    hn::BlendedStore(e, mask, f32, out + k * step);
    sum = hn::Add(sum, e);
  }
  for (std::int64_t k = 0; k < length; ++k) {
    float* at = out + k * step;
    hn::BlendedStore(hn::Div(hn::MaskedLoad(mask, f32, at), sum), mask, f32, at);
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
  for (std::int64_t i = 0; i < n.length; i += lanes) {
    const auto mask = hn::FirstN(f32, static_cast<std::size_t>(lesser(lanes, n.length - i)));
    Float y = hn::Mul(hn::Sub(hn::MaskedLoad(mask, f32, in + i), center), factor);
    if (n.gamma) y = hn::Mul(y, hn::MaskedLoad(mask, f32, n.gamma + i));
    if (n.beta) y = hn::Add(y, hn::MaskedLoad(mask, f32, n.beta + i));
    hn::BlendedStore(y, mask, f32, out + i);
  }
}

template <typename Mask>
void normalize_columns(const NormBlock& n, const float* in, float* out, Mask mask) {
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
    hn::BlendedStore(y, mask, f32, out + k * n.step);
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
    for (std::int64_t i = 0; i < r.inner; i += lanes) {
      const auto mask = hn::FirstN(f32, static_cast<std::size_t>(lesser(lanes, r.inner - i)));
      softmax_columns(r.in + first + i, r.out + first + i, r.length, r.step, mask);
    }
  }
}

void normalize(const NormBlock& n) noexcept {
  for (std::int64_t o = 0; o < n.outer; ++o) {
    const std::int64_t first = o * n.length * n.step;
    if (n.step == 1) {
      normalize_row(n, n.in + first, n.out + first);
      continue;
    }
    for (std::int64_t i = 0; i < n.inner; i += lanes) {
      const auto mask = hn::FirstN(f32, static_cast<std::size_t>(lesser(lanes, n.inner - i)));
      normalize_columns(n, n.in + first + i, n.out + first + i, mask);
    }
  }
}

void lstm_gates(const LstmGates& l) noexcept {
  const std::int64_t n = l.hidden;
  const Float clip = hn::Set(f32, l.clip);
  for (std::int64_t j = 0; j < n; j += lanes) {
    const auto mask = hn::FirstN(f32, static_cast<std::size_t>(lesser(lanes, n - j)));
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
    hn::BlendedStore(c, mask, f32, l.c + j);
    hn::BlendedStore(hn::Mul(o, tanh_of(c)), mask, f32, l.h + j);
  }
}

}  // namespace pome::devices::cpu::POME_ISA

// Elementary functions on vectors of fp32. The coefficients are made by fit_polynomials.py.
// Stated errors are greatest ones over all finite arguments, found by comparison with double
// precision (tests/devices/cpu/math_test.cpp); NaN gives NaN.
#pragma once

#include "devices/cpu/kernels/isa.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

/// Value of a polynomial, coefficients lowest first.
template <int N>
HWY_API Float polynomial(Float x, const float (&c)[N]) {
  Float sum = hn::Set(f32, c[N - 1]);
#pragma GCC unroll 16
  for (int i = N - 2; i >= 0; --i) sum = hn::MulAdd(sum, x, hn::Set(f32, c[i]));
  return sum;
}

/// exp(r) - 1 for |r| <= ln(2) / 2.
HWY_API Float expm1_reduced(Float r) {
  constexpr float q[] = {0.49999994F, 0.166665152F, 0.041668456F, 0.00836941879F, 0.00138131448F};
  return hn::MulAdd(hn::Mul(r, r), polynomial(r, q), r);
}

/// x * 2^n for whole n in [-252, 254], in two steps so that subnormal results are right.
HWY_API Float scale_by_power(Float x, Float n) {
  const Int whole = hn::NearestInt(n);
  const Int half = hn::ShiftRight<1>(whole);
  const Int bias = hn::Set(i32, 127);
  const auto power = [bias](Int e) {
    return hn::BitCast(f32, hn::ShiftLeft<23>(hn::Add(e, bias)));
  };
  return hn::Mul(hn::Mul(x, power(half)), power(hn::Sub(whole, half)));
}

/// e^x; error below 2 ulp.
HWY_API Float exp_of(Float x) {
  const Float bounded = hn::Min(hn::Max(x, hn::Set(f32, -105.0F)), hn::Set(f32, 89.0F));
  const Float n = hn::Round(hn::Mul(bounded, hn::Set(f32, 1.44269504F)));
  // ln 2 in two parts, the first of which times n is exact.
  Float r = hn::NegMulAdd(n, hn::Set(f32, 0.693145752F), bounded);
  r = hn::NegMulAdd(n, hn::Set(f32, 1.42860677e-6F), r);
  const Float e = scale_by_power(hn::Add(expm1_reduced(r), hn::Set(f32, 1.0F)), n);
  return hn::IfThenElse(hn::IsNaN(x), x, e);
}

/// 2^x; error below 2 ulp.
HWY_API Float exp2_of(Float x) {
  const Float bounded = hn::Min(hn::Max(x, hn::Set(f32, -151.0F)), hn::Set(f32, 128.5F));
  const Float n = hn::Round(bounded);
  const Float r = hn::Mul(hn::Sub(bounded, n), hn::Set(f32, 0.693147181F));
  const Float e = scale_by_power(hn::Add(expm1_reduced(r), hn::Set(f32, 1.0F)), n);
  return hn::IfThenElse(hn::IsNaN(x), x, e);
}

/// e^x - 1; error below 4 ulp.
HWY_API Float expm1_of(Float x) {
  const auto small = hn::Lt(hn::Abs(x), hn::Set(f32, 0.3465F));
  return hn::IfThenElse(small, expm1_reduced(x), hn::Sub(exp_of(x), hn::Set(f32, 1.0F)));
}

/// Natural logarithm; error below 2 ulp. 0 gives -inf, negative numbers NaN.
HWY_API Float log_of(Float x) {
  const Float zero = hn::Zero(f32);
  const auto subnormal = hn::Lt(x, hn::Set(f32, 1.17549435e-38F));
  const Float normal = hn::IfThenElse(subnormal, hn::Mul(x, hn::Set(f32, 8388608.0F)), x);
  const Int bits = hn::BitCast(i32, normal);
  // Exponent for a fraction in [sqrt(1/2), sqrt(2)).
  const Int e = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(i32, 0x3F3504F3)));
  const Float fraction = hn::BitCast(f32, hn::Sub(bits, hn::ShiftLeft<23>(e)));
  Float exponent = hn::ConvertTo(f32, e);
  exponent = hn::IfThenElse(subnormal, hn::Sub(exponent, hn::Set(f32, 23.0F)), exponent);
  const Float r = hn::Sub(fraction, hn::Set(f32, 1.0F));
  constexpr float q[] = {0.333333105F, -0.249999851F, 0.200022459F,  -0.166693524F, 0.142182931F,
                         -0.12382216F, 0.118737891F,  -0.118036903F, 0.0693054274F};
  const Float s = hn::Mul(r, r);
  Float low = hn::Mul(hn::Mul(r, s), polynomial(r, q));
  low = hn::MulAdd(exponent, hn::Set(f32, 1.42860677e-6F), low);
  low = hn::NegMulAdd(hn::Set(f32, 0.5F), s, low);
  Float y = hn::MulAdd(exponent, hn::Set(f32, 0.693145752F), hn::Add(low, r));
  const Float infinity = hn::Inf(f32);
  y = hn::IfThenElse(hn::Eq(x, infinity), infinity, y);
  y = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity), y);
  return hn::IfThenElse(hn::Ge(x, zero), y, hn::NaN(f32));
}

/// log(1 + u) for u >= 0; error below 4 ulp.
HWY_API Float log1p_of(Float u) {
  const Float one = hn::Set(f32, 1.0F);
  const Float sum = hn::Add(one, u);
  const Float lost = hn::Sub(u, hn::Sub(sum, one));
  return hn::Add(log_of(sum), hn::Div(lost, sum));
}

/// 1 / (1 + e^-x); error below 4 ulp.
HWY_API Float sigmoid_of(Float x) {
  const Float one = hn::Set(f32, 1.0F);
  const Float e = exp_of(hn::Neg(hn::Abs(x)));
  const Float above = hn::IfThenElse(hn::Lt(x, hn::Zero(f32)), e, one);
  return hn::Div(above, hn::Add(one, e));
}

/// Hyperbolic tangent; error below 4 ulp.
HWY_API Float tanh_of(Float x) {
  constexpr float q[] = {-0.333333313F, 0.133331954F,    -0.0539453775F,
                         0.0216926076F, -0.00815628003F, 0.00212274562F};
  const Float one = hn::Set(f32, 1.0F);
  const Float size = hn::Abs(x);
  const Float s = hn::Mul(x, x);
  const Float small = hn::MulAdd(hn::Mul(x, s), polynomial(s, q), x);
  const Float e = exp_of(hn::Add(size, size));
  const Float large = hn::Sub(one, hn::Div(hn::Set(f32, 2.0F), hn::Add(e, one)));
  const Float y = hn::IfThenElse(hn::Lt(size, hn::Set(f32, 0.625F)), small, hn::CopySign(large, x));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

/// 1 - erf(x) for x >= 0; error below 16 ulp (NaN counts as large).
HWY_API Float erfc_of(Float x) {
  constexpr float c[] = {0.255395681F,     -0.427185833F,   0.241658196F,     -0.0789785832F,
                         0.00373290898F,   0.00699747866F,  -0.000847306335F, -0.000982071389F,
                         4.43319477e-05F,  0.000174700399F, 2.55416799e-05F,  -2.84219041e-05F,
                         -1.12045382e-05F, 2.73056003e-06F, 1.84473151e-06F};
  const Float two = hn::Set(f32, 2.0F);
  const Float a = hn::Min(x, hn::Set(f32, 14.0F));
  const Float scaled = polynomial(hn::Div(hn::Sub(a, two), hn::Add(a, two)), c);
  // exp(-a^2) with the square in two parts.
  const Float s = hn::Mul(a, a);
  const Float rest = hn::MulSub(a, a, s);
  const Float e = exp_of(hn::Neg(s));
  return hn::Mul(scaled, hn::NegMulAdd(e, rest, e));
}

/// Error function; error below 4 ulp.
HWY_API Float erf_of(Float x) {
  constexpr float c[] = {1.12837923F,    -0.376126379F,    0.112837814F,    -0.0268653762F,
                         0.00522085885F, -0.000848128053F, 0.000112437214F, -9.59826139e-06F};
  const Float size = hn::Abs(x);
  const Float small = hn::Mul(x, polynomial(hn::Mul(x, x), c));
  const Float large = hn::CopySign(hn::Sub(hn::Set(f32, 1.0F), erfc_of(size)), x);
  const Float y = hn::IfThenElse(hn::Lt(size, hn::Set(f32, 1.0F)), small, large);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

}  // namespace
}  // namespace pome::devices::cpu::POME_ISA

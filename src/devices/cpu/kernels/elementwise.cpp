// Elementwise functions of one and of two tensors.
#include "devices/cpu/kernels/internal.h"
#include "devices/cpu/kernels/math.h"

namespace pome::devices::cpu::POME_ISA {
namespace {

/// The scalars of an operation, in all lanes.
struct Scalars {
  Float a, b;
};
using Unary = Float (*)(Float, const Scalars&);

template <Unary F>
void each(const float* in, float* out, std::int64_t n, float a, float b) noexcept {
  const Scalars s{hn::Set(f32, a), hn::Set(f32, b)};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(F(hn::LoadU(f32, in + i), s), f32, out + i);
  if (i == n) return;
  const auto rest = hn::FirstN(f32, static_cast<std::size_t>(n - i));
  hn::BlendedStore(F(hn::MaskedLoad(rest, f32, in + i), s), rest, f32, out + i);
}

HWY_API Float number(float value) {
  return hn::Set(f32, value);
}
/// `value` where x is negative, else x. NaN and -0 stay.
HWY_API Float where_negative(Float x, Float value) {
  return hn::IfThenElse(hn::Lt(x, hn::Zero(f32)), value, x);
}

Float abs_(Float x, const Scalars&) {
  return hn::Abs(x);
}
Float ceil_(Float x, const Scalars&) {
  return hn::Ceil(x);
}
Float clip(Float x, const Scalars& s) {
  return min_or_nan(max_or_nan(x, s.a), s.b);
}
Float elu(Float x, const Scalars& s) {
  return hn::IfThenElse(hn::Gt(x, hn::Zero(f32)), x, hn::Mul(s.a, expm1_of(x)));
}
Float erf_(Float x, const Scalars&) {
  return erf_of(x);
}
Float exp_(Float x, const Scalars&) {
  return exp_of(x);
}
Float exp2_(Float x, const Scalars&) {
  return exp2_of(x);
}
Float floor_(Float x, const Scalars&) {
  return hn::Floor(x);
}
Float gelu_exact(Float x, const Scalars&) {
  // x / 2 * erfc(-x / sqrt 2); erfc(-z) is 2 - erfc(z).
  const Float tail = erfc_of(hn::Mul(hn::Abs(x), number(0.707106781F)));
  const Float both = hn::IfThenElse(hn::Lt(x, hn::Zero(f32)), tail, hn::Sub(number(2.0F), tail));
  return hn::Mul(hn::Mul(number(0.5F), x), both);
}
Float gelu_sigmoid(Float x, const Scalars&) {
  return hn::Mul(x, sigmoid_of(hn::Mul(number(1.702F), x)));
}
Float gelu_tanh(Float x, const Scalars&) {
  // (1 + tanh u) / 2 is the sigmoid of 2 u, which does not cancel. 2 sqrt(2 / pi) = 1.5957...
  const Float inner = hn::MulAdd(hn::Mul(number(0.044715F), hn::Mul(x, x)), x, x);
  return hn::Mul(x, sigmoid_of(hn::Mul(number(1.59576912F), inner)));
}
Float inverse(Float x, const Scalars& s) {
  return hn::Div(number(1.0F), hn::Add(x, s.a));
}
Float leaky_relu(Float x, const Scalars& s) {
  return where_negative(x, hn::Mul(s.a, x));
}
Float linear(Float x, const Scalars& s) {
  return hn::MulAdd(s.a, x, s.b);
}
Float log_(Float x, const Scalars& s) {
  return log_of(hn::Add(x, s.a));
}
Float power_2(Float x, const Scalars&) {
  return hn::Mul(x, x);
}
Float power_3(Float x, const Scalars&) {
  return hn::Mul(hn::Mul(x, x), x);
}
Float power_4(Float x, const Scalars&) {
  const Float square = hn::Mul(x, x);
  return hn::Mul(square, square);
}
Float relu(Float x, const Scalars&) {
  return where_negative(x, hn::Zero(f32));
}
Float relu6(Float x, const Scalars&) {
  const Float six = number(6.0F);
  const Float low = where_negative(x, hn::Zero(f32));
  return hn::IfThenElse(hn::Gt(low, six), six, low);
}
Float round_(Float x, const Scalars&) {
  return hn::Round(x);
}
Float rsqrt(Float x, const Scalars& s) {
  return hn::Div(number(1.0F), hn::Sqrt(hn::Add(x, s.a)));
}
Float clamped_relu(Float x, const Scalars& s) {
  return min_or_nan(s.b, where_negative(x, hn::Mul(s.a, x)));
}
Float scaled_tanh(Float x, const Scalars& s) {
  return hn::Mul(s.a, tanh_of(hn::Mul(s.b, x)));
}
Float sigmoid(Float x, const Scalars&) {
  return sigmoid_of(x);
}
Float sigmoid_hard(Float x, const Scalars& s) {
  return min_or_nan(max_or_nan(hn::MulAdd(s.a, x, s.b), hn::Zero(f32)), number(1.0F));
}
Float sign(Float x, const Scalars&) {
  const Float one = number(1.0F);
  const Float low = hn::IfThenElse(hn::Lt(x, hn::Zero(f32)), hn::Neg(one), x);
  return hn::IfThenElse(hn::Gt(x, hn::Zero(f32)), one, low);
}
Float silu(Float x, const Scalars&) {
  return hn::Mul(x, sigmoid_of(x));
}
Float softplus(Float x, const Scalars&) {
  const Float rest = log1p_of(exp_of(hn::Neg(hn::Abs(x))));
  return hn::Add(rest, max_or_nan(x, hn::Zero(f32)));
}
Float softsign(Float x, const Scalars&) {
  return hn::Div(x, hn::Add(number(1.0F), hn::Abs(x)));
}
Float sqrt_(Float x, const Scalars&) {
  return hn::Sqrt(x);
}
Float tanh_(Float x, const Scalars&) {
  return tanh_of(x);
}
Float threshold(Float x, const Scalars& s) {
  return max_or_nan(x, s.a);
}
Float thresholded_relu(Float x, const Scalars& s) {
  return hn::IfThenElse(hn::Lt(x, s.a), hn::Zero(f32), x);
}
Float round_f16(Float x, const Scalars&) {
  return hn::PromoteTo(f32, hn::DemoteTo(Half(), x));
}

/// One loop for each way in which two operands walk.
template <typename Tag, typename T, typename F>
HWY_API void pairs(Tag tag, const T* a, std::int64_t a_step, const T* b, std::int64_t b_step,
                   T* out, std::int64_t n, F f) {
  if (n <= 0) return;
  const auto first_a = hn::Set(tag, *a);
  const auto first_b = hn::Set(tag, *b);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto x = a_step != 0 ? hn::LoadU(tag, a + i) : first_a;
    const auto y = b_step != 0 ? hn::LoadU(tag, b + i) : first_b;
    hn::StoreU(f(x, y), tag, out + i);
  }
  if (i == n) return;
  const auto rest = hn::FirstN(tag, static_cast<std::size_t>(n - i));
  const auto x = a_step != 0 ? hn::MaskedLoad(rest, tag, a + i) : first_a;
  const auto y = b_step != 0 ? hn::MaskedLoad(rest, tag, b + i) : first_b;
  hn::BlendedStore(f(x, y), rest, tag, out + i);
}

template <Float (*F)(Float, Float)>
void each_pair(const float* a, std::int64_t a_step, const float* b, std::int64_t b_step, float* out,
               std::int64_t n) noexcept {
  pairs(f32, a, a_step, b, b_step, out, n, [](Float x, Float y) { return F(x, y); });
}
template <Int (*F)(Int, Int)>
void each_int(const std::int32_t* a, std::int64_t a_step, const std::int32_t* b,
              std::int64_t b_step, std::int32_t* out, std::int64_t n) noexcept {
  pairs(i32, a, a_step, b, b_step, out, n, [](Int x, Int y) { return F(x, y); });
}

Float add(Float a, Float b) {
  return hn::Add(a, b);
}
Float sub(Float a, Float b) {
  return hn::Sub(a, b);
}
Float mul(Float a, Float b) {
  return hn::Mul(a, b);
}
Float div_(Float a, Float b) {
  return hn::Div(a, b);
}
Float maximum(Float a, Float b) {
  return max_or_nan(a, b);
}
Float minimum(Float a, Float b) {
  return min_or_nan(a, b);
}
Float prelu(Float x, Float alpha) {
  return where_negative(x, hn::Mul(alpha, x));
}
Int add_int(Int a, Int b) {
  return hn::Add(a, b);
}
Int sub_int(Int a, Int b) {
  return hn::Sub(a, b);
}
Int mul_int(Int a, Int b) {
  return hn::Mul(a, b);
}
Int maximum_int(Int a, Int b) {
  return hn::Max(a, b);
}
Int minimum_int(Int a, Int b) {
  return hn::Min(a, b);
}

}  // namespace

// In the order of UnaryOp.
const UnaryKernel unary_table[static_cast<int>(UnaryOp::count)] = {
    each<abs_>,         each<ceil_>,
    each<clip>,         each<elu>,
    each<erf_>,         each<exp_>,
    each<exp2_>,        each<floor_>,
    each<gelu_exact>,   each<gelu_sigmoid>,
    each<gelu_tanh>,    each<inverse>,
    each<leaky_relu>,   each<linear>,
    each<log_>,         each<power_2>,
    each<power_3>,      each<power_4>,
    each<relu>,         each<relu6>,
    each<round_>,       each<rsqrt>,
    each<clamped_relu>, each<scaled_tanh>,
    each<sigmoid>,      each<sigmoid_hard>,
    each<sign>,         each<silu>,
    each<softplus>,     each<softsign>,
    each<sqrt_>,        each<tanh_>,
    each<threshold>,    each<thresholded_relu>,
    each<round_f16>};
// In the order of BinaryOp.
const BinaryKernel binary_table[static_cast<int>(BinaryOp::count)] = {
    each_pair<add>,     each_pair<sub>,     each_pair<mul>,  each_pair<div_>,
    each_pair<maximum>, each_pair<minimum>, each_pair<prelu>};
const BinaryIntKernel binary_int_table[static_cast<int>(BinaryOp::count)] = {each_int<add_int>,
                                                                             each_int<sub_int>,
                                                                             each_int<mul_int>,
                                                                             nullptr,
                                                                             each_int<maximum_int>,
                                                                             each_int<minimum_int>,
                                                                             nullptr};

}  // namespace pome::devices::cpu::POME_ISA

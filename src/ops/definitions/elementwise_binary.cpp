// Elementwise operations of two tensors with numpy broadcasting: add, ...
// Integers wrap as int32 arithmetic does in two's complement; dividing one by zero is an error.
#include <cmath>
#include <cstdint>

#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

enum : int { x, y };

void infer_pair(InferContext& call, DataType result) {
  if (any_unranked(call, {x, y})) {
    call.set_result(Type::unranked(result));
    return;
  }
  Dims dims;
  if (!broadcast(call.type(x).dims, call.type(y).dims, dims)) fail_broadcast(call, x, y);
  call.set_result(Type::tensor(result, std::move(dims)));
}

void infer_same_type(InferContext& call) {
  infer_pair(call, call.type(x).dtype);
}
void infer_bool(InferContext& call) {
  infer_pair(call, DataType::boolean);
}

/// Applies `f(double, double)` to floats and `g(int64, int64)` to integers, element by element.
template <typename FloatOp, typename IntOp>
void evaluate_pairs(EvalContext& call, FloatOp f, IntOp g) {
  const auto& a = call.in(x);
  const auto& b = call.in(y);
  Dims dims;
  if (!broadcast(Dims(a.dims), Dims(b.dims), dims)) fail_broadcast(call, x, y);
  const auto out = call.out(0, dims);
  const Dims strides[] = {broadcast_strides(a.dims, dims), broadcast_strides(b.dims, dims)};
  const bool floating = is_float(a.dtype);
  std::int64_t i = 0;
  for (IndexWalk walk(dims, strides); !walk.done(); walk.next(), ++i) {
    if (floating) {
      store_f(out, i, f(load_f(a, walk.offset(0)), load_f(b, walk.offset(1))));
    } else {
      store_i(out, i, g(load_i(a, walk.offset(0)), load_i(b, walk.offset(1))));
    }
  }
}

/// Wraps the plain functions of the arithmetic operations.
template <double (*F)(double, double), std::int64_t (*G)(std::int64_t, std::int64_t)>
void evaluate_arithmetic(EvalContext& call) {
  evaluate_pairs(
      call, [](double a, double b) { return F(a, b); },
      [](std::int64_t a, std::int64_t b) { return G(a, b); });
}

/// Like `evaluate_arithmetic`, for operations that divide by y.
template <double (*F)(double, double), std::int64_t (*G)(std::int64_t, std::int64_t)>
void evaluate_division(EvalContext& call) {
  evaluate_pairs(
      call, [](double a, double b) { return F(a, b); },
      [&call](std::int64_t a, std::int64_t b) {
        if (b == 0) call.fail(y, "found an integer 0 to divide by");
        return G(a, b);
      });
}

double add_f(double a, double b) {
  return a + b;
}
std::int64_t add_i(std::int64_t a, std::int64_t b) {
  return a + b;
}
double sub_f(double a, double b) {
  return a - b;
}
std::int64_t sub_i(std::int64_t a, std::int64_t b) {
  return a - b;
}
double mul_f(double a, double b) {
  return a * b;
}
std::int64_t mul_i(std::int64_t a, std::int64_t b) {
  return a * b;
}
double div_f(double a, double b) {
  return a / b;
}
std::int64_t div_i(std::int64_t a, std::int64_t b) {
  return a / b;
}
double maximum_f(double a, double b) {
  return max_or_nan(a, b);
}
std::int64_t maximum_i(std::int64_t a, std::int64_t b) {
  return a < b ? b : a;
}
double minimum_f(double a, double b) {
  return min_or_nan(a, b);
}
std::int64_t minimum_i(std::int64_t a, std::int64_t b) {
  return b < a ? b : a;
}

double floor_div_f(double a, double b) {
  return std::floor(a / b);
}
std::int64_t floor_div_i(std::int64_t a, std::int64_t b) {
  const std::int64_t q = a / b;
  return q - static_cast<std::int64_t>(a % b != 0 && (a < 0) != (b < 0));
}

// The remainder has the sign of the divisor, as in Python.
double mod_f(double a, double b) {
  const double m = std::fmod(a, b);
  if (m == 0) return std::copysign(0.0, b);
  return (m < 0) != (b < 0) ? m + b : m;
}
std::int64_t mod_i(std::int64_t a, std::int64_t b) {
  const std::int64_t m = a % b;
  return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

double pow_f(double a, double b) {
  return std::pow(a, b);
}

// Exact modulo 2^64, so that the low 32 bits are those of the true power.
std::int64_t pow_i(std::int64_t a, std::int64_t b) {
  std::uint64_t result = 1;
  auto base = static_cast<std::uint64_t>(a);
  for (auto left = static_cast<std::uint64_t>(b); left != 0; left >>= 1U, base *= base) {
    if ((left & 1U) != 0) result *= base;
  }
  return static_cast<std::int64_t>(result);
}

void evaluate_pow(EvalContext& call) {
  evaluate_pairs(call, pow_f, [&call](std::int64_t a, std::int64_t b) {
    if (b >= 0) return pow_i(a, b);
    if (a == 0) call.fail(y, "found a negative power of the integer 0");
    // 1 / a^|b| is a fraction, cut to 0, unless a is 1 or -1.
    if (a == 1 || a == -1) return b % 2 == 0 ? 1 : a;
    return std::int64_t{0};
  });
}

/// Comparisons: `F` for floats, `G` for integers.
template <bool (*F)(double, double), bool (*G)(std::int64_t, std::int64_t)>
void evaluate_comparison(EvalContext& call) {
  const auto& a = call.in(x);
  const auto& b = call.in(y);
  Dims dims;
  if (!broadcast(Dims(a.dims), Dims(b.dims), dims)) fail_broadcast(call, x, y);
  const auto out = call.out(0, dims);
  const Dims strides[] = {broadcast_strides(a.dims, dims), broadcast_strides(b.dims, dims)};
  const bool floating = is_float(a.dtype);
  std::int64_t i = 0;
  for (IndexWalk walk(dims, strides); !walk.done(); walk.next(), ++i) {
    store_i(out, i,
            floating ? F(load_f(a, walk.offset(0)), load_f(b, walk.offset(1)))
                     : G(load_i(a, walk.offset(0)), load_i(b, walk.offset(1))));
  }
}

template <typename T>
bool equal(T a, T b) {
  return a == b;
}
template <typename T>
bool not_equal(T a, T b) {
  return a != b;
}
template <typename T>
bool greater(T a, T b) {
  return a > b;
}
template <typename T>
bool greater_equal(T a, T b) {
  return a >= b;
}
template <typename T>
bool less(T a, T b) {
  return a < b;
}
template <typename T>
bool less_equal(T a, T b) {
  return a <= b;
}
std::int64_t and_i(std::int64_t a, std::int64_t b) {
  return a & b;
}
std::int64_t or_i(std::int64_t a, std::int64_t b) {
  return a | b;
}
std::int64_t xor_i(std::int64_t a, std::int64_t b) {
  return a ^ b;
}

constexpr Param params[] = {
    {.name = "x", .types = t::numbers, .group = 'T'},
    {.name = "y", .types = t::numbers, .group = 'T'},
};
constexpr OpVersion versions[] = {{Opset::ios15, params}};
constexpr Param logical_params[] = {
    {.name = "x", .types = t::boolean},
    {.name = "y", .types = t::boolean},
};
constexpr OpVersion logical_versions[] = {{Opset::ios15, logical_params}};

constexpr OpDef arithmetic(std::string_view name, void (*evaluate)(EvalContext&)) {
  return {.name = name,
          .versions = versions,
          .infer = infer_same_type,
          .evaluate = evaluate,
          .alias = Alias::in_place};
}
template <bool (*F)(double, double), bool (*G)(std::int64_t, std::int64_t)>
constexpr OpDef comparison(std::string_view name) {
  return {.name = name,
          .versions = versions,
          .infer = infer_bool,
          .evaluate = evaluate_comparison<F, G>};
}
template <std::int64_t (*G)(std::int64_t, std::int64_t)>
constexpr OpDef logical(std::string_view name) {
  return {.name = name,
          .versions = logical_versions,
          .infer = infer_bool,
          .evaluate = evaluate_arithmetic<add_f, G>,
          .alias = Alias::in_place};
}

}  // namespace

extern const OpDef op_add, op_equal, op_floor_div, op_greater, op_greater_equal, op_less,
    op_less_equal, op_logical_and, op_logical_or, op_logical_xor, op_maximum, op_minimum, op_mod,
    op_mul, op_not_equal, op_pow, op_real_div, op_sub;
const OpDef op_add = arithmetic("add", evaluate_arithmetic<add_f, add_i>);
const OpDef op_equal = comparison<equal<double>, equal<std::int64_t>>("equal");
const OpDef op_floor_div = arithmetic("floor_div", evaluate_division<floor_div_f, floor_div_i>);
const OpDef op_greater = comparison<greater<double>, greater<std::int64_t>>("greater");
const OpDef op_greater_equal =
    comparison<greater_equal<double>, greater_equal<std::int64_t>>("greater_equal");
const OpDef op_less = comparison<less<double>, less<std::int64_t>>("less");
const OpDef op_less_equal = comparison<less_equal<double>, less_equal<std::int64_t>>("less_equal");
const OpDef op_logical_and = logical<and_i>("logical_and");
const OpDef op_logical_or = logical<or_i>("logical_or");
const OpDef op_logical_xor = logical<xor_i>("logical_xor");
const OpDef op_maximum = arithmetic("maximum", evaluate_arithmetic<maximum_f, maximum_i>);
const OpDef op_minimum = arithmetic("minimum", evaluate_arithmetic<minimum_f, minimum_i>);
const OpDef op_mod = arithmetic("mod", evaluate_division<mod_f, mod_i>);
const OpDef op_mul = arithmetic("mul", evaluate_arithmetic<mul_f, mul_i>);
const OpDef op_not_equal = comparison<not_equal<double>, not_equal<std::int64_t>>("not_equal");
const OpDef op_pow = arithmetic("pow", evaluate_pow);
const OpDef op_real_div = arithmetic("real_div", evaluate_division<div_f, div_i>);
const OpDef op_sub = arithmetic("sub", evaluate_arithmetic<sub_f, sub_i>);

}  // namespace pome::ops::definitions

// Elementwise operations of one tensor: abs, exp, clip, ... (activations and cast have own files).
#include <cmath>
#include <cstdint>

#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

enum : int { x, second, third };

template <typename FloatOp, typename IntOp>
void evaluate_each(EvalContext& call, FloatOp f, IntOp g) {
  const auto& in = call.in(x);
  const auto out = call.out(0, Dims(in.dims));
  const auto n = in.size();
  const bool floating = is_float(in.dtype);
  for (std::int64_t i = 0; i < n; ++i) {
    if (floating) {
      store_f(out, i, f(load_f(in, i)));
    } else {
      store_i(out, i, g(load_i(in, i)));
    }
  }
}

/// One of the operations that are a function of one number.
template <double (*F)(double)>
void evaluate_float(EvalContext& call) {
  evaluate_each(
      call, [](double v) { return F(v); }, [](std::int64_t v) { return v; });
}
template <double (*F)(double), std::int64_t (*G)(std::int64_t)>
void evaluate_number(EvalContext& call) {
  evaluate_each(
      call, [](double v) { return F(v); }, [](std::int64_t v) { return G(v); });
}

double acos_of(double v) {
  return std::acos(v);
}
double asin_of(double v) {
  return std::asin(v);
}
double atan_of(double v) {
  return std::atan(v);
}
double atanh_of(double v) {
  return std::atanh(v);
}
double ceil_of(double v) {
  return std::ceil(v);
}
double cos_of(double v) {
  return std::cos(v);
}
double cosh_of(double v) {
  return std::cosh(v);
}
double erf_of(double v) {
  return std::erf(v);
}
double exp_of(double v) {
  return std::exp(v);
}
double floor_of(double v) {
  return std::floor(v);
}
// The default rounding mode of the process is to nearest, ties to even.
double round_of(double v) {
  return std::nearbyint(v);
}
double sin_of(double v) {
  return std::sin(v);
}
double sinh_of(double v) {
  return std::sinh(v);
}
double sqrt_of(double v) {
  return std::sqrt(v);
}
double tan_of(double v) {
  return std::tan(v);
}
double tanh_of(double v) {
  return std::tanh(v);
}

double abs_of(double v) {
  return std::fabs(v);
}
std::int64_t abs_int(std::int64_t v) {
  return v < 0 ? -v : v;
}
double exp2_of(double v) {
  return std::exp2(v);
}
// Negative powers truncate to 0; high ones wrap like every other integer arithmetic.
std::int64_t exp2_int(std::int64_t v) {
  return v < 0 || v > 31 ? 0 : std::int64_t{1} << v;
}
double sign_of(double v) {
  return v > 0 ? 1.0 : v < 0 ? -1.0 : v;
}  // NaN and zeros stay
std::int64_t sign_int(std::int64_t v) {
  return v > 0 ? 1 : v < 0 ? -1 : 0;
}
double square_of(double v) {
  return v * v;
}
std::int64_t square_int(std::int64_t v) {
  return v * v;
}

void evaluate_logical_not(EvalContext& call) {
  evaluate_each(
      call, [](double v) { return v == 0; },
      [](std::int64_t v) { return static_cast<std::int64_t>(v == 0); });
}

void evaluate_inverse(EvalContext& call) {
  const double epsilon = epsilon_or(call, second, 1e-4);
  evaluate_each(
      call, [=](double v) { return 1 / (v + epsilon); }, [](std::int64_t v) { return v; });
}

void evaluate_log(EvalContext& call) {
  const double epsilon = epsilon_or(call, second, 1e-45);
  evaluate_each(
      call, [=](double v) { return std::log(v + epsilon); }, [](std::int64_t v) { return v; });
}

void evaluate_rsqrt(EvalContext& call) {
  const double epsilon = epsilon_or(call, second, 1e-12);
  evaluate_each(
      call, [=](double v) { return 1 / std::sqrt(v + epsilon); }, [](std::int64_t v) { return v; });
}

void evaluate_clip(EvalContext& call) {
  const double low = call.float_or(second, 0);
  const double high = call.float_or(third, 0);
  evaluate_each(
      call, [=](double v) { return min_or_nan(max_or_nan(v, low), high); },
      [](std::int64_t v) { return v; });
}

void evaluate_threshold(EvalContext& call) {
  const bool floating = is_float(call.in(x).dtype);
  const double low = floating ? call.float_or(second, 0) : 0;
  const std::int64_t low_int = floating ? 0 : call.int_or(second, 0);
  evaluate_each(
      call, [=](double v) { return max_or_nan(v, low); },
      [=](std::int64_t v) { return v < low_int ? low_int : v; });
}

void infer_scalars(InferContext& call) {
  for (const int p : {static_cast<int>(second), static_cast<int>(third)}) {
    if (p < static_cast<int>(call.def().params().size())) call.expect_one(p);
  }
  infer_same(call);
}

constexpr Param numbers[] = {{.name = "x", .types = t::numbers}};
constexpr OpVersion versions_numbers[] = {{Opset::ios15, numbers}};
constexpr Param floats[] = {{.name = "x", .types = t::floats}};
constexpr OpVersion versions_floats[] = {{Opset::ios15, floats}};
constexpr Param booleans[] = {{.name = "x", .types = t::boolean}};
constexpr OpVersion versions_booleans[] = {{Opset::ios15, booleans}};

constexpr Param epsilon_15[] = {
    {.name = "x", .types = t::floats, .group = 'T'},
    {.name = "epsilon",
     .types = t::floats,
     .form = Form::constant,
     .required = false,
     .group = 'T'},
};
constexpr Param epsilon_17[] = {
    {.name = "x", .types = t::floats},
    {.name = "epsilon", .types = t::floats, .form = Form::constant, .required = false},
};
constexpr OpVersion versions_epsilon[] = {{Opset::ios15, epsilon_15}, {Opset::ios17, epsilon_17}};

constexpr Param clip_params[] = {
    {.name = "x", .types = t::floats, .group = 'T'},
    {.name = "alpha", .types = t::floats, .form = Form::constant, .group = 'T'},
    {.name = "beta", .types = t::floats, .form = Form::constant, .group = 'T'},
};
constexpr OpVersion versions_clip[] = {{Opset::ios15, clip_params}};
constexpr Param threshold_params[] = {
    {.name = "x", .types = t::numbers, .group = 'T'},
    {.name = "alpha", .types = t::numbers, .form = Form::constant, .group = 'T'},
};
constexpr OpVersion versions_threshold[] = {{Opset::ios15, threshold_params}};

constexpr OpDef unary(std::string_view name, std::span<const OpVersion> versions,
                      void (*evaluate)(EvalContext&), void (*infer)(InferContext&) = infer_same) {
  return {.name = name,
          .versions = versions,
          .infer = infer,
          .evaluate = evaluate,
          .alias = Alias::in_place};
}

}  // namespace

extern const OpDef op_abs, op_acos, op_asin, op_atan, op_atanh, op_ceil, op_clip, op_cos, op_cosh,
    op_erf, op_exp, op_exp2, op_floor, op_inverse, op_log, op_logical_not, op_round, op_rsqrt,
    op_sign, op_sin, op_sinh, op_sqrt, op_square, op_tan, op_tanh, op_threshold;
const OpDef op_abs = unary("abs", versions_numbers, evaluate_number<abs_of, abs_int>);
const OpDef op_acos = unary("acos", versions_floats, evaluate_float<acos_of>);
const OpDef op_asin = unary("asin", versions_floats, evaluate_float<asin_of>);
const OpDef op_atan = unary("atan", versions_floats, evaluate_float<atan_of>);
const OpDef op_atanh = unary("atanh", versions_floats, evaluate_float<atanh_of>);
const OpDef op_ceil = unary("ceil", versions_floats, evaluate_float<ceil_of>);
const OpDef op_clip = unary("clip", versions_clip, evaluate_clip, infer_scalars);
const OpDef op_cos = unary("cos", versions_floats, evaluate_float<cos_of>);
const OpDef op_cosh = unary("cosh", versions_floats, evaluate_float<cosh_of>);
const OpDef op_erf = unary("erf", versions_floats, evaluate_float<erf_of>);
const OpDef op_exp = unary("exp", versions_floats, evaluate_float<exp_of>);
const OpDef op_exp2 = unary("exp2", versions_numbers, evaluate_number<exp2_of, exp2_int>);
const OpDef op_floor = unary("floor", versions_floats, evaluate_float<floor_of>);
const OpDef op_inverse = unary("inverse", versions_epsilon, evaluate_inverse, infer_scalars);
const OpDef op_log = unary("log", versions_epsilon, evaluate_log, infer_scalars);
const OpDef op_logical_not = unary("logical_not", versions_booleans, evaluate_logical_not);
const OpDef op_round = unary("round", versions_floats, evaluate_float<round_of>);
const OpDef op_rsqrt = unary("rsqrt", versions_epsilon, evaluate_rsqrt, infer_scalars);
const OpDef op_sign = unary("sign", versions_numbers, evaluate_number<sign_of, sign_int>);
const OpDef op_sin = unary("sin", versions_floats, evaluate_float<sin_of>);
const OpDef op_sinh = unary("sinh", versions_floats, evaluate_float<sinh_of>);
const OpDef op_sqrt = unary("sqrt", versions_floats, evaluate_float<sqrt_of>);
const OpDef op_square = unary("square", versions_numbers, evaluate_number<square_of, square_int>);
const OpDef op_tan = unary("tan", versions_floats, evaluate_float<tan_of>);
const OpDef op_tanh = unary("tanh", versions_floats, evaluate_float<tanh_of>);
const OpDef op_threshold =
    unary("threshold", versions_threshold, evaluate_threshold, infer_scalars);

}  // namespace pome::ops::definitions

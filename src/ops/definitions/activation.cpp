// Activations: elementwise functions of floats, some with one or two scalars or a vector per
// channel, and softmax.
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

enum : int { x, alpha, beta };
constexpr int mode = 1;  // of gelu
constexpr int axis = 1;  // of softmax

template <double (*F)(double)>
void evaluate_plain(EvalContext& call) {
  const auto& in = call.in(x);
  const auto out = call.out(0, Dims(in.dims));
  const auto n = in.size();
  for (std::int64_t i = 0; i < n; ++i) store_f(out, i, F(load_f(in, i)));
}

/// Activations with a scalar `alpha` and perhaps a scalar `beta`.
template <double (*F)(double, double, double)>
void evaluate_scalars(EvalContext& call) {
  const auto& in = call.in(x);
  const auto out = call.out(0, Dims(in.dims));
  const double a = call.float_or(alpha, 0);
  const double b = call.def().params().size() > 2 ? call.float_or(beta, 0) : 0;
  const auto n = in.size();
  for (std::int64_t i = 0; i < n; ++i) store_f(out, i, F(load_f(in, i), a, b));
}

/// Activations with vectors over the channels, which are dimension 1.
template <double (*F)(double, double, double)>
void evaluate_channels(EvalContext& call) {
  const auto& in = call.in(x);
  const auto out = call.out(0, Dims(in.dims));
  const auto a = call.in(alpha);
  const auto b = call.def().params().size() > 2 ? call.in(beta) : a;
  const auto channels = in.dims[1];
  const auto inner = extent(Dims(in.dims), 2, in.dims.size());
  const auto n = in.size();
  for (std::int64_t i = 0; i < n; ++i) {
    const auto c = i / inner % channels;
    store_f(out, i, F(load_f(in, i), load_f(a, c), load_f(b, c)));
  }
}

double sigmoid_of(double v) {
  return 1 / (1 + std::exp(-v));
}
double softplus_of(double v) {
  return std::log1p(std::exp(-std::fabs(v))) + max_or_nan(v, 0);
}

// A comparison with NaN is false, which lets it pass through.
double relu_of(double v) {
  return v < 0 ? 0.0 : v;
}
double relu6_of(double v) {
  return v < 0 ? 0.0 : v > 6 ? 6.0 : v;
}
double silu_of(double v) {
  return v * sigmoid_of(v);
}
double softsign_of(double v) {
  return v / (1 + std::fabs(v));
}
double tanh_gelu_of(double v) {
  const double scale = std::sqrt(2 / std::numbers::pi);
  return 0.5 * v * (1 + std::tanh(scale * (v + 0.044715 * v * v * v)));
}
double sigmoid_gelu_of(double v) {
  return v * sigmoid_of(1.702 * v);
}
// 1 + erf(v / sqrt 2), written so that it does not cancel for negative v.
double exact_gelu_of(double v) {
  return 0.5 * v * std::erfc(-v / std::numbers::sqrt2);
}

double clamped_relu_of(double v, double a, double b) {
  return min_or_nan(b, v < 0 ? a * v : v);
}
double elu_of(double v, double a, double) {
  return v > 0 ? v : a * std::expm1(v);
}
double leaky_relu_of(double v, double a, double) {
  return v < 0 ? a * v : v;
}
double linear_of(double v, double a, double b) {
  return a * v + b;
}
double scaled_tanh_of(double v, double a, double b) {
  return a * std::tanh(b * v);
}
double sigmoid_hard_of(double v, double a, double b) {
  return min_or_nan(max_or_nan(a * v + b, 0), 1);
}
double thresholded_relu_of(double v, double a, double) {
  return v < a ? 0.0 : v;
}
double softplus_parametric_of(double v, double a, double b) {
  return a * softplus_of(b * v);
}

constexpr std::string_view gelu_modes[] = {"EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION"};

void infer_scalars(InferContext& call) {
  for (int p = alpha; p < static_cast<int>(call.def().params().size()); ++p) call.expect_one(p);
  infer_same(call);
}

void infer_gelu(InferContext& call) {
  call.choice_or(mode, 0, gelu_modes);
  infer_same(call);
}

void evaluate_gelu(EvalContext& call) {
  switch (call.choice_or(mode, 0, gelu_modes)) {
    case 0: return evaluate_plain<exact_gelu_of>(call);
    case 1: return evaluate_plain<tanh_gelu_of>(call);
    default: return evaluate_plain<sigmoid_gelu_of>(call);
  }
}

void infer_channels(InferContext& call) {
  const auto& in = call.type(x);
  if (in.ranked && in.rank() < 2) {
    call.fail(x,
              base::cat("expected at least 2 dimensions, found shape ", base::shape_text(in.dims)));
  }
  for (int p = alpha; p < static_cast<int>(call.def().params().size()); ++p) {
    const auto& vector = call.type(p);
    if (!vector.ranked || !in.ranked) continue;
    if (vector.rank() != 1 || (ir::is_known(vector.dims[0]) && ir::is_known(in.dims[1]) &&
                               vector.dims[0] != in.dims[1])) {
      call.fail(p, base::cat("found shape ", base::shape_text(vector.dims),
                             ", expected a vector over the ", in.dims[1], " channels of x"));
    }
  }
  infer_same(call);
}

void infer_softmax(InferContext& call) {
  const auto& in = call.type(x);
  if (in.ranked) call.axis(axis, call.int_or(axis, -1), in.rank());
  infer_same(call);
}

void evaluate_softmax(EvalContext& call) {
  const auto& in = call.in(x);
  const auto out = call.out(0, Dims(in.dims));
  const Dims dims(in.dims);
  const auto at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, -1), dims.size()));
  const auto outer = extent(dims, 0, at);
  const auto length = dims[at];
  const auto inner = extent(dims, at + 1, dims.size());
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < inner; ++i) {
      const auto first = o * length * inner + i;
      double top = -std::numeric_limits<double>::infinity();
      for (std::int64_t k = 0; k < length; ++k) {
        top = max_or_nan(top, load_f(in, first + k * inner));
      }
      double sum = 0;
      for (std::int64_t k = 0; k < length; ++k) {
        sum += std::exp(load_f(in, first + k * inner) - top);
      }
      for (std::int64_t k = 0; k < length; ++k) {
        const auto e = first + k * inner;
        store_f(out, e, std::exp(load_f(in, e) - top) / sum);
      }
    }
  }
}

constexpr Param plain[] = {{.name = "x", .types = t::floats}};
constexpr OpVersion plain_versions[] = {{Opset::ios15, plain}};
constexpr Param gelu_params[] = {
    {.name = "x", .types = t::floats},
    {.name = "mode", .types = t::string, .form = Form::constant, .required = false},
};
constexpr OpVersion gelu_versions[] = {{Opset::ios15, gelu_params}};
constexpr Param softmax_params[] = {
    {.name = "x", .types = t::floats},
    {.name = "axis", .types = t::i32, .form = Form::constant, .required = false},
};
constexpr OpVersion softmax_versions[] = {{Opset::ios15, softmax_params}};

// Since iOS17 the parameters may have another float type than x.
constexpr Param alpha_15[] = {
    {.name = "x", .types = t::floats, .group = 'T'},
    {.name = "alpha", .types = t::floats, .form = Form::constant, .group = 'T'},
};
constexpr Param alpha_17[] = {
    {.name = "x", .types = t::floats},
    {.name = "alpha", .types = t::floats, .form = Form::constant},
};
constexpr OpVersion alpha_versions[] = {{Opset::ios15, alpha_15}, {Opset::ios17, alpha_17}};
constexpr Param alpha_beta_15[] = {
    {.name = "x", .types = t::floats, .group = 'T'},
    {.name = "alpha", .types = t::floats, .form = Form::constant, .group = 'T'},
    {.name = "beta", .types = t::floats, .form = Form::constant, .group = 'T'},
};
constexpr Param alpha_beta_17[] = {
    {.name = "x", .types = t::floats},
    {.name = "alpha", .types = t::floats, .form = Form::constant, .group = 'U'},
    {.name = "beta", .types = t::floats, .form = Form::constant, .group = 'U'},
};
constexpr OpVersion alpha_beta_versions[] = {{Opset::ios15, alpha_beta_15},
                                             {Opset::ios17, alpha_beta_17}};

constexpr OpDef activation(std::string_view name, std::span<const OpVersion> versions,
                           void (*evaluate)(EvalContext&),
                           void (*infer)(InferContext&) = infer_same,
                           Alias alias = Alias::in_place) {
  return {.name = name, .versions = versions, .infer = infer, .evaluate = evaluate, .alias = alias};
}

}  // namespace

extern const OpDef op_clamped_relu, op_elu, op_gelu, op_leaky_relu, op_linear_activation, op_prelu,
    op_relu, op_relu6, op_scaled_tanh, op_sigmoid, op_sigmoid_hard, op_silu, op_softmax,
    op_softplus, op_softplus_parametric, op_softsign, op_thresholded_relu;
const OpDef op_clamped_relu = activation("clamped_relu", alpha_beta_versions,
                                         evaluate_scalars<clamped_relu_of>, infer_scalars);
const OpDef op_elu = activation("elu", alpha_versions, evaluate_scalars<elu_of>, infer_scalars);
const OpDef op_gelu = activation("gelu", gelu_versions, evaluate_gelu, infer_gelu);
const OpDef op_leaky_relu =
    activation("leaky_relu", alpha_versions, evaluate_scalars<leaky_relu_of>, infer_scalars);
const OpDef op_linear_activation = activation("linear_activation", alpha_beta_versions,
                                              evaluate_scalars<linear_of>, infer_scalars);
const OpDef op_prelu =
    activation("prelu", alpha_versions, evaluate_channels<leaky_relu_of>, infer_channels);
const OpDef op_relu = activation("relu", plain_versions, evaluate_plain<relu_of>);
const OpDef op_relu6 = activation("relu6", plain_versions, evaluate_plain<relu6_of>);
const OpDef op_scaled_tanh =
    activation("scaled_tanh", alpha_beta_versions, evaluate_scalars<scaled_tanh_of>, infer_scalars);
const OpDef op_sigmoid = activation("sigmoid", plain_versions, evaluate_plain<sigmoid_of>);
const OpDef op_sigmoid_hard = activation("sigmoid_hard", alpha_beta_versions,
                                         evaluate_scalars<sigmoid_hard_of>, infer_scalars);
const OpDef op_silu = activation("silu", plain_versions, evaluate_plain<silu_of>);
const OpDef op_softmax = activation("softmax", softmax_versions, evaluate_softmax, infer_softmax);
const OpDef op_softplus = activation("softplus", plain_versions, evaluate_plain<softplus_of>);
const OpDef op_softplus_parametric =
    activation("softplus_parametric", alpha_beta_versions,
               evaluate_channels<softplus_parametric_of>, infer_channels);
const OpDef op_softsign = activation("softsign", plain_versions, evaluate_plain<softsign_of>);
const OpDef op_thresholded_relu = activation("thresholded_relu", alpha_versions,
                                             evaluate_scalars<thresholded_relu_of>, infer_scalars);

}  // namespace pome::ops::definitions

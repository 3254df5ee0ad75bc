// quantize: clip(round(input / scale) + zero_point), rounding half to even; dequantize:
// scale * (input - zero_point). Scale and zero point are scalars, or vectors along `axis`.
#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

/// Positions of the shared parameters.
struct Layout {
  int input, zero_point, scale, axis;
};

/// Fails unless the parameter is a scalar, or a vector of the axis' size.
void check_factor(const Call& call, const Layout& at, int param) {
  const auto& factor = call.type(param);
  const auto& in = call.type(at.input);
  if (factor.rank() == 0) return;
  if (factor.rank() != 1) {
    call.fail(param, cat("found shape ", base::shape_text(factor.dims),
                         ", expected a scalar or a vector"));
  }
  if (!call.has(at.axis)) call.fail(at.axis, "is missing for a vector of scales");
  if (!in.ranked) return;
  const auto a = call.axis(at.axis, call.int_or(at.axis, 0), in.rank());
  const auto size = in.dims[static_cast<std::size_t>(a)];
  if (ir::is_known(size) && ir::is_known(factor.dims[0]) && factor.dims[0] != size) {
    call.fail(param, cat("has ", factor.dims[0], " values, the axis has ", size));
  }
}

void check(const Call& call, const Layout& at) {
  check_factor(call, at, at.scale);
  if (!call.has(at.zero_point)) return;
  check_factor(call, at, at.zero_point);
  if (call.type(at.zero_point).rank() != call.type(at.scale).rank()) {
    call.fail(at.zero_point, "must be a scalar where scale is one, a vector where it is one");
  }
}

/// Calls `f(i, scale, zero_point)` for every element.
template <typename F>
void for_each(const EvalContext& call, const Layout& at, F f) {
  const auto& in = call.in(at.input);
  const auto& scale = call.in(at.scale);
  std::int64_t inner = 1;
  std::int64_t size = 1;
  if (!scale.dims.empty()) {
    const auto a =
        static_cast<std::size_t>(call.axis(at.axis, call.int_or(at.axis, 0), in.dims.size()));
    size = in.dims[a];
    for (auto d = a + 1; d < in.dims.size(); ++d) inner *= in.dims[d];
  }
  const auto n = in.size();
  for (std::int64_t i = 0; i < n; ++i) {
    const auto k = i / inner % size;
    f(i, load_f(scale, k), call.has(at.zero_point) ? load_f(call.in(at.zero_point), k) : 0.0);
  }
}

constexpr Layout layout{0, 1, 2, 3};
enum : int { output_dtype = 4 };

DataType target(const Call& call) {
  constexpr std::array<std::string_view, 2> names{"int8", "uint8"};
  const auto dtype = call.choice_or(output_dtype, 0, names) == 0 ? DataType::int8 : DataType::uint8;
  if (call.has(layout.zero_point) && call.type(layout.zero_point).dtype != dtype) {
    call.fail(layout.zero_point, cat("is ", name(call.type(layout.zero_point).dtype), ", expected ",
                                     name(dtype), " as output_dtype says"));
  }
  return dtype;
}

void infer_quantize(InferContext& call) {
  check(call, layout);
  auto out = call.type(layout.input);
  out.dtype = target(call);
  call.set_result(std::move(out));
}

void evaluate_quantize(EvalContext& call) {
  check(call, layout);
  const auto& in = call.in(layout.input);
  const auto out = call.out(0, Dims(in.dims));
  const double low = target(call) == DataType::int8 ? -128 : 0;
  for_each(call, layout, [&](std::int64_t i, double scale, double zero_point) {
    const double value = std::nearbyint(load_f(in, i) / scale) + zero_point;
    store_f(out, i, std::clamp(value, low, low + 255));
  });
}

void infer_dequantize(InferContext& call) {
  check(call, layout);
  auto out = call.type(layout.input);
  out.dtype = call.type(layout.scale).dtype;
  call.set_result(std::move(out));
}

void evaluate_dequantize(EvalContext& call) {
  check(call, layout);
  const auto& in = call.in(layout.input);
  const auto out = call.out(0, Dims(in.dims));
  for_each(call, layout, [&](std::int64_t i, double scale, double zero_point) {
    store_f(out, i, scale * (load_f(in, i) - zero_point));
  });
}

constexpr auto constant = Form::constant;
constexpr TypeSet bytes = types(DataType::int8, DataType::uint8);
constexpr Param quantize_params[] = {
    {.name = "input", .types = t::floats, .group = 'S'},
    {.name = "zero_point", .types = bytes, .form = constant, .required = false},
    {.name = "scale", .types = t::floats, .form = constant, .group = 'S'},
    {.name = "axis", .types = t::i32, .form = constant, .required = false},
    {.name = "output_dtype", .types = t::string, .form = constant},
};
constexpr Param dequantize_params[] = {
    {.name = "input", .types = bytes, .group = 'S'},
    {.name = "zero_point", .types = bytes, .form = constant, .required = false, .group = 'S'},
    {.name = "scale", .types = t::floats, .form = constant},
    {.name = "axis", .types = t::i32, .form = constant, .required = false},
};
constexpr OpVersion quantize_versions[] = {{Opset::ios17, quantize_params}};
constexpr OpVersion dequantize_versions[] = {{Opset::ios17, dequantize_params}};

}  // namespace

extern const OpDef op_quantize, op_dequantize;
const OpDef op_quantize{.name = "quantize",
                        .versions = quantize_versions,
                        .infer = infer_quantize,
                        .evaluate = evaluate_quantize};
const OpDef op_dequantize{.name = "dequantize",
                          .versions = dequantize_versions,
                          .infer = infer_dequantize,
                          .evaluate = evaluate_dequantize};

}  // namespace pome::ops::definitions

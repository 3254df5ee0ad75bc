// Elementwise operations of one tensor: abs, relu, ...
#include <cmath>
#include <cstdint>

#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

enum : int { x };

void infer_same(InferContext& call) { call.set_result(call.type(x)); }

template <typename FloatOp, typename IntOp>
void evaluate_each(EvalContext& call, FloatOp f, IntOp g) {
  const auto& in = call.in(x);
  const auto out = call.out(0, Dims(in.dims));
  const auto n = in.size();
  for (std::int64_t i = 0; i < n; ++i) {
    if (is_float(in.dtype)) {
      store_f(out, i, f(load_f(in, i)));
    } else {
      store_i(out, i, g(load_i(in, i)));
    }
  }
}

void evaluate_abs(EvalContext& call) {
  evaluate_each(
      call, [](double v) { return std::fabs(v); },
      [](std::int64_t v) { return v < 0 ? -v : v; });
}

void evaluate_relu(EvalContext& call) {
  // NaN passes through: the comparison is false for it.
  evaluate_each(
      call, [](double v) { return v < 0 ? 0.0 : v; },
      [](std::int64_t v) { return v < 0 ? 0 : v; });
}

constexpr Param numbers[] = {{.name = "x", .types = t::numbers}};
constexpr OpVersion versions_numbers[] = {{Opset::ios15, numbers}};
constexpr Param floats[] = {{.name = "x", .types = t::floats}};
constexpr OpVersion versions_floats[] = {{Opset::ios15, floats}};

}  // namespace

extern const OpDef op_abs, op_relu;
const OpDef op_abs{.name = "abs",
                   .versions = versions_numbers,
                   .infer = infer_same,
                   .evaluate = evaluate_abs,
                   .alias = Alias::in_place};
const OpDef op_relu{.name = "relu",
                    .versions = versions_floats,
                    .infer = infer_same,
                    .evaluate = evaluate_relu,
                    .alias = Alias::in_place};

}  // namespace pome::ops::definitions

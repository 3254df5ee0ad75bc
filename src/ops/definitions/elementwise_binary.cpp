// Elementwise operations of two tensors with numpy broadcasting: add, ...
// Integers wrap as int32 arithmetic does in two's complement.
#include <cstdint>

#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

enum : int { x, y };

void infer_same_type(InferContext& call) {
  Dims dims;
  if (!broadcast(call.type(x).dims, call.type(y).dims, dims)) fail_broadcast(call, x, y);
  call.set_result(Type::tensor(call.type(x).dtype, std::move(dims)));
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

void evaluate_add(EvalContext& call) {
  evaluate_pairs(
      call, [](double a, double b) { return a + b; },
      [](std::int64_t a, std::int64_t b) { return a + b; });
}

constexpr Param params[] = {
    {.name = "x", .types = t::numbers, .group = 'T'},
    {.name = "y", .types = t::numbers, .group = 'T'},
};
constexpr OpVersion versions[] = {{Opset::ios15, params}};

}  // namespace

extern const OpDef op_add;
const OpDef op_add{.name = "add",
                   .versions = versions,
                   .infer = infer_same_type,
                   .evaluate = evaluate_add,
                   .alias = Alias::in_place};

}  // namespace pome::ops::definitions

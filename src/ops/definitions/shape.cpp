// shape, fill, fill_like, range_1d, non_zero.
#include <algorithm>
#include <cmath>

#include "base/half.h"
#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

// --- shape: the dimensions of x as int32 ---

void infer_shape(InferContext& call) {
  const auto& in = call.type(0);
  call.set_result(Type::tensor(
      DataType::int32,
      Dims{in.ranked ? static_cast<std::int64_t>(in.rank()) : ir::unknown_dim}));
}

void evaluate_shape(EvalContext& call) {
  const auto dims = call.in(0).dims;
  const auto out = call.out(0, Dims{static_cast<std::int64_t>(dims.size())});
  for (std::size_t i = 0; i < dims.size(); ++i) {
    store_i(out, static_cast<std::int64_t>(i), dims[i]);
  }
}

// --- fill and fill_like ---

enum : int { fill_shape, fill_value };

DataType fill_dtype(const Call& call) {
  return call.has(fill_value) ? call.type(fill_value).dtype : DataType::fp32;
}

void put_all(const EvalContext& call, const MutableTensorView& out) {
  const bool given = call.has(fill_value);
  for (std::int64_t i = 0; i < out.size(); ++i) {
    if (given && !is_float(out.dtype)) {
      store_i(out, i, load_i(call.in(fill_value), 0));
    } else {
      store_f(out, i, given ? load_f(call.in(fill_value), 0) : 0.0);
    }
  }
}

Dims fill_dims(const Call& call) {
  auto dims = call.ints_or(fill_shape, {});
  for (const auto d : dims) {
    if (d < 0) call.fail(fill_shape, cat("found ", base::shape_text(dims), ", expected sizes"));
  }
  return dims;
}

void infer_fill(InferContext& call) {
  const auto dtype = fill_dtype(call);
  if (call.known(fill_shape)) return call.set_result(Type::tensor(dtype, fill_dims(call)));
  const auto& length = call.type(fill_shape).dims;
  if (length.size() != 1 || !ir::is_known(length[0])) {
    return call.set_result(Type::unranked(dtype));
  }
  call.set_result(
      Type::tensor(dtype, Dims(static_cast<std::size_t>(length[0]), ir::unknown_dim)));
}

void evaluate_fill(EvalContext& call) { put_all(call, call.out(0, fill_dims(call))); }

void infer_fill_like(InferContext& call) {
  Type type = call.type(0);
  type.dtype = fill_dtype(call);
  call.set_result(std::move(type));
}

void evaluate_fill_like(EvalContext& call) { put_all(call, call.out(0, Dims(call.in(0).dims))); }

// --- range_1d: start, start + step, ... below end ---

enum : int { end, start, step };

std::int64_t range_count(const Call& call) {
  if (is_float(call.type(end).dtype)) {
    const double width = call.float_or(step, 1);
    if (width == 0) call.fail(step, "found 0, expected another step");
    const double n = std::ceil((call.float_or(end, 0) - call.float_or(start, 0)) / width);
    if (!(n < 4.0e9)) call.fail(end, "the range is too long");
    return std::max<std::int64_t>(0, static_cast<std::int64_t>(n));
  }
  const auto width = call.int_or(step, 1);
  if (width == 0) call.fail(step, "found 0, expected another step");
  const auto distance = call.int_or(end, 0) - call.int_or(start, 0);
  const auto up = width > 0 ? distance : -distance;
  const auto size = width > 0 ? width : -width;
  return up <= 0 ? 0 : (up + size - 1) / size;
}

void infer_range(InferContext& call) {
  const bool known = call.known(end) && call.known(start) && call.known(step);
  call.set_result(Type::tensor(call.type(end).dtype,
                               Dims{known ? range_count(call) : ir::unknown_dim}));
}

void evaluate_range(EvalContext& call) {
  const auto out = call.out(0, Dims{range_count(call)});
  for (std::int64_t i = 0; i < out.size(); ++i) {
    if (is_float(out.dtype)) {
      store_f(out, i, call.float_or(start, 0) + static_cast<double>(i) * call.float_or(step, 1));
    } else {
      store_i(out, i, call.int_or(start, 0) + i * call.int_or(step, 1));
    }
  }
}

// --- non_zero: index vectors of the elements that are not zero, in row-major order ---

void infer_non_zero(InferContext& call) {
  const auto& in = call.type(0);
  call.set_result(Type::tensor(
      DataType::int32,
      {ir::unknown_dim, in.ranked ? static_cast<std::int64_t>(in.rank()) : ir::unknown_dim}));
}

bool is_set(const TensorView& in, std::int64_t i) {
  return is_float(in.dtype) ? load_f(in, i) != 0 : load_i(in, i) != 0;
}

void evaluate_non_zero(EvalContext& call) {
  const auto& in = call.in(0);
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < in.size(); ++i) count += is_set(in, i) ? 1 : 0;
  const auto rank = static_cast<std::int64_t>(in.dims.size());
  const auto out = call.out(0, Dims{count, rank});
  std::int64_t row = 0;
  std::int64_t i = 0;
  for (IndexWalk walk(in.dims, {}); !walk.done(); walk.next(), ++i) {
    if (!is_set(in, i)) continue;
    for (std::int64_t d = 0; d < rank; ++d) {
      store_i(out, row * rank + d, walk.index()[static_cast<std::size_t>(d)]);
    }
    ++row;
  }
}

constexpr auto constant = Form::constant;
constexpr Param x_params[] = {{.name = "x", .types = t::all}};
constexpr Param fill_params[] = {
    {.name = "shape", .types = t::ints},
    {.name = "value", .types = t::all, .form = constant, .required = false},
};
constexpr Param fill_like_params[] = {
    {.name = "ref_tensor", .types = t::all},
    {.name = "value", .types = t::all, .form = constant, .required = false},
};
constexpr Param range_params[] = {
    {.name = "end", .types = t::numbers, .group = 'T'},
    {.name = "start", .types = t::numbers, .group = 'T'},
    {.name = "step", .types = t::numbers, .group = 'T'},
};
constexpr OpVersion x_versions[] = {{Opset::ios15, x_params}};
constexpr OpVersion fill_versions[] = {{Opset::ios15, fill_params}};
constexpr OpVersion fill_like_versions[] = {{Opset::ios16, fill_like_params}};
constexpr OpVersion range_versions[] = {{Opset::ios15, range_params}};

}  // namespace

extern const OpDef op_shape, op_fill, op_fill_like, op_range_1d, op_non_zero;
const OpDef op_shape{.name = "shape",
                     .versions = x_versions,
                     .infer = infer_shape,
                     .evaluate = evaluate_shape,
                     .from_types = true};
const OpDef op_fill{.name = "fill",
                    .versions = fill_versions,
                    .infer = infer_fill,
                    .evaluate = evaluate_fill};
const OpDef op_fill_like{.name = "fill_like",
                         .versions = fill_like_versions,
                         .infer = infer_fill_like,
                         .evaluate = evaluate_fill_like};
const OpDef op_range_1d{.name = "range_1d",
                        .versions = range_versions,
                        .infer = infer_range,
                        .evaluate = evaluate_range};
const OpDef op_non_zero{.name = "non_zero",
                        .versions = x_versions,
                        .infer = infer_non_zero,
                        .evaluate = evaluate_non_zero};

}  // namespace pome::ops::definitions

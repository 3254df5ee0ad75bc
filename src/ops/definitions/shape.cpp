// Tensors made from shapes and scalars: shape, fill, fill_like, range_1d, one_hot; and non_zero,
// whose shape depends on data.
#include <cmath>
#include <cstdint>

#include "base/checked.h"
#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

void infer_shape(InferContext& call) {
  const auto& in = call.type(0);
  call.set_result(Type::tensor(
      DataType::int32, {in.ranked ? static_cast<std::int64_t>(in.rank()) : ir::unknown_dim}));
}

void evaluate_shape(EvalContext& call) {
  const auto dims = call.in(0).dims;
  const auto out = call.out(0, {static_cast<std::int64_t>(dims.size())});
  for (std::size_t i = 0; i < dims.size(); ++i) {
    store_i(out, static_cast<std::int64_t>(i), dims[i]);
  }
}

// --- fill, fill_like ---

constexpr int value = 1;

/// Element type of the result: that of `value`, whose default is 0.0.
DataType fill_type(const Call& call) {
  return call.has(value) ? call.type(value).dtype : DataType::fp32;
}

void fill_with_value(EvalContext& call, const MutableTensorView& out) {
  const auto n = out.size();
  for (std::int64_t i = 0; i < n; ++i) {
    if (call.has(value)) {
      copy_element(call.in(value), 0, out, i);
    } else {
      store_f(out, i, 0);
    }
  }
}

Dims checked_shape(const Call& call, int param) {
  Dims dims = call.ints_or(param, {});
  if (!base::element_count(dims)) {
    call.fail(param, cat("found ", base::shape_text(dims), ", expected sizes that fit 64 bits"));
  }
  return dims;
}

void infer_fill(InferContext& call) {
  call.expect_one(value);
  const auto dtype = fill_type(call);
  if (call.known(0)) {
    call.set_result(Type::tensor(dtype, checked_shape(call, 0)));
    return;
  }
  const auto& length = call.type(0);
  if (length.ranked && length.rank() != 1) {
    call.fail(0, cat("expected a vector, found shape ", base::shape_text(length.dims)));
  }
  call.set_result(
      length.ranked && ir::is_known(length.dims[0])
          ? Type::tensor(dtype, Dims(static_cast<std::size_t>(length.dims[0]), ir::unknown_dim))
          : Type::unranked(dtype));
}

void evaluate_fill(EvalContext& call) {
  fill_with_value(call, call.out(0, checked_shape(call, 0)));
}

void infer_fill_like(InferContext& call) {
  call.expect_one(value);
  auto type = call.type(0);
  type.dtype = fill_type(call);
  call.set_result(std::move(type));
}

void evaluate_fill_like(EvalContext& call) {
  fill_with_value(call, call.out(0, Dims(call.in(0).dims)));
}

// --- range_1d ---

namespace range {

enum : int { start, end, step };

/// Number of elements: ceil((end - start) / step), not below 0.
std::int64_t length(const Call& call) {
  const auto scalar = [&](int p) {
    const auto v = call.known(p);
    if (v.size() != 1)
      call.fail(p, cat("expected one value, found shape ", base::shape_text(v.dims)));
    return v;
  };
  const auto a = scalar(start);
  const auto b = scalar(end);
  const auto c = scalar(step);
  if (load_f(c, 0) == 0) call.fail(step, "found 0, expected a step above or below it");
  if (!is_float(a.dtype)) {
    const auto distance = load_i(b, 0) - load_i(a, 0);  // of int32 values: fits
    const auto by = load_i(c, 0);
    if (distance == 0 || (distance < 0) != (by < 0)) return 0;
    return by > 0 ? (distance + by - 1) / by : (distance + by + 1) / by;
  }
  const double n = std::ceil((load_f(b, 0) - load_f(a, 0)) / load_f(c, 0));
  if (!(n < 9e15)) {
    call.fail(end, "the range from 'start' to 'end' by 'step' has no countable length");
  }
  return n > 0 ? static_cast<std::int64_t>(n) : 0;
}

void infer(InferContext& call) {
  for (const int p : {static_cast<int>(start), static_cast<int>(end), static_cast<int>(step)}) {
    call.expect_one(p);
  }
  const bool all = call.known(start) && call.known(end) && call.known(step);
  call.set_result(Type::tensor(call.type(start).dtype, {all ? length(call) : ir::unknown_dim}));
}

void evaluate(EvalContext& call) {
  const auto n = length(call);
  const auto out = call.out(0, {n});
  const auto& a = call.in(start);
  const auto& c = call.in(step);
  for (std::int64_t i = 0; i < n; ++i) {
    if (is_float(a.dtype)) {
      store_f(out, i, load_f(a, 0) + static_cast<double>(i) * load_f(c, 0));
    } else {
      store_i(out, i, load_i(a, 0) + i * load_i(c, 0));
    }
  }
}

}  // namespace range

// --- one_hot: an index outside the vector leaves it all off ---

namespace hot {

enum : int { indices, size, axis, on_value, off_value };

DataType result_type(const Call& call) {
  if (call.has(on_value)) return call.type(on_value).dtype;
  return call.has(off_value) ? call.type(off_value).dtype : DataType::int32;
}

Dims result_dims(const Call& call, const Dims& dims, std::int64_t length) {
  Dims out = dims;
  const auto at = call.axis(axis, call.int_or(axis, -1), dims.size() + 1);
  out.insert(out.begin() + at, length);
  return out;
}

std::int64_t vector_size(const Call& call) {
  const auto n = call.int_or(size, 0);
  if (n < 0) call.fail(size, cat("found ", n, ", expected at least 0"));
  return n;
}

void infer(InferContext& call) {
  call.expect_one(on_value);
  call.expect_one(off_value);
  call.expect_one(size);
  const auto dtype = result_type(call);
  const auto& in = call.type(indices);
  const auto length = call.known(size) ? vector_size(call) : ir::unknown_dim;
  call.set_result(in.ranked ? Type::tensor(dtype, result_dims(call, in.dims, length))
                            : Type::unranked(dtype));
}

void put(const EvalContext& call, int param, std::int64_t otherwise, const MutableTensorView& out,
         std::int64_t o) {
  if (call.has(param)) {
    copy_element(call.in(param), 0, out, o);
  } else {
    store_i(out, o, otherwise);
  }
}

void evaluate(EvalContext& call) {
  const auto& in = call.in(indices);
  const auto length = vector_size(call);
  const Dims dims = result_dims(call, Dims(in.dims), length);
  const auto at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, -1), dims.size()));
  const auto out = call.out(0, dims);
  const auto outer = extent(dims, 0, at);
  const auto inner = extent(dims, at + 1, dims.size());
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t k = 0; k < length; ++k) {
      for (std::int64_t i = 0; i < inner; ++i) {
        const auto to = (o * length + k) * inner + i;
        if (load_i(in, o * inner + i) == k) {
          put(call, on_value, 1, out, to);
        } else {
          put(call, off_value, 0, out, to);
        }
      }
    }
  }
}

}  // namespace hot

// --- non_zero: one row of indices for each element that is not zero, in order ---

std::int64_t count_non_zero(const TensorView& in) {
  const auto n = in.size();
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) count += load_f(in, i) != 0;
  return count;
}

void infer_non_zero(InferContext& call) {
  const auto& in = call.type(0);
  const auto rank = in.ranked ? static_cast<std::int64_t>(in.rank()) : ir::unknown_dim;
  const auto rows = call.known(0) ? count_non_zero(call.known(0)) : ir::unknown_dim;
  call.set_result(Type::tensor(DataType::int32, {rows, rank}));
}

void evaluate_non_zero(EvalContext& call) {
  const auto& in = call.in(0);
  const auto rank = static_cast<std::int64_t>(in.dims.size());
  const auto out = call.out(0, {count_non_zero(in), rank});
  std::int64_t i = 0;
  std::int64_t o = 0;
  for (IndexWalk walk(in.dims, {}); !walk.done(); walk.next(), ++i) {
    if (load_f(in, i) == 0) continue;
    for (const auto at : walk.index()) store_i(out, o++, at);
  }
}

constexpr TypeSet basic = t::numbers | t::boolean;
constexpr Param shape_params[] = {{.name = "x", .types = t::all}};
constexpr OpVersion shape_versions[] = {{Opset::ios15, shape_params}};
constexpr Param value_param{
    .name = "value", .types = basic, .form = Form::constant, .required = false};
constexpr Param fill_params[] = {{.name = "shape", .types = t::i32}, value_param};
constexpr OpVersion fill_versions[] = {{Opset::ios15, fill_params}};
constexpr Param fill_like_params[] = {{.name = "ref_tensor", .types = basic}, value_param};
constexpr OpVersion fill_like_versions[] = {{Opset::ios16, fill_like_params}};
constexpr Param range_params[] = {{.name = "start", .types = t::numbers, .group = 'T'},
                                  {.name = "end", .types = t::numbers, .group = 'T'},
                                  {.name = "step", .types = t::numbers, .group = 'T'}};
constexpr OpVersion range_versions[] = {{Opset::ios15, range_params}};
constexpr Param hot_value(std::string_view name) {
  return {.name = name, .types = basic, .form = Form::constant, .required = false, .group = 'T'};
}
constexpr Param hot_params[] = {
    {.name = "indices", .types = t::i32},
    {.name = "one_hot_vector_size", .types = t::i32},
    {.name = "axis", .types = t::i32, .form = Form::constant, .required = false},
    hot_value("on_value"),
    hot_value("off_value")};
constexpr OpVersion hot_versions[] = {{Opset::ios15, hot_params}};
constexpr Param non_zero_params[] = {{.name = "x", .types = basic}};
constexpr OpVersion non_zero_versions[] = {{Opset::ios15, non_zero_params}};

}  // namespace

extern const OpDef op_fill, op_fill_like, op_non_zero, op_one_hot, op_range_1d, op_shape;
const OpDef op_fill{
    .name = "fill", .versions = fill_versions, .infer = infer_fill, .evaluate = evaluate_fill};
const OpDef op_fill_like{.name = "fill_like",
                         .versions = fill_like_versions,
                         .infer = infer_fill_like,
                         .evaluate = evaluate_fill_like};
const OpDef op_non_zero{.name = "non_zero",
                        .versions = non_zero_versions,
                        .infer = infer_non_zero,
                        .evaluate = evaluate_non_zero};
const OpDef op_one_hot{
    .name = "one_hot", .versions = hot_versions, .infer = hot::infer, .evaluate = hot::evaluate};
const OpDef op_range_1d{.name = "range_1d",
                        .versions = range_versions,
                        .infer = range::infer,
                        .evaluate = range::evaluate};
const OpDef op_shape{.name = "shape",
                     .versions = shape_versions,
                     .infer = infer_shape,
                     .evaluate = evaluate_shape,
                     .from_types = true};

}  // namespace pome::ops::definitions

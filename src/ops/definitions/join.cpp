// concat, stack, split, tile.
#include <algorithm>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

DataType common_dtype(const Call& call, int param) {
  const auto dtype = call.type(param).dtype;
  for (int i = 1; i < call.count(param); ++i) {
    if (call.type(param, i).dtype != dtype) {
      call.fail(param, cat("value ", i, " is ", name(call.type(param, i).dtype), ", expected ",
                           name(dtype), " as the first"));
    }
  }
  return dtype;
}

// --- concat ---

enum : int { values, axis, interleave };

Dims joined(const Call& call, std::int64_t& along) {
  Dims dims = call.type(values).dims;
  along = call.axis(axis, call.int_or(axis, 0), dims.size());
  const auto at = static_cast<std::size_t>(along);
  for (int i = 1; i < call.count(values); ++i) {
    const auto& more = call.type(values, i).dims;
    bool fits = more.size() == dims.size();
    for (std::size_t d = 0; fits && d < dims.size(); ++d) {
      if (d == at) continue;
      fits = dims[d] == more[d] || !ir::is_known(dims[d]) || !ir::is_known(more[d]);
      if (fits && !ir::is_known(dims[d])) dims[d] = more[d];
    }
    if (!fits) {
      call.fail(values, cat("cannot join shapes ", base::shape_text(call.type(values).dims),
                            " and ", base::shape_text(more), " along axis ", along));
    }
    dims[at] = ir::is_known(dims[at]) && ir::is_known(more[at]) ? dims[at] + more[at]
                                                                : ir::unknown_dim;
  }
  if (call.bool_or(interleave, false)) {
    for (int i = 1; i < call.count(values); ++i) {
      if (call.type(values, i).dims[at] != call.type(values).dims[at]) {
        call.fail(interleave, "needs values of one shape");
      }
    }
  }
  return dims;
}

void infer_concat(InferContext& call) {
  const auto dtype = common_dtype(call, values);
  if (any_unranked(call, {values})) return call.set_result(Type::unranked(dtype));
  std::int64_t along = 0;
  call.set_result(Type::tensor(dtype, joined(call, along)));
}

void evaluate_concat(EvalContext& call) {
  std::int64_t along = 0;
  const auto dims = joined(call, along);
  const auto out = call.out(0, dims);
  const auto at = static_cast<std::size_t>(along);
  const auto outer = extent(dims, 0, at);
  const auto inner = extent(dims, at + 1, dims.size());
  const bool mixed = call.bool_or(interleave, false);
  const std::int64_t count = call.count(values);
  std::int64_t offset = 0;
  for (int v = 0; v < call.count(values); ++v) {
    const auto& in = call.in(values, v);
    const auto length = in.dims[at];
    for (std::int64_t o = 0; o < outer; ++o) {
      if (!mixed) {
        copy_elements(in, o * length * inner, out, (o * dims[at] + offset) * inner,
                      length * inner);
        continue;
      }
      for (std::int64_t k = 0; k < length; ++k) {
        copy_elements(in, (o * length + k) * inner, out, (o * dims[at] + k * count + v) * inner,
                      inner);
      }
    }
    offset += length;
  }
}

// --- stack: a new axis ---

Dims stacked(const Call& call, std::size_t& at) {
  Dims dims = call.type(values).dims;
  at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), dims.size() + 1));
  for (int i = 1; i < call.count(values); ++i) {
    if (!ir::compatible(call.type(values), call.type(values, i))) {
      call.fail(values, cat("cannot stack shapes ", base::shape_text(call.type(values).dims),
                            " and ", base::shape_text(call.type(values, i).dims)));
    }
    dims = ir::merge(Type::tensor(DataType::fp32, dims), call.type(values, i)).dims;
  }
  dims.insert(dims.begin() + at, call.count(values));
  return dims;
}

void infer_stack(InferContext& call) {
  const auto dtype = common_dtype(call, values);
  if (any_unranked(call, {values})) return call.set_result(Type::unranked(dtype));
  std::size_t at = 0;
  call.set_result(Type::tensor(dtype, stacked(call, at)));
}

void evaluate_stack(EvalContext& call) {
  std::size_t at = 0;
  const auto dims = stacked(call, at);
  const auto out = call.out(0, dims);
  const auto outer = extent(dims, 0, at);
  const auto inner = extent(dims, at + 1, dims.size());
  for (int v = 0; v < call.count(values); ++v) {
    for (std::int64_t o = 0; o < outer; ++o) {
      copy_elements(call.in(values, v), o * inner, out, (o * dims[at] + v) * inner, inner);
    }
  }
}

// --- split ---

enum : int { split_x, num_splits, split_sizes, split_axis };

Dims part_sizes(const Call& call, std::size_t results, std::size_t& at) {
  const auto& dims = call.type(split_x).dims;
  at = static_cast<std::size_t>(call.axis(split_axis, call.int_or(split_axis, 0), dims.size()));
  if (call.has(split_sizes)) {
    auto sizes = call.ints_or(split_sizes, {});
    std::int64_t sum = 0;
    for (const auto s : sizes) sum += s;
    if (sizes.size() != results || (ir::is_known(dims[at]) && sum != dims[at])) {
      call.fail(split_sizes, cat("found ", base::shape_text(sizes), " for a dimension of ",
                                 dims[at], " in ", results, " parts"));
    }
    return sizes;
  }
  const auto n = call.int_or(num_splits, static_cast<std::int64_t>(results));
  if (n != static_cast<std::int64_t>(results) || n < 1 ||
      (ir::is_known(dims[at]) && dims[at] % n != 0)) {
    call.fail(num_splits, cat("cannot split a dimension of ", dims[at], " in ", n,
                              " equal parts for ", results, " results"));
  }
  return Dims(results, ir::is_known(dims[at]) ? dims[at] / n : ir::unknown_dim);
}

void infer_split(InferContext& call) {
  const auto& in = call.type(split_x);
  if (!in.ranked) {
    for (std::size_t i = 0; i < call.result_count(); ++i) call.set_result(i, in);
    return;
  }
  std::size_t at = 0;
  const auto sizes = part_sizes(call, call.result_count(), at);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Dims dims = in.dims;
    dims[at] = sizes[i];
    call.set_result(i, Type::tensor(in.dtype, std::move(dims)));
  }
}

void evaluate_split(EvalContext& call) {
  const auto& in = call.in(split_x);
  std::size_t at = 0;
  const auto sizes = part_sizes(call, call.result_count(), at);
  const Dims all(in.dims);
  const auto outer = extent(all, 0, at);
  const auto inner = extent(all, at + 1, all.size());
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Dims dims = all;
    dims[at] = sizes[i];
    const auto out = call.out(i, dims);
    for (std::int64_t o = 0; o < outer; ++o) {
      copy_elements(in, (o * all[at] + offset) * inner, out, o * sizes[i] * inner,
                    sizes[i] * inner);
    }
    offset += sizes[i];
  }
}

// --- tile ---

enum : int { tile_x, reps };

Dims tiled(const Call& call, const Dims& from) {
  const auto times = call.ints_or(reps, {});
  if (times.size() != from.size()) {
    call.fail(reps, cat("has ", times.size(), " values, expected ", from.size()));
  }
  Dims dims;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (times[i] < 0) call.fail(reps, cat("found ", times[i], ", expected 0 or more"));
    dims.push_back(ir::is_known(from[i]) ? from[i] * times[i] : ir::unknown_dim);
  }
  return dims;
}

void infer_tile(InferContext& call) {
  const auto& in = call.type(tile_x);
  if (!in.ranked) return call.set_result(in);
  if (!call.known(reps)) {
    return call.set_result(Type::tensor(in.dtype, Dims(in.rank(), ir::unknown_dim)));
  }
  call.set_result(Type::tensor(in.dtype, tiled(call, in.dims)));
}

void evaluate_tile(EvalContext& call) {
  const auto& in = call.in(tile_x);
  const auto dims = tiled(call, Dims(in.dims));
  const auto out = call.out(0, dims);
  const auto strides = dense_strides(in.dims);
  std::int64_t i = 0;
  for (IndexWalk walk(dims, {}); !walk.done(); walk.next(), ++i) {
    std::int64_t at = 0;
    for (std::size_t d = 0; d < dims.size(); ++d) at += walk.index()[d] % in.dims[d] * strides[d];
    copy_element(in, at, out, i);
  }
}

constexpr auto constant = Form::constant;
constexpr Param concat_params[] = {
    {.name = "values", .types = t::all, .variadic = true},
    {.name = "axis", .types = t::i32, .form = constant},
    {.name = "interleave", .types = t::boolean, .form = constant, .required = false},
};
constexpr Param stack_params[] = {
    {.name = "values", .types = t::all, .variadic = true},
    {.name = "axis", .types = t::i32, .form = constant},
};
constexpr Param split_params[] = {
    {.name = "x", .types = t::all},
    {.name = "num_splits", .types = t::i32, .form = constant, .required = false},
    {.name = "split_sizes", .types = t::i32, .form = constant, .required = false},
    {.name = "axis", .types = t::i32, .form = constant},
};
constexpr Param tile_params[] = {
    {.name = "x", .types = t::all},
    {.name = "reps", .types = t::i32},
};
constexpr OpVersion concat_versions[] = {{Opset::ios15, concat_params}};
constexpr OpVersion stack_versions[] = {{Opset::ios15, stack_params}};
constexpr OpVersion split_versions[] = {{Opset::ios15, split_params}};
constexpr OpVersion tile_versions[] = {{Opset::ios15, tile_params}};

}  // namespace

extern const OpDef op_concat, op_stack, op_split, op_tile;
const OpDef op_concat{.name = "concat",
                      .versions = concat_versions,
                      .infer = infer_concat,
                      .evaluate = evaluate_concat};
const OpDef op_stack{.name = "stack",
                     .versions = stack_versions,
                     .infer = infer_stack,
                     .evaluate = evaluate_stack};
const OpDef op_split{.name = "split",
                     .versions = split_versions,
                     .max_results = 255,
                     .infer = infer_split,
                     .evaluate = evaluate_split};
const OpDef op_tile{.name = "tile",
                    .versions = tile_versions,
                    .infer = infer_tile,
                    .evaluate = evaluate_tile};

}  // namespace pome::ops::definitions

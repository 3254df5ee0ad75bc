// Rearrangements: transpose, squeeze, expand_dims, reverse.
#include <algorithm>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

// --- transpose: dimension i of the result is dimension perm[i] of x ---

enum : int { x, perm };

Dims read_perm(const Call& call, std::size_t rank) {
  Dims order = call.ints_or(perm, {});
  if (order.size() != rank) {
    call.fail(perm, cat("has ", order.size(), " values, expected ", rank));
  }
  base::InlineVector<bool, 8> seen(rank, false);
  for (auto& axis : order) {
    axis = call.axis(perm, axis, rank);
    if (seen[static_cast<std::size_t>(axis)]) call.fail(perm, cat("axis ", axis, " comes twice"));
    seen[static_cast<std::size_t>(axis)] = true;
  }
  return order;
}

void infer_transpose(InferContext& call) {
  const auto& in = call.type(x);
  if (!in.ranked) return call.set_result(in);
  Dims dims;
  for (const auto axis : read_perm(call, in.rank())) {
    dims.push_back(in.dims[static_cast<std::size_t>(axis)]);
  }
  call.set_result(Type::tensor(in.dtype, std::move(dims)));
}

void evaluate_transpose(EvalContext& call) {
  const auto& in = call.in(x);
  const auto order = read_perm(call, in.dims.size());
  const auto from = dense_strides(in.dims);
  Dims dims;
  Dims strides;
  for (const auto axis : order) {
    dims.push_back(in.dims[static_cast<std::size_t>(axis)]);
    strides.push_back(from[static_cast<std::size_t>(axis)]);
  }
  const auto out = call.out(0, dims);
  const Dims walks[] = {strides};
  std::int64_t i = 0;
  for (IndexWalk walk(dims, walks); !walk.done(); walk.next(), ++i) {
    copy_element(in, walk.offset(0), out, i);
  }
}

// --- squeeze: drops dimensions of 1 (all of them when no axes are given) ---

enum : int { squeeze_x, squeeze_axes };

Dims squeezed(const Call& call, const Dims& from) {
  const auto chosen = axis_flags(call, squeeze_axes, from.size(), true);
  const bool named = call.has(squeeze_axes);
  Dims dims;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (!chosen[i]) {
      dims.push_back(from[i]);
    } else if (from[i] != 1 && ir::is_known(from[i])) {
      if (named) {
        call.fail(squeeze_axes, cat("dimension ", i, " of ", base::shape_text(from), " is not 1"));
      }
      dims.push_back(from[i]);
    }
  }
  return dims;
}

void infer_squeeze(InferContext& call) {
  const auto& in = call.type(squeeze_x);
  const bool open = std::ranges::any_of(in.dims, [](auto d) { return !ir::is_known(d); });
  if (!in.ranked || (open && !call.has(squeeze_axes))) {
    return call.set_result(Type::unranked(in.dtype));
  }
  call.set_result(Type::tensor(in.dtype, squeezed(call, in.dims)));
}

void evaluate_squeeze(EvalContext& call) {
  const auto& in = call.in(squeeze_x);
  copy_all(in, call.out(0, squeezed(call, Dims(in.dims))));
}

// --- expand_dims: puts dimensions of 1 at the axes of the result ---

enum : int { expand_x, expand_axes };

Dims expanded(const Call& call, const Dims& from) {
  const auto count = call.ints_or(expand_axes, {}).size();
  const auto flags = axis_flags(call, expand_axes, from.size() + count, false);
  Dims dims;
  std::size_t next = 0;
  for (const bool flag : flags) dims.push_back(flag ? 1 : from[next++]);
  return dims;
}

void infer_expand(InferContext& call) {
  const auto& in = call.type(expand_x);
  if (!in.ranked) return call.set_result(in);
  call.set_result(Type::tensor(in.dtype, expanded(call, in.dims)));
}

void evaluate_expand(EvalContext& call) {
  const auto& in = call.in(expand_x);
  copy_all(in, call.out(0, expanded(call, Dims(in.dims))));
}

// --- reverse ---

enum : int { reverse_x, reverse_axes };

void infer_reverse(InferContext& call) {
  axis_flags(call, reverse_axes, call.type(reverse_x).rank(), true);
  call.set_result(call.type(reverse_x));
}

void evaluate_reverse(EvalContext& call) {
  const auto& in = call.in(reverse_x);
  const auto flags = axis_flags(call, reverse_axes, in.dims.size(), true);
  const auto strides = dense_strides(in.dims);
  const auto out = call.out(0, Dims(in.dims));
  std::int64_t i = 0;
  for (IndexWalk walk(in.dims, {}); !walk.done(); walk.next(), ++i) {
    std::int64_t at = 0;
    for (std::size_t d = 0; d < in.dims.size(); ++d) {
      at += (flags[d] ? in.dims[d] - 1 - walk.index()[d] : walk.index()[d]) * strides[d];
    }
    copy_element(in, at, out, i);
  }
}

constexpr auto constant = Form::constant;
constexpr Param transpose_15[] = {{.name = "x", .types = t::base},
                                  {.name = "perm", .types = t::i32, .form = constant}};
constexpr Param transpose_17[] = {{.name = "x", .types = t::all},
                                  {.name = "perm", .types = t::i32, .form = constant}};
constexpr Param axes_15[] = {
    {.name = "x", .types = t::base},
    {.name = "axes", .types = t::i32, .form = constant, .required = false}};
constexpr Param axes_17[] = {
    {.name = "x", .types = t::all},
    {.name = "axes", .types = t::i32, .form = constant, .required = false}};
constexpr Param expand_15[] = {{.name = "x", .types = t::base},
                               {.name = "axes", .types = t::i32, .form = constant}};
constexpr Param expand_17[] = {{.name = "x", .types = t::all},
                               {.name = "axes", .types = t::i32, .form = constant}};
constexpr OpVersion transpose_versions[] = {{Opset::ios15, transpose_15},
                                            {Opset::ios17, transpose_17}};
constexpr OpVersion axes_versions[] = {{Opset::ios15, axes_15}, {Opset::ios17, axes_17}};
constexpr OpVersion expand_versions[] = {{Opset::ios15, expand_15}, {Opset::ios17, expand_17}};

}  // namespace

extern const OpDef op_transpose, op_squeeze, op_expand_dims, op_reverse;
const OpDef op_transpose{.name = "transpose",
                         .versions = transpose_versions,
                         .infer = infer_transpose,
                         .evaluate = evaluate_transpose};
const OpDef op_squeeze{.name = "squeeze",
                       .versions = axes_versions,
                       .infer = infer_squeeze,
                       .evaluate = evaluate_squeeze,
                       .alias = Alias::view};
const OpDef op_expand_dims{.name = "expand_dims",
                           .versions = expand_versions,
                           .infer = infer_expand,
                           .evaluate = evaluate_expand,
                           .alias = Alias::view};
const OpDef op_reverse{.name = "reverse",
                       .versions = axes_versions,
                       .infer = infer_reverse,
                       .evaluate = evaluate_reverse};

}  // namespace pome::ops::definitions

// concat, stack, split, tile: putting tensors together and taking them apart along dimensions.
#include <cstdint>

#include "base/checked.h"
#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

namespace concat {

enum : int { values, axis, interleave };

/// Sum of two dimensions; unknown when one of them is.
std::int64_t sum(const Call& call, std::int64_t a, std::int64_t b) {
  if (!ir::is_known(a) || !ir::is_known(b)) return ir::unknown_dim;
  const auto total = base::checked_add(a, b);
  if (!total) call.fail(values, "the result does not fit 64 bits");
  return *total;
}

/// Dims of the result from the dims of the values. Scalars count as vectors of one element.
template <typename DimsOf>
Dims joined(const Call& call, DimsOf dims_of) {
  const bool alternate = call.bool_or(interleave, false);
  Dims out = dims_of(0);
  if (out.empty()) out.push_back(1);
  const auto at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), out.size()));
  for (int v = 1; v < call.count(values); ++v) {
    Dims dims = dims_of(v);
    if (dims.empty()) dims.push_back(1);
    if (dims.size() != out.size()) {
      call.fail(values, cat("value ", v, " has shape ", base::shape_text(dims),
                            ", expected the rank of value 0, ", out.size()));
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
      const bool differs = ir::is_known(dims[i]) && ir::is_known(out[i]) && dims[i] != out[i];
      if (i == at && !alternate) {
        out[i] = sum(call, out[i], dims[i]);
      } else if (differs) {
        call.fail(values, cat("value ", v, " has shape ", base::shape_text(dims), ", dimension ", i,
                              " differs from ", out[i], " of the values before"));
      } else if (!ir::is_known(out[i])) {
        out[i] = dims[i];
      }
    }
  }
  if (alternate && ir::is_known(out[at])) {
    const auto length = base::checked_mul<std::int64_t>(out[at], call.count(values));
    if (!length) call.fail(values, "the result does not fit 64 bits");
    out[at] = *length;
  }
  return out;
}

void infer(InferContext& call) {
  if (!call.has(values)) call.fail(values, "expected at least one tensor");
  const auto dtype = call.type(values).dtype;
  if (any_unranked(call, {values})) {
    call.set_result(Type::unranked(dtype));
    return;
  }
  call.set_result(
      Type::tensor(dtype, joined(call, [&](int v) { return call.type(values, v).dims; })));
}

void evaluate(EvalContext& call) {
  const Dims dims = joined(call, [&](int v) { return Dims(call.in(values, v).dims); });
  const auto out = call.out(0, dims);
  const auto at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), dims.size()));
  const bool alternate = call.bool_or(interleave, false);
  const auto outer = extent(dims, 0, at);
  const auto inner = extent(dims, at + 1, dims.size());
  const int n = call.count(values);
  std::int64_t place = 0;  // along the axis
  for (int v = 0; v < n; ++v) {
    const auto& in = call.in(values, v);
    const auto length = in.dims.empty() ? 1 : in.dims[at];
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t k = 0; k < length; ++k) {
        const auto to = alternate ? k * n + v : place + k;
        copy_elements(in, (o * length + k) * inner, out, (o * dims[at] + to) * inner, inner);
      }
    }
    place += length;
  }
}

}  // namespace concat

namespace stack {

enum : int { values, axis };

template <typename DimsOf>
Dims stacked(const Call& call, DimsOf dims_of) {
  Dims out = dims_of(0);
  for (int v = 1; v < call.count(values); ++v) {
    const Dims dims = dims_of(v);
    bool agrees = dims.size() == out.size();
    for (std::size_t i = 0; agrees && i < out.size(); ++i) {
      if (!ir::is_known(out[i]))
        out[i] = dims[i];
      else
        agrees = !ir::is_known(dims[i]) || dims[i] == out[i];
    }
    if (!agrees) {
      call.fail(values, cat("value ", v, " has shape ", base::shape_text(dims), ", expected ",
                            base::shape_text(out), " as the values before"));
    }
  }
  const auto at = call.axis(axis, call.int_or(axis, 0), out.size() + 1);
  out.insert(out.begin() + at, call.count(values));
  return out;
}

void infer(InferContext& call) {
  if (!call.has(values)) call.fail(values, "expected at least one tensor");
  const auto dtype = call.type(values).dtype;
  if (any_unranked(call, {values})) {
    call.set_result(Type::unranked(dtype));
    return;
  }
  call.set_result(
      Type::tensor(dtype, stacked(call, [&](int v) { return call.type(values, v).dims; })));
}

void evaluate(EvalContext& call) {
  const Dims dims = stacked(call, [&](int v) { return Dims(call.in(values, v).dims); });
  const auto out = call.out(0, dims);
  const auto at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), dims.size()));
  const auto outer = extent(dims, 0, at);
  const auto inner = extent(dims, at + 1, dims.size());
  const int n = call.count(values);
  for (int v = 0; v < n; ++v) {
    for (std::int64_t o = 0; o < outer; ++o) {
      copy_elements(call.in(values, v), o * inner, out, (o * n + v) * inner, inner);
    }
  }
}

}  // namespace stack

namespace split {

enum : int { x, num_splits, split_sizes, axis };

/// Sizes of the parts; unknown ones when the dimension is unknown and split evenly.
Dims part_sizes(const Call& call, std::int64_t length) {
  if (!call.has(split_sizes)) {
    if (!call.has(num_splits)) call.fail("has neither 'num_splits' nor 'split_sizes'");
    const auto n = call.int_or(num_splits, 1);
    if (n < 1 || n > 65535) call.fail(num_splits, cat("found ", n, ", expected 1 to 65535"));
    if (ir::is_known(length) && length % n != 0) {
      call.fail(num_splits, cat(n, " parts do not divide a dimension of ", length));
    }
    return Dims(static_cast<std::size_t>(n), ir::is_known(length) ? length / n : ir::unknown_dim);
  }
  Dims sizes = call.ints_or(split_sizes, {});
  if (call.has(num_splits) &&
      call.int_or(num_splits, 0) != static_cast<std::int64_t>(sizes.size())) {
    call.fail(num_splits, cat("found ", call.int_or(num_splits, 0), ", 'split_sizes' has ",
                              sizes.size(), " entries"));
  }
  std::int64_t sum = 0;
  for (const auto s : sizes) {
    if (s < 0) call.fail(split_sizes, cat("found ", s, ", expected sizes"));
    sum += s;
  }
  if (ir::is_known(length) && sum != length) {
    call.fail(split_sizes, cat("sums up to ", sum, ", expected ", length));
  }
  return sizes;
}

void infer(InferContext& call) {
  const auto& in = call.type(x);
  std::size_t at = 0;
  if (in.ranked) {
    at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), in.rank()));
  }
  const Dims sizes = part_sizes(call, in.ranked ? in.dims[at] : ir::unknown_dim);
  if (sizes.size() != call.result_count()) {
    call.fail(cat("has ", call.result_count(), " results, its parameters ask for ", sizes.size()));
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    auto part = in;
    if (in.ranked) part.dims[at] = sizes[i];
    call.set_result(i, std::move(part));
  }
}

void evaluate(EvalContext& call) {
  const auto& in = call.in(x);
  Dims dims(in.dims);
  const auto at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), dims.size()));
  const auto length = dims[at];
  const auto outer = extent(dims, 0, at);
  const auto inner = extent(dims, at + 1, dims.size());
  const Dims sizes = part_sizes(call, length);
  std::int64_t first = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    dims[at] = sizes[i];
    const auto out = call.out(i, dims);
    for (std::int64_t o = 0; o < outer; ++o) {
      copy_elements(in, (o * length + first) * inner, out, o * sizes[i] * inner, sizes[i] * inner);
    }
    first += sizes[i];
  }
}

}  // namespace split

namespace tile {

enum : int { x, reps };

Dims tiled(const Call& call, const Dims& from, const Dims& times) {
  if (times.size() != from.size()) {
    call.fail(reps, cat("has ", times.size(), " entries, expected one for each of the ",
                        from.size(), " dimensions of x"));
  }
  Dims out;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (times[i] < 0) call.fail(reps, cat("found ", times[i], ", expected at least 0"));
    if (!ir::is_known(from[i])) {
      out.push_back(times[i] == 1 ? from[i] : ir::unknown_dim);
      continue;
    }
    const auto size = base::checked_mul(from[i], times[i]);
    if (!size) call.fail(reps, cat(times[i], " times ", from[i], " does not fit 64 bits"));
    out.push_back(*size);
  }
  return out;
}

void infer(InferContext& call) {
  const auto& in = call.type(x);
  if (in.ranked) expect_entries(call, reps, in.rank());
  bool found = false;
  const Dims times = ints_if_known(call, reps, found);
  if (!in.ranked) {
    call.set_result(found ? Type::tensor(in.dtype, Dims(times.size(), ir::unknown_dim)) : in);
  } else {
    call.set_result(Type::tensor(
        in.dtype, found ? tiled(call, in.dims, times) : Dims(in.rank(), ir::unknown_dim)));
  }
}

void evaluate(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims = tiled(call, Dims(in.dims), call.ints_or(reps, {}));
  const auto out = call.out(0, dims);
  const Dims strides = dense_strides(in.dims);
  std::int64_t o = 0;
  for (IndexWalk walk(dims, {}); !walk.done(); walk.next(), ++o) {
    std::int64_t from = 0;
    for (std::size_t i = 0; i < strides.size(); ++i) {
      from += walk.index()[i] % in.dims[i] * strides[i];
    }
    copy_element(in, from, out, o);
  }
}

}  // namespace tile

constexpr TypeSet basic = t::numbers | t::boolean;
constexpr Param constant_int(std::string_view name, bool required = true) {
  return {.name = name, .types = t::i32, .form = Form::constant, .required = required};
}
constexpr Param values_param{.name = "values", .types = t::all, .variadic = true, .group = 'T'};
constexpr Param concat_params[] = {
    values_param,
    constant_int("axis"),
    {.name = "interleave", .types = t::boolean, .form = Form::constant, .required = false}};
constexpr OpVersion concat_versions[] = {{Opset::ios15, concat_params}};
constexpr Param stack_params[] = {values_param, constant_int("axis")};
constexpr OpVersion stack_versions[] = {{Opset::ios15, stack_params}};
// coremltools declares the same element types for x in every opset.
constexpr Param split_params[] = {{.name = "x", .types = basic},
                                  constant_int("num_splits", false),
                                  constant_int("split_sizes", false),
                                  constant_int("axis")};
constexpr OpVersion split_versions[] = {{Opset::ios15, split_params}};
constexpr Param tile_params[] = {{.name = "x", .types = basic}, {.name = "reps", .types = t::i32}};
constexpr OpVersion tile_versions[] = {{Opset::ios15, tile_params}};

}  // namespace

extern const OpDef op_concat, op_split, op_stack, op_tile;
const OpDef op_concat{.name = "concat",
                      .versions = concat_versions,
                      .infer = concat::infer,
                      .evaluate = concat::evaluate};
const OpDef op_split{.name = "split",
                     .versions = split_versions,
                     .max_results = 255,
                     .infer = split::infer,
                     .evaluate = split::evaluate};
const OpDef op_stack{.name = "stack",
                     .versions = stack_versions,
                     .infer = stack::infer,
                     .evaluate = stack::evaluate};
const OpDef op_tile{
    .name = "tile", .versions = tile_versions, .infer = tile::infer, .evaluate = tile::evaluate};

}  // namespace pome::ops::definitions

// slice_by_index (numpy's x[begin:end:stride] with masks), slice_by_size, slice_update.
#include <algorithm>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

/// Positions of the parameters of slice_by_index; slice_update has one more in front of `begin`.
struct SliceParams {
  int begin, end, stride, begin_mask, end_mask, squeeze_mask;
};

/// One dimension of a slice.
struct Range {
  std::int64_t first = 0, step = 1, count = 0;
  bool squeezed = false;
};

Dims read(const Call& call, int param, std::size_t rank, std::int64_t otherwise) {
  auto values = call.ints_or(param, Dims(rank, otherwise));
  if (values.size() != rank) {
    call.fail(param, cat("has ", values.size(), " values, expected ", rank));
  }
  return values;
}

/// Numpy's rules for known begin and end.
Range range_of(std::int64_t size, std::int64_t begin, std::int64_t end, std::int64_t step,
               bool from_start, bool to_end) {
  Range r;
  r.step = step;
  const bool known = ir::is_known(size);
  if (!known) {
    // The size may cut any range short, so nothing is certain but the whole.
    r.count = from_start && to_end && step == 1 ? size : ir::unknown_dim;
    return r;
  }
  const std::int64_t low = step > 0 ? 0 : -1;
  const std::int64_t high = step > 0 ? size : size - 1;
  const auto bound = [&](std::int64_t v) { return std::clamp(v < 0 ? v + size : v, low, high); };
  const auto first = from_start ? (step > 0 ? 0 : size - 1) : bound(begin);
  const auto last = to_end ? (step > 0 ? size : -1) : bound(end);
  r.first = first;
  const auto distance = step > 0 ? last - first : first - last;
  const auto width = step > 0 ? step : -step;
  r.count = distance <= 0 ? 0 : (distance + width - 1) / width;
  return r;
}

base::InlineVector<Range, 6> ranges(const Call& call, const SliceParams& p, const Dims& dims) {
  const auto rank = dims.size();
  const auto begin = read(call, p.begin, rank, 0);
  const auto end = read(call, p.end, rank, 0);
  const auto stride = read(call, p.stride, rank, 1);
  const auto begin_mask = read(call, p.begin_mask, rank, 0);
  const auto end_mask = read(call, p.end_mask, rank, 0);
  const auto squeeze_mask = read(call, p.squeeze_mask, rank, 0);
  base::InlineVector<Range, 6> out;
  for (std::size_t i = 0; i < rank; ++i) {
    if (stride[i] == 0) call.fail(p.stride, "found 0, expected another step");
    if (squeeze_mask[i] != 0) {
      Range r;
      r.squeezed = true;
      r.count = 1;
      const auto at = begin_mask[i] != 0 ? 0 : begin[i];
      r.first = at;
      if (ir::is_known(dims[i])) {
        r.first = at < 0 ? at + dims[i] : at;
        if (r.first < 0 || r.first >= dims[i]) {
          call.fail(p.begin, cat("index ", at, " is outside a dimension of ", dims[i]));
        }
      }
      out.push_back(r);
      continue;
    }
    out.push_back(range_of(dims[i], begin[i], end[i], stride[i], begin_mask[i] != 0,
                           end_mask[i] != 0));
  }
  return out;
}

Dims result_dims(const base::InlineVector<Range, 6>& parts) {
  Dims dims;
  for (const auto& r : parts) {
    if (!r.squeezed) dims.push_back(r.count);
  }
  return dims;
}

/// What is known when begin or end are computed: rank without the squeezed dimensions.
Dims open_dims(const Call& call, const SliceParams& p, const Dims& dims) {
  const auto squeeze = read(call, p.squeeze_mask, dims.size(), 0);
  const auto from_start = read(call, p.begin_mask, dims.size(), 0);
  const auto to_end = read(call, p.end_mask, dims.size(), 0);
  Dims out;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (squeeze[i] != 0) continue;
    const bool whole = from_start[i] != 0 && to_end[i] != 0 && !call.has(p.stride);
    out.push_back(whole ? dims[i] : ir::unknown_dim);
  }
  return out;
}

// --- slice_by_index ---

enum : int { x, begin, end, stride, begin_mask, end_mask, squeeze_mask };
constexpr SliceParams by_index{begin, end, stride, begin_mask, end_mask, squeeze_mask};

void infer_index(InferContext& call) {
  const auto& in = call.type(x);
  if (!in.ranked || !call.settled(stride) || !call.settled(squeeze_mask)) {
    return call.set_result(Type::unranked(in.dtype));
  }
  if (!call.known(begin) || !call.known(end)) {
    return call.set_result(Type::tensor(in.dtype, open_dims(call, by_index, in.dims)));
  }
  call.set_result(Type::tensor(in.dtype, result_dims(ranges(call, by_index, in.dims))));
}

/// Calls `visit(offset in x, position in the slice)` for every element of a slice.
template <typename Visit>
void each_element(const base::InlineVector<Range, 6>& parts, const Dims& dims, Visit&& visit) {
  const auto dense = dense_strides(dims);
  Dims counts;
  Dims steps;
  std::int64_t start = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    counts.push_back(parts[i].count);
    steps.push_back(parts[i].step * dense[i]);
    start += parts[i].first * dense[i];
  }
  const Dims walks[] = {steps};
  std::int64_t at = 0;
  for (IndexWalk walk(counts, walks); !walk.done(); walk.next(), ++at) {
    visit(start + walk.offset(0), at);
  }
}

void evaluate_index(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims(in.dims);
  const auto parts = ranges(call, by_index, dims);
  const auto out = call.out(0, result_dims(parts));
  each_element(parts, dims,
               [&](std::int64_t from, std::int64_t to) { copy_element(in, from, out, to); });
}

// --- slice_by_size: size -1 reaches to the end ---

enum : int { size_x, size_begin, size };

base::InlineVector<Range, 6> size_ranges(const Call& call, const Dims& dims) {
  const auto first = read(call, size_begin, dims.size(), 0);
  const auto sizes = read(call, size, dims.size(), -1);
  base::InlineVector<Range, 6> out;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    Range r;
    if (!ir::is_known(dims[i])) {
      r.first = first[i];
      r.count = sizes[i] < 0 ? ir::unknown_dim : sizes[i];
      out.push_back(r);
      continue;
    }
    r.first = first[i] < 0 ? first[i] + dims[i] : first[i];
    r.count = sizes[i] == -1 ? dims[i] - r.first : sizes[i];
    if (r.first < 0 || r.count < 0 || r.first + r.count > dims[i]) {
      call.fail(size, cat("a slice of ", sizes[i], " from ", first[i], " leaves dimension ", i,
                          " of ", dims[i]));
    }
    out.push_back(r);
  }
  return out;
}

void infer_size(InferContext& call) {
  const auto& in = call.type(size_x);
  if (!in.ranked) return call.set_result(in);
  if (!call.known(size)) {
    return call.set_result(Type::tensor(in.dtype, Dims(in.rank(), ir::unknown_dim)));
  }
  if (!call.known(size_begin)) {
    Dims dims = read(call, size, in.rank(), -1);
    for (auto& d : dims) d = d < 0 ? ir::unknown_dim : d;
    return call.set_result(Type::tensor(in.dtype, std::move(dims)));
  }
  call.set_result(Type::tensor(in.dtype, result_dims(size_ranges(call, in.dims))));
}

void evaluate_size(EvalContext& call) {
  const auto& in = call.in(size_x);
  const Dims dims(in.dims);
  const auto parts = size_ranges(call, dims);
  const auto out = call.out(0, result_dims(parts));
  each_element(parts, dims,
               [&](std::int64_t from, std::int64_t to) { copy_element(in, from, out, to); });
}

// --- slice_update: x with the slice replaced ---

enum : int { up_x, update, up_begin, up_end, up_stride, up_begin_mask, up_end_mask, up_squeeze };
constexpr SliceParams by_update{up_begin, up_end, up_stride, up_begin_mask, up_end_mask,
                                up_squeeze};

void infer_update(InferContext& call) {
  const auto& in = call.type(up_x);
  if (in.is_static() && call.known(up_begin) && call.known(up_end)) {
    const auto dims = result_dims(ranges(call, by_update, in.dims));
    if (!ir::compatible(Type::tensor(in.dtype, dims), call.type(update))) {
      call.fail(update, cat("found shape ", base::shape_text(call.type(update).dims),
                            ", the slice has ", base::shape_text(dims)));
    }
  }
  call.set_result(in);
}

void evaluate_update(EvalContext& call) {
  const auto& in = call.in(up_x);
  const auto& values = call.in(update);
  const Dims dims(in.dims);
  const auto parts = ranges(call, by_update, dims);
  if (!(result_dims(parts) == Dims(values.dims))) {
    call.fail(update, cat("found shape ", base::shape_text(values.dims), ", the slice has ",
                          base::shape_text(result_dims(parts))));
  }
  const auto out = call.out(0, dims);
  copy_all(in, out);
  each_element(parts, dims,
               [&](std::int64_t to, std::int64_t from) { copy_element(values, from, out, to); });
}

constexpr auto constant = Form::constant;
constexpr TypeSet positions = types(DataType::int8, DataType::int16, DataType::int32);
constexpr Param index_15[] = {
    {.name = "x", .types = t::base},
    {.name = "begin", .types = t::i32},
    {.name = "end", .types = t::i32},
    {.name = "stride", .types = t::i32, .form = constant, .required = false},
    {.name = "begin_mask", .types = t::boolean, .form = constant, .required = false},
    {.name = "end_mask", .types = t::boolean, .form = constant, .required = false},
    {.name = "squeeze_mask", .types = t::boolean, .form = constant, .required = false},
};
constexpr Param index_17[] = {
    {.name = "x", .types = t::all},
    {.name = "begin", .types = positions},
    {.name = "end", .types = positions},
    {.name = "stride", .types = positions, .form = constant, .required = false},
    {.name = "begin_mask", .types = t::boolean, .form = constant, .required = false},
    {.name = "end_mask", .types = t::boolean, .form = constant, .required = false},
    {.name = "squeeze_mask", .types = t::boolean, .form = constant, .required = false},
};
constexpr Param size_15[] = {{.name = "x", .types = t::base},
                             {.name = "begin", .types = t::i32},
                             {.name = "size", .types = t::i32}};
constexpr Param size_17[] = {{.name = "x", .types = t::all},
                             {.name = "begin", .types = positions},
                             {.name = "size", .types = positions}};
constexpr Param update_18[] = {
    {.name = "x", .types = t::all, .group = 'T'},
    {.name = "update", .types = t::all, .group = 'T'},
    {.name = "begin", .types = positions},
    {.name = "end", .types = positions},
    {.name = "stride", .types = positions, .form = constant, .required = false},
    {.name = "begin_mask", .types = t::boolean, .form = constant, .required = false},
    {.name = "end_mask", .types = t::boolean, .form = constant, .required = false},
    {.name = "squeeze_mask", .types = t::boolean, .form = constant, .required = false},
};
constexpr OpVersion index_versions[] = {{Opset::ios15, index_15}, {Opset::ios17, index_17}};
constexpr OpVersion size_versions[] = {{Opset::ios15, size_15}, {Opset::ios17, size_17}};
constexpr OpVersion update_versions[] = {{Opset::ios18, update_18}};

}  // namespace

extern const OpDef op_slice_by_index, op_slice_by_size, op_slice_update;
const OpDef op_slice_by_index{.name = "slice_by_index",
                              .versions = index_versions,
                              .infer = infer_index,
                              .evaluate = evaluate_index};
const OpDef op_slice_by_size{.name = "slice_by_size",
                             .versions = size_versions,
                             .infer = infer_size,
                             .evaluate = evaluate_size};
const OpDef op_slice_update{.name = "slice_update",
                            .versions = update_versions,
                            .infer = infer_update,
                            .evaluate = evaluate_update};

}  // namespace pome::ops::definitions

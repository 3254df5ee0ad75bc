// slice_by_index, slice_by_size, slice_update: Python's slices, per dimension.
#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

/// Positions of the slice parameters, which follow `x` (and `update`).
struct Positions {
  int begin, end, stride, begin_mask, end_mask, squeeze_mask;
};
constexpr int x = 0;
constexpr int update = 1;
constexpr Positions by_index{1, 2, 3, 4, 5, 6};
constexpr Positions by_update{2, 3, 4, 5, 6, 7};

/// A slice of one dimension: `count` elements from `first` on, `step` apart. `count` is unknown
/// when it depends on what is not known yet.
struct Range {
  std::int64_t first = 0, step = 1, count = ir::unknown_dim;
  bool squeezed = false;
};

/// The parameters of a slice; `begin` and `end` are empty vectors while they are not known.
struct Slice {
  bool begin_known = false, end_known = false;
  Dims begin, end, stride, begin_mask, end_mask, squeeze_mask;
};

Slice read_slice(const Call& call, const Positions& p, std::size_t rank) {
  Slice s;
  s.begin = ints_if_known(call, p.begin, s.begin_known);
  s.end = ints_if_known(call, p.end, s.end_known);
  s.stride = call.ints_or(p.stride, Dims(rank, 1));
  s.begin_mask = call.ints_or(p.begin_mask, Dims(rank, 0));
  s.end_mask = call.ints_or(p.end_mask, Dims(rank, 0));
  s.squeeze_mask = call.ints_or(p.squeeze_mask, Dims(rank, 0));
  const auto check = [&](int param, const Dims& values) {
    if (values.size() != rank) {
      call.fail(param, cat("has ", values.size(), " entries, expected one for each of the ", rank,
                           " dimensions of x"));
    }
  };
  expect_entries(call, p.begin, rank);
  expect_entries(call, p.end, rank);
  check(p.stride, s.stride);
  check(p.begin_mask, s.begin_mask);
  check(p.end_mask, s.end_mask);
  check(p.squeeze_mask, s.squeeze_mask);
  if (std::ranges::find(s.stride, 0) != s.stride.end()) {
    call.fail(p.stride, "found 0, expected steps above or below it");
  }
  return s;
}

Range squeezed_range(const Call& call, const Positions& p, const Slice& s, std::size_t i,
                     std::int64_t size) {
  Range r{.count = 1, .squeezed = true};
  const bool masked = s.begin_mask[i] != 0;
  if ((!masked && !s.begin_known) || !ir::is_known(size)) return r;
  const auto index = masked ? 0 : s.begin[i];
  r.first = index < 0 ? index + size : index;
  if (r.first < 0 || r.first >= size) {
    call.fail(p.begin,
              cat("index ", index, " is outside dimension ", i, " of ", size, " elements"));
  }
  return r;
}

Range range_of(const Call& call, const Positions& p, const Slice& s, std::size_t i,
               std::int64_t size) {
  if (s.squeeze_mask[i] != 0) return squeezed_range(call, p, s, i, size);
  const auto step = s.stride[i];
  const bool whole = s.begin_mask[i] != 0 && s.end_mask[i] != 0;
  Range r{.step = step};
  if (!ir::is_known(size)) {
    if (whole && (step == 1 || step == -1)) r.count = size;
    return r;
  }
  if ((s.begin_mask[i] == 0 && !s.begin_known) || (s.end_mask[i] == 0 && !s.end_known)) return r;
  // Python's rule: negative counts from the end, then both ends are clamped to where a walk in
  // the direction of the step can start and stop.
  const std::int64_t low = step > 0 ? 0 : -1;
  const std::int64_t high = step > 0 ? size : size - 1;
  const auto clamped = [&](std::int64_t v) { return std::clamp(v < 0 ? v + size : v, low, high); };
  r.first = s.begin_mask[i] != 0 ? (step > 0 ? low : high) : clamped(s.begin[i]);
  const auto stop = s.end_mask[i] != 0 ? (step > 0 ? high : low) : clamped(s.end[i]);
  r.count = step > 0 ? (stop - r.first + step - 1) / step : (r.first - stop - step - 1) / -step;
  if ((step > 0 && stop <= r.first) || (step < 0 && stop >= r.first)) r.count = 0;
  return r;
}

/// Dims of the slice, squeezed ones left out.
Dims slice_dims(const Call& call, const Positions& p, const Dims& dims) {
  const auto s = read_slice(call, p, dims.size());
  Dims out;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const auto r = range_of(call, p, s, i, dims[i]);
    if (!r.squeezed) out.push_back(r.count);
  }
  return out;
}

/// Calls `f(offset in x, k)` for the k-th element of the slice.
template <typename F>
void each_element(const Call& call, const Positions& p, const Dims& dims, F f) {
  const auto s = read_slice(call, p, dims.size());
  Dims counts;
  Dims steps = dense_strides(dims);
  std::int64_t first = 0;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const auto r = range_of(call, p, s, i, dims[i]);
    counts.push_back(r.count);
    first += r.first * steps[i];
    // A single step is never taken; its product with a huge stride might not fit.
    steps[i] = r.count > 1 ? steps[i] * r.step : 0;
  }
  std::int64_t k = 0;
  for (IndexWalk walk(counts, {&steps, 1}); !walk.done(); walk.next(), ++k) {
    f(first + walk.offset(0), k);
  }
}

void infer_slice_by_index(InferContext& call) {
  const auto& in = call.type(x);
  call.set_result(in.ranked ? Type::tensor(in.dtype, slice_dims(call, by_index, in.dims)) : in);
}

void evaluate_slice_by_index(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims(in.dims);
  const auto out = call.out(0, slice_dims(call, by_index, dims));
  each_element(call, by_index, dims,
               [&](std::int64_t from, std::int64_t k) { copy_element(in, from, out, k); });
}

void require_update(const Call& call, const Dims& slice, const Dims& given) {
  const auto dtype = call.type(x).dtype;
  if (!ir::compatible(Type::tensor(dtype, slice), Type::tensor(dtype, given))) {
    call.fail(update, cat("found shape ", base::shape_text(given), ", the slice has shape ",
                          base::shape_text(slice)));
  }
}

void infer_slice_update(InferContext& call) {
  const auto& in = call.type(x);
  if (in.ranked && call.type(update).ranked) {
    require_update(call, slice_dims(call, by_update, in.dims), call.type(update).dims);
  }
  infer_same(call);
}

void evaluate_slice_update(EvalContext& call) {
  const auto& in = call.in(x);
  const auto& value = call.in(update);
  const Dims dims(in.dims);
  require_update(call, slice_dims(call, by_update, dims), Dims(value.dims));
  const auto out = call.out(0, dims);
  copy_all(in, out);
  each_element(call, by_update, dims,
               [&](std::int64_t to, std::int64_t k) { copy_element(value, k, out, to); });
}

// --- slice_by_size: `size` elements from `begin` on; -1 takes what is left ---

constexpr int begin = 1;
constexpr int size = 2;

/// Number of elements of dimension `i`; `first` becomes where they begin (when that is known).
std::int64_t sized_count(const Call& call, std::size_t i, std::int64_t dim, std::int64_t wanted,
                         bool begin_known, std::int64_t& first) {
  if (wanted < -1) call.fail(size, cat("found ", wanted, ", expected a size or -1"));
  if (!ir::is_known(dim) || !begin_known) return wanted == -1 ? ir::unknown_dim : wanted;
  if (first < 0) first += dim;
  const auto count = wanted == -1 ? dim - first : wanted;
  if (first < 0 || first > dim || count > dim - first) {
    call.fail(size, cat("takes ", count, " elements from index ", first, " of dimension ", i,
                        ", which has ", dim));
  }
  return count;
}

void infer_slice_by_size(InferContext& call) {
  const auto& in = call.type(x);
  if (!in.ranked) {
    call.set_result(in);
    return;
  }
  bool begin_known = false;
  bool size_known = false;
  const Dims first = ints_if_known(call, begin, begin_known);
  const Dims wanted = ints_if_known(call, size, size_known);
  expect_entries(call, begin, in.rank());
  expect_entries(call, size, in.rank());
  Dims out(in.rank(), ir::unknown_dim);
  for (std::size_t i = 0; i < in.rank() && size_known; ++i) {
    std::int64_t at = begin_known ? first[i] : 0;
    out[i] = sized_count(call, i, in.dims[i], wanted[i], begin_known, at);
  }
  call.set_result(Type::tensor(in.dtype, std::move(out)));
}

void evaluate_slice_by_size(EvalContext& call) {
  const auto& in = call.in(x);
  const auto rank = in.dims.size();
  Dims first = call.ints_or(begin, {});
  const Dims wanted = call.ints_or(size, {});
  expect_entries(call, begin, rank);
  expect_entries(call, size, rank);
  const Dims steps = dense_strides(in.dims);
  Dims counts;
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < rank; ++i) {
    counts.push_back(sized_count(call, i, in.dims[i], wanted[i], true, first[i]));
    offset += first[i] * steps[i];
  }
  const auto out = call.out(0, counts);
  std::int64_t k = 0;
  for (IndexWalk walk(counts, {&steps, 1}); !walk.done(); walk.next(), ++k) {
    copy_element(in, offset + walk.offset(0), out, k);
  }
}

constexpr TypeSet basic = t::numbers | t::boolean;
constexpr TypeSet indices = types(DataType::int8, DataType::int16, DataType::int32);
constexpr Param mask(std::string_view name) {
  return {.name = name, .types = t::boolean, .form = Form::constant, .required = false};
}
constexpr Param index(std::string_view name, TypeSet set) {
  return {.name = name, .types = set, .group = 'U'};
}
constexpr Param stride(TypeSet set) {
  return {.name = "stride", .types = set, .form = Form::constant, .required = false, .group = 'U'};
}
constexpr Param index_15[] = {{.name = "x", .types = basic},
                              index("begin", t::i32),
                              index("end", t::i32),
                              stride(t::i32),
                              mask("begin_mask"),
                              mask("end_mask"),
                              mask("squeeze_mask")};
constexpr Param index_17[] = {{.name = "x", .types = t::all},
                              index("begin", indices),
                              index("end", indices),
                              stride(indices),
                              mask("begin_mask"),
                              mask("end_mask"),
                              mask("squeeze_mask")};
constexpr OpVersion index_versions[] = {{Opset::ios15, index_15}, {Opset::ios17, index_17}};

constexpr Param update_params[] = {{.name = "x", .types = t::all, .group = 'T'},
                                   {.name = "update", .types = t::all, .group = 'T'},
                                   index("begin", indices),
                                   index("end", indices),
                                   stride(indices),
                                   mask("begin_mask"),
                                   mask("end_mask"),
                                   mask("squeeze_mask")};
constexpr OpVersion update_versions[] = {{Opset::ios18, update_params}};

constexpr Param size_15[] = {
    {.name = "x", .types = basic}, index("begin", t::i32), index("size", t::i32)};
constexpr Param size_17[] = {
    {.name = "x", .types = t::all}, index("begin", indices), index("size", indices)};
constexpr OpVersion size_versions[] = {{Opset::ios15, size_15}, {Opset::ios17, size_17}};

}  // namespace

extern const OpDef op_slice_by_index, op_slice_by_size, op_slice_update;
const OpDef op_slice_by_index{.name = "slice_by_index",
                              .versions = index_versions,
                              .infer = infer_slice_by_index,
                              .evaluate = evaluate_slice_by_index};
const OpDef op_slice_by_size{.name = "slice_by_size",
                             .versions = size_versions,
                             .infer = infer_slice_by_size,
                             .evaluate = evaluate_slice_by_size};
const OpDef op_slice_update{.name = "slice_update",
                            .versions = update_versions,
                            .infer = infer_slice_update,
                            .evaluate = evaluate_slice_update};

}  // namespace pome::ops::definitions

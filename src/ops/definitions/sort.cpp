// argsort and topk. A NaN counts as greater than every number; equal elements keep their order,
// so that ties go to the lowest index.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

bool less(const TensorView& in, std::int64_t a, std::int64_t b) {
  if (!is_float(in.dtype)) return load_i(in, a) < load_i(in, b);
  const double p = load_f(in, a);
  const double q = load_f(in, b);
  return std::isnan(q) ? !std::isnan(p) : p < q;
}

/// Positions along one line of `length` elements (`step` apart from `first` on) in order.
void sort_line(const TensorView& in, std::int64_t first, std::int64_t step, bool ascending,
               std::vector<std::int64_t>& order) {
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](std::int64_t a, std::int64_t b) {
    const auto i = first + a * step;
    const auto j = first + b * step;
    return ascending ? less(in, i, j) : less(in, j, i);
  });
}

/// Calls `f(line, place in the results of `kept` along the axis, position)` for every line.
template <typename F>
void each_sorted(const TensorView& in, std::size_t at, std::int64_t kept, bool ascending, F f) {
  const Dims dims(in.dims);
  const auto outer = extent(dims, 0, at);
  const auto length = dims[at];
  const auto inner = extent(dims, at + 1, dims.size());
  std::vector<std::int64_t> order(static_cast<std::size_t>(length));
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < inner; ++i) {
      const auto first = o * length * inner + i;
      sort_line(in, first, inner, ascending, order);
      for (std::int64_t k = 0; k < kept; ++k) {
        const auto position = order[static_cast<std::size_t>(k)];
        f(first + position * inner, (o * kept + k) * inner + i, position);
      }
    }
  }
}

namespace argsort {

enum : int { x, axis, ascending };

void infer(InferContext& call) {
  auto type = call.type(x);
  if (type.ranked) call.axis(axis, call.int_or(axis, -1), type.rank());
  type.dtype = DataType::int32;
  call.set_result(std::move(type));
}

void evaluate(EvalContext& call) {
  const auto& in = call.in(x);
  const auto out = call.out(0, Dims(in.dims));
  const auto at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, -1), in.dims.size()));
  each_sorted(
      in, at, in.dims[at], call.bool_or(ascending, false),
      [&](std::int64_t, std::int64_t o, std::int64_t position) { store_i(out, o, position); });
}

}  // namespace argsort

namespace topk {

enum : int { x, k, axis, ascending, sort, return_indices, output_indices_dtype };

DataType index_type(const Call& call) {
  constexpr std::string_view allowed[] = {"int32", "uint16"};
  return call.choice_or(output_indices_dtype, 0, allowed) == 0 ? DataType::int32 : DataType::uint16;
}

/// How many are kept of a dimension; -1 keeps all.
std::int64_t kept(const Call& call, std::int64_t size) {
  const auto n = call.int_or(k, 1);
  if (n == -1) return size;
  if (n < 0 || (ir::is_known(size) && n > size)) {
    call.fail(k, base::cat("found ", n, ", the axis has ", size,
                           " elements, expected at most as many, or -1 for all"));
  }
  return n;
}

void infer(InferContext& call) {
  auto type = call.type(x);
  if (type.ranked) {
    const auto at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, -1), type.rank()));
    type.dims[at] = kept(call, type.dims[at]);
  }
  const std::size_t expected = call.bool_or(return_indices, true) ? 2 : 1;
  if (call.result_count() != expected) {
    call.fail(base::cat("has ", call.result_count(), " results, expected ", expected));
  }
  call.set_result(0, type);
  if (expected == 1) return;
  type.dtype = index_type(call);
  call.set_result(1, std::move(type));
}

void evaluate(EvalContext& call) {
  const auto& in = call.in(x);
  Dims dims(in.dims);
  const auto at = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, -1), dims.size()));
  dims[at] = kept(call, dims[at]);
  const auto values = call.out(0, dims);
  const bool with_indices = call.result_count() > 1;
  const auto indices = with_indices ? call.out(1, dims) : MutableTensorView{};
  each_sorted(in, at, dims[at], call.bool_or(ascending, false),
              [&](std::int64_t from, std::int64_t o, std::int64_t position) {
                copy_element(in, from, values, o);
                if (with_indices) store_i(indices, o, position);
              });
}

}  // namespace topk

constexpr Param constant(std::string_view name, TypeSet set) {
  return {.name = name, .types = set, .form = Form::constant, .required = false};
}
constexpr Param argsort_params[] = {{.name = "x", .types = t::numbers},
                                    constant("axis", t::i32),
                                    constant("ascending", t::boolean)};
constexpr OpVersion argsort_versions[] = {{Opset::ios15, argsort_params}};

constexpr Param topk_16[] = {
    {.name = "x", .types = t::numbers}, constant("k", t::i32),
    constant("axis", t::i32),           constant("ascending", t::boolean),
    constant("sort", t::boolean),       constant("return_indices", t::boolean)};
constexpr Param topk_17[] = {{.name = "x", .types = t::all_numbers},
                             constant("k", types(DataType::int8, DataType::int16, DataType::int32)),
                             constant("axis", t::i32),
                             constant("ascending", t::boolean),
                             constant("sort", t::boolean),
                             constant("return_indices", t::boolean),
                             constant("output_indices_dtype", t::string)};
constexpr OpVersion topk_versions[] = {
    {Opset::ios15, {topk_16, 4}}, {Opset::ios16, topk_16}, {Opset::ios17, topk_17}};

}  // namespace

extern const OpDef op_argsort, op_topk;
const OpDef op_argsort{.name = "argsort",
                       .versions = argsort_versions,
                       .infer = argsort::infer,
                       .evaluate = argsort::evaluate};
const OpDef op_topk{.name = "topk",
                    .versions = topk_versions,
                    .min_results = 1,
                    .max_results = 2,
                    .infer = topk::infer,
                    .evaluate = topk::evaluate};

}  // namespace pome::ops::definitions

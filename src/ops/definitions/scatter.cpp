// scatter, scatter_along_axis, scatter_nd: a copy of the data in which elements at given places are
// replaced or combined with updates, in the order of the indices.
//
// An index outside is an error. Negative ones count from the end; with validate_indices (iOS17)
// they are errors too.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

enum class Mode : std::uint8_t { update, add, sub, mul, div, max, min };

Mode read_mode(const Call& call, int param) {
  constexpr std::array<std::string_view, 7> names{"update", "add", "sub", "mul",
                                                  "div",    "max", "min"};
  return static_cast<Mode>(call.choice_or(param, 1, names));
}

double combined(Mode mode, double old, double value) {
  switch (mode) {
    case Mode::update: return value;
    case Mode::add: return old + value;
    case Mode::sub: return old - value;
    case Mode::mul: return old * value;
    case Mode::div: return old / value;
    case Mode::max: return max_or_nan(old, value);
    case Mode::min: return min_or_nan(old, value);
  }
  return value;
}

std::int64_t combined(Mode mode, std::int64_t old, std::int64_t value) {
  switch (mode) {
    case Mode::update: return value;
    case Mode::add: return old + value;
    case Mode::sub: return old - value;
    case Mode::mul: return old * value;
    case Mode::div: return old / value;
    case Mode::max: return std::max(old, value);
    case Mode::min: return std::min(old, value);
  }
  return value;
}

/// Writes updates into the result of a scatter.
class Writer {
 public:
  /// `updates`: position of the parameter, for messages.
  Writer(const EvalContext& call, Mode mode, int updates, const MutableTensorView& out)
      : call_(call), mode_(mode), updates_(updates), out_(out), floating_(is_float(out.dtype)) {}

  /// Elements [from, from + count) of the updates onto [to, to + count) of the result.
  void run(std::int64_t from, std::int64_t to, std::int64_t count) const {
    const auto& values = call_.in(updates_);
    if (mode_ == Mode::update) return copy_elements(values, from, out_, to, count);
    for (std::int64_t k = 0; k < count; ++k) {
      if (floating_) {
        store_f(out_, to + k, combined(mode_, load_f(out_, to + k), load_f(values, from + k)));
        continue;
      }
      const auto value = load_i(values, from + k);
      if (mode_ == Mode::div && value == 0) call_.fail(updates_, "divides integers by 0");
      store_i(out_, to + k, combined(mode_, load_i(out_, to + k), value));
    }
  }

 private:
  const EvalContext& call_;
  Mode mode_;
  int updates_;
  MutableTensorView out_;
  bool floating_;
};

std::int64_t placed(const Call& call, int param, std::int64_t index, std::int64_t size,
                    bool validate) {
  const auto at = index < 0 && !validate ? index + size : index;
  if (at < 0 || at >= size) {
    call.fail(param, cat("index ", index, " is outside a dimension of ", size));
  }
  return at;
}

std::int64_t product(std::span<const std::int64_t> dims) {
  std::int64_t n = 1;
  for (const auto d : dims) n *= d;
  return n;
}

/// Fails unless the updates have these dimensions, as far as both are known.
void expect_updates(const Call& call, int param, const Dims& expected) {
  const auto& found = call.type(param);
  if (found.ranked && !ir::compatible(Type::tensor(found.dtype, expected), found)) {
    call.fail(param, cat("found shape ", base::shape_text(found.dims), ", expected ",
                         base::shape_text(expected)));
  }
}

Dims joined(std::span<const std::int64_t> a, std::span<const std::int64_t> b,
            std::span<const std::int64_t> c = {}) {
  Dims out;
  for (const auto part : {a, b, c}) {
    for (const auto d : part) out.push_back(d);
  }
  return out;
}

MutableTensorView start(EvalContext& call) {
  const auto& from = call.in(0);
  const auto out = call.out(0, Dims(from.dims));
  copy_all(from, out);
  return out;
}

// --- scatter: whole slices along an axis; updates as data with the axis replaced by indices ---

enum : int { data, indices, updates, axis, mode, validate_indices };

void check_scatter(const Call& call) {
  const auto& to = call.type(data);
  read_mode(call, mode);
  if (any_unranked(call, {data, indices})) return;
  const std::span<const std::int64_t> dims(to.dims);
  const auto a = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), dims.size()));
  expect_updates(call, updates,
                 joined(dims.first(a), call.type(indices).dims, dims.subspan(a + 1)));
}

void infer_scatter(InferContext& call) {
  call.expect_one(validate_indices);
  check_scatter(call);
  call.set_result(call.type(data));
}

void evaluate_scatter(EvalContext& call) {
  check_scatter(call);
  const auto out = start(call);
  const auto dims = call.in(data).dims;
  const auto& at = call.in(indices);
  const auto a = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), dims.size()));
  const bool validate = call.bool_or(validate_indices, false);
  const Writer writer(call, read_mode(call, mode), updates, out);
  const auto outer = product(dims.first(a));
  const auto inner = product(dims.subspan(a + 1));
  const auto count = at.size();
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t p = 0; p < count; ++p) {
      const auto index = placed(call, indices, load_i(at, p), dims[a], validate);
      writer.run((o * count + p) * inner, (o * dims[a] + index) * inner, inner);
    }
  }
}

// --- scatter_along_axis: single elements; updates and indices have one shape ---

void check_along(const Call& call) {
  const auto& to = call.type(data);
  const auto& at = call.type(indices);
  read_mode(call, mode);
  if (any_unranked(call, {data, indices})) return;
  if (at.rank() != to.rank()) {
    call.fail(indices, cat("has ", at.rank(), " dimensions, expected ", to.rank()));
  }
  const auto a = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), to.rank()));
  for (std::size_t d = 0; d < to.rank(); ++d) {
    if (d != a && ir::is_known(at.dims[d]) && ir::is_known(to.dims[d]) &&
        at.dims[d] != to.dims[d]) {
      call.fail(indices, cat("found shape ", base::shape_text(at.dims), " for data of shape ",
                             base::shape_text(to.dims)));
    }
  }
  expect_updates(call, updates, at.dims);
}

void infer_along(InferContext& call) {
  call.expect_one(validate_indices);
  check_along(call);
  call.set_result(call.type(data));
}

void evaluate_along(EvalContext& call) {
  check_along(call);
  const auto out = start(call);
  const auto dims = call.in(data).dims;
  const auto& at = call.in(indices);
  const auto a = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), dims.size()));
  const bool validate = call.bool_or(validate_indices, false);
  const Writer writer(call, read_mode(call, mode), updates, out);
  const auto strides = dense_strides(dims);
  std::int64_t i = 0;
  for (IndexWalk walk(at.dims, {}); !walk.done(); walk.next(), ++i) {
    std::int64_t offset = 0;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      offset += strides[d] * (d == a ? placed(call, indices, load_i(at, i), dims[d], validate)
                                     : walk.index()[d]);
    }
    writer.run(i, offset, 1);
  }
}

// --- scatter_nd: the last dimension of the indices addresses leading dimensions of the data ---

enum : int { nd_data, nd_indices, nd_updates, nd_mode, nd_validate_indices };

std::size_t check_nd(const Call& call) {
  const auto& to = call.type(nd_data);
  const auto& at = call.type(nd_indices);
  read_mode(call, nd_mode);
  if (any_unranked(call, {nd_data, nd_indices})) return 0;
  if (at.rank() == 0) call.fail(nd_indices, "found shape [], expected at least one dimension");
  const auto depth = at.dims.back();
  if (!ir::is_known(depth)) return 0;
  if (depth > static_cast<std::int64_t>(to.rank())) {
    call.fail(nd_indices, cat("addresses ", depth, " dimensions, data has ", to.rank()));
  }
  const auto n = static_cast<std::size_t>(depth);
  expect_updates(call, nd_updates,
                 joined(std::span<const std::int64_t>(at.dims).first(at.rank() - 1),
                        std::span<const std::int64_t>(to.dims).subspan(n)));
  return n;
}

void infer_nd(InferContext& call) {
  call.expect_one(nd_validate_indices);
  check_nd(call);
  call.set_result(call.type(nd_data));
}

void evaluate_nd(EvalContext& call) {
  const auto depth = check_nd(call);
  const auto out = start(call);
  const auto dims = call.in(nd_data).dims;
  const auto& at = call.in(nd_indices);
  const bool validate = call.bool_or(nd_validate_indices, false);
  const Writer writer(call, read_mode(call, nd_mode), nd_updates, out);
  const auto inner = product(dims.subspan(depth));
  const auto picks = product(at.dims.first(at.dims.size() - 1));
  const auto width = static_cast<std::int64_t>(depth);
  for (std::int64_t p = 0; p < picks; ++p) {
    std::int64_t offset = 0;
    for (std::size_t d = 0; d < depth; ++d) {
      const auto index = load_i(at, p * width + static_cast<std::int64_t>(d));
      offset = offset * dims[d] + placed(call, nd_indices, index, dims[d], validate);
    }
    writer.run(p * inner, offset * inner, inner);
  }
}

constexpr auto constant = Form::constant;
constexpr Param p_data{.name = "data", .types = t::numbers, .group = 'T'};
constexpr Param p_indices{.name = "indices", .types = t::i32};
constexpr Param p_updates{.name = "updates", .types = t::numbers, .group = 'T'};
constexpr Param p_axis{.name = "axis", .types = t::i32, .form = constant, .required = false};
constexpr Param p_mode{.name = "mode", .types = t::string, .form = constant, .required = false};
constexpr Param p_validate{
    .name = "validate_indices", .types = t::boolean, .form = constant, .required = false};

constexpr Param axis_15[] = {p_data, p_indices, p_updates, p_axis, p_mode};
constexpr Param axis_17[] = {p_data, p_indices, p_updates, p_axis, p_mode, p_validate};
constexpr Param nd_15[] = {p_data, p_indices, p_updates, p_mode};
constexpr Param nd_17[] = {p_data, p_indices, p_updates, p_mode, p_validate};
constexpr OpVersion axis_versions[] = {{Opset::ios15, axis_15}, {Opset::ios17, axis_17}};
constexpr OpVersion nd_versions[] = {{Opset::ios15, nd_15}, {Opset::ios17, nd_17}};

}  // namespace

extern const OpDef op_scatter, op_scatter_along_axis, op_scatter_nd;
const OpDef op_scatter{.name = "scatter",
                       .versions = axis_versions,
                       .infer = infer_scatter,
                       .evaluate = evaluate_scatter};
const OpDef op_scatter_along_axis{.name = "scatter_along_axis",
                                  .versions = axis_versions,
                                  .infer = infer_along,
                                  .evaluate = evaluate_along};
const OpDef op_scatter_nd{
    .name = "scatter_nd", .versions = nd_versions, .infer = infer_nd, .evaluate = evaluate_nd};

}  // namespace pome::ops::definitions

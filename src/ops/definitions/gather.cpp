// gather, gather_along_axis, gather_nd. An index outside is an error. Negative ones count from the
// end; with validate_indices (iOS17) they are errors too.
#include <algorithm>

#include "base/text.h"
#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

std::int64_t product(std::span<const std::int64_t> dims) {
  std::int64_t n = 1;
  for (const auto d : dims) n *= d;
  return n;
}

std::int64_t wrapped(const Call& call, int param, std::int64_t index, std::int64_t size,
                     bool validate) {
  const auto at = index < 0 && !validate ? index + size : index;
  if (at < 0 || at >= size) {
    call.fail(param, cat("index ", index, " is outside a dimension of ", size));
  }
  return at;
}

void copy_run(const TensorView& from, std::int64_t at, const MutableTensorView& to, std::int64_t i,
              std::int64_t count) {
  for (std::int64_t k = 0; k < count; ++k) {
    if (is_float(from.dtype)) {
      store_f(to, i + k, load_f(from, at + k));
    } else {
      store_i(to, i + k, load_i(from, at + k));
    }
  }
}

Dims joined(std::span<const std::int64_t> a, std::span<const std::int64_t> b,
            std::span<const std::int64_t> c) {
  Dims out;
  for (const auto part : {a, b, c}) {
    for (const auto d : part) out.push_back(d);
  }
  return out;
}

std::size_t batch_count(const Call& call, int param, std::size_t limit) {
  const auto n = call.int_or(param, 0);
  if (n < 0 || n > static_cast<std::int64_t>(limit)) {
    call.fail(param, cat("found ", n, ", expected 0 to ", limit));
  }
  return static_cast<std::size_t>(n);
}

/// Fails unless two sizes that must agree do, as far as both are known.
void expect_same(const Call& call, int param, std::span<const std::int64_t> found,
                 std::span<const std::int64_t> data, std::size_t d) {
  if (ir::is_known(found[d]) && ir::is_known(data[d]) && found[d] != data[d]) {
    call.fail(param, cat("found shape ", base::shape_text(found), " for x of shape ",
                         base::shape_text(data), ", expected ", data[d], " in dimension ", d));
  }
}

// --- gather: x[:axis] + indices[batch_dims:] + x[axis + 1:] ---

enum : int { x, indices, axis, batch_dims, validate };

struct Gather {
  std::size_t axis, batch;
  Dims dims;
};

Gather plan_gather(const Call& call, std::span<const std::int64_t> from,
                   std::span<const std::int64_t> at) {
  Gather g{};
  if (from.empty()) call.fail(x, "found shape [], expected at least one dimension");
  g.axis = static_cast<std::size_t>(call.axis(axis, call.int_or(axis, 0), from.size()));
  g.batch = batch_count(call, batch_dims, std::min(g.axis, at.size()));
  for (std::size_t d = 0; d < g.batch; ++d) expect_same(call, indices, at, from, d);
  g.dims = joined(from.first(g.axis), at.subspan(g.batch), from.subspan(g.axis + 1));
  return g;
}

void infer_gather(InferContext& call) {
  call.expect_one(validate);
  const auto& in = call.type(x);
  if (!in.ranked || !call.type(indices).ranked) {
    call.set_result(Type::unranked(in.dtype));
    return;
  }
  call.set_result(Type::tensor(in.dtype, plan_gather(call, in.dims, call.type(indices).dims).dims));
}

void evaluate_gather(EvalContext& call) {
  const auto& from = call.in(x);
  const auto& at = call.in(indices);
  const auto g = plan_gather(call, from.dims, at.dims);
  const auto out = call.out(0, g.dims);
  const auto batches = product(from.dims.first(g.batch));
  const auto outer = product(from.dims.first(g.axis)) / std::max<std::int64_t>(batches, 1);
  const auto size = from.dims[g.axis];
  const auto inner = product(from.dims.subspan(g.axis + 1));
  const auto picks = product(at.dims.subspan(g.batch));
  const bool check = call.bool_or(validate, false);
  std::int64_t i = 0;
  for (std::int64_t b = 0; b < batches; ++b) {
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t p = 0; p < picks; ++p, i += inner) {
        const auto index = wrapped(call, indices, load_i(at, b * picks + p), size, check);
        copy_run(from, ((b * outer + o) * size + index) * inner, out, i, inner);
      }
    }
  }
}

// --- gather_along_axis: the result has the shape of the indices ---

enum : int { along_x, along_indices, along_axis, along_validate };

/// Checks the shapes and gives the axis.
std::size_t check_along(const Call& call, std::span<const std::int64_t> from,
                        std::span<const std::int64_t> at) {
  if (from.size() != at.size()) {
    call.fail(along_indices, cat("has ", at.size(), " dimensions, expected ", from.size()));
  }
  const auto axis =
      static_cast<std::size_t>(call.axis(along_axis, call.int_or(along_axis, 0), from.size()));
  for (std::size_t d = 0; d < from.size(); ++d) {
    if (d != axis) expect_same(call, along_indices, at, from, d);
  }
  return axis;
}

void infer_along(InferContext& call) {
  call.expect_one(along_validate);
  const auto& in = call.type(along_x);
  auto out = call.type(along_indices);
  if (in.ranked && out.ranked) check_along(call, in.dims, out.dims);
  out.dtype = in.dtype;
  call.set_result(std::move(out));
}

void evaluate_along(EvalContext& call) {
  const auto& from = call.in(along_x);
  const auto& at = call.in(along_indices);
  const auto along = check_along(call, from.dims, at.dims);
  const auto out = call.out(0, Dims(at.dims));
  const auto from_strides = dense_strides(from.dims);
  const bool check = call.bool_or(along_validate, false);
  const Dims strides[] = {dense_strides(at.dims)};
  for (IndexWalk walk(at.dims, strides); !walk.done(); walk.next()) {
    std::int64_t offset = 0;
    for (std::size_t d = 0; d < from.dims.size(); ++d) {
      const auto index =
          d == along ? wrapped(call, along_indices, load_i(at, walk.offset(0)), from.dims[d], check)
                     : walk.index()[d];
      offset += index * from_strides[d];
    }
    copy_run(from, offset, out, walk.offset(0), 1);
  }
}

// --- gather_nd: the last dimension of the indices addresses leading dimensions of x ---

enum : int { nd_x, nd_indices, nd_batch_dims, nd_validate };

struct GatherNd {
  std::size_t batch, depth;
  Dims dims;
};

GatherNd plan_nd(const Call& call, std::span<const std::int64_t> from,
                 std::span<const std::int64_t> at) {
  GatherNd g{};
  if (at.empty()) call.fail(nd_indices, "found shape [], expected at least one dimension");
  g.batch = batch_count(call, nd_batch_dims, std::min(from.size(), at.size() - 1));
  if (at.back() < 0 || g.batch + static_cast<std::size_t>(at.back()) > from.size()) {
    call.fail(nd_indices, cat("addresses ", at.back(), " dimensions behind ", g.batch,
                              " batch dimensions, x has ", from.size()));
  }
  for (std::size_t d = 0; d < g.batch; ++d) expect_same(call, nd_indices, at, from, d);
  g.depth = static_cast<std::size_t>(at.back());
  g.dims = joined(at.first(at.size() - 1), from.subspan(g.batch + g.depth), {});
  return g;
}

void infer_nd(InferContext& call) {
  call.expect_one(nd_validate);
  const auto& in = call.type(nd_x);
  const auto& at = call.type(nd_indices);
  if (!in.ranked || !at.ranked || at.dims.empty() || !ir::is_known(at.dims.back())) {
    call.set_result(Type::unranked(in.dtype));
    return;
  }
  call.set_result(Type::tensor(in.dtype, plan_nd(call, in.dims, at.dims).dims));
}

void evaluate_nd(EvalContext& call) {
  const auto& from = call.in(nd_x);
  const auto& at = call.in(nd_indices);
  const auto g = plan_nd(call, from.dims, at.dims);
  const auto out = call.out(0, g.dims);
  const auto inner = product(from.dims.subspan(g.batch + g.depth));
  const auto batches = product(from.dims.first(g.batch));
  const auto picks = product(at.dims.subspan(g.batch).first(at.dims.size() - 1 - g.batch));
  const auto depth = static_cast<std::int64_t>(g.depth);
  const bool check = call.bool_or(nd_validate, false);
  std::int64_t i = 0;
  for (std::int64_t b = 0; b < batches; ++b) {
    for (std::int64_t p = 0; p < picks; ++p, i += inner) {
      std::int64_t offset = b;
      for (std::int64_t d = 0; d < depth; ++d) {
        const auto size = from.dims[g.batch + static_cast<std::size_t>(d)];
        offset = offset * size +
                 wrapped(call, nd_indices, load_i(at, (b * picks + p) * depth + d), size, check);
      }
      copy_run(from, offset * inner, out, i, inner);
    }
  }
}

constexpr TypeSet index_ios16 = types(DataType::int32, DataType::uint16, DataType::int16);
constexpr TypeSet data_ios17 = t::all_numbers | t::boolean;
constexpr auto constant = Form::constant;

constexpr Param gather_ios15[] = {
    {.name = "x", .types = t::numbers | t::boolean},
    {.name = "indices", .types = t::i32},
    {.name = "axis", .types = t::i32, .form = constant, .required = false},
};
constexpr Param gather_ios16[] = {
    {.name = "x", .types = t::numbers | t::boolean},
    {.name = "indices", .types = index_ios16},
    {.name = "axis", .types = t::i32, .form = constant, .required = false},
    {.name = "batch_dims", .types = t::i32, .form = constant, .required = false},
};
constexpr Param gather_ios17[] = {
    {.name = "x", .types = data_ios17},
    {.name = "indices", .types = t::ints},
    {.name = "axis", .types = t::i32, .form = constant, .required = false},
    {.name = "batch_dims", .types = t::i32, .form = constant, .required = false},
    {.name = "validate_indices", .types = t::boolean, .form = constant, .required = false},
};
constexpr Param along_ios16[] = {
    {.name = "x", .types = t::numbers | t::boolean},
    {.name = "indices", .types = index_ios16},
    {.name = "axis", .types = t::i32, .form = constant, .required = false},
};
constexpr Param along_ios17[] = {
    {.name = "x", .types = data_ios17},
    {.name = "indices", .types = t::ints},
    {.name = "axis", .types = t::i32, .form = constant, .required = false},
    {.name = "validate_indices", .types = t::boolean, .form = constant, .required = false},
};
constexpr Param nd_ios15[] = {
    {.name = "x", .types = t::numbers | t::boolean},
    {.name = "indices", .types = t::i32},
};
constexpr Param nd_ios16[] = {
    {.name = "x", .types = t::numbers | t::boolean},
    {.name = "indices", .types = index_ios16},
    {.name = "batch_dims", .types = t::i32, .form = constant, .required = false},
};
constexpr Param nd_ios17[] = {
    {.name = "x", .types = data_ios17},
    {.name = "indices", .types = t::ints},
    {.name = "batch_dims", .types = t::i32, .form = constant, .required = false},
    {.name = "validate_indices", .types = t::boolean, .form = constant, .required = false},
};
constexpr OpVersion gather_versions[] = {
    {Opset::ios15, gather_ios15}, {Opset::ios16, gather_ios16}, {Opset::ios17, gather_ios17}};
constexpr OpVersion along_versions[] = {
    {Opset::ios15, gather_ios15}, {Opset::ios16, along_ios16}, {Opset::ios17, along_ios17}};
constexpr OpVersion nd_versions[] = {
    {Opset::ios15, nd_ios15}, {Opset::ios16, nd_ios16}, {Opset::ios17, nd_ios17}};

}  // namespace

extern const OpDef op_gather, op_gather_along_axis, op_gather_nd;
const OpDef op_gather{.name = "gather",
                      .versions = gather_versions,
                      .infer = infer_gather,
                      .evaluate = evaluate_gather};
const OpDef op_gather_along_axis{.name = "gather_along_axis",
                                 .versions = along_versions,
                                 .infer = infer_along,
                                 .evaluate = evaluate_along};
const OpDef op_gather_nd{
    .name = "gather_nd", .versions = nd_versions, .infer = infer_nd, .evaluate = evaluate_nd};

}  // namespace pome::ops::definitions

// reshape: the same elements under other dimensions; identity: the same value.
//
// In `shape`, 0 keeps the dimension of x at that place (the ranks being equal), and one -1 stands
// for whatever is left.
#include <cstring>

#include "base/checked.h"
#include "base/text.h"
#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

enum : int { x, shape };

using base::cat;

/// Target dims for known x dims. Fails when the counts do not agree.
Dims target(const Call& call, const Dims& from, Dims to) {
  std::int64_t known = 1;
  std::int64_t wild = -1;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i] == 0 && i < from.size()) to[i] = from[i];
    if (to[i] == -1 && wild < 0) {
      wild = static_cast<std::int64_t>(i);
      continue;
    }
    const auto product =
        to[i] < 0 ? std::nullopt : base::checked_mul<std::int64_t>(known, to[i]);
    if (!product) call.fail(shape, cat("bad entry ", to[i], " in ", base::shape_text(to)));
    known = *product;
  }
  std::int64_t count = 1;
  for (const auto d : from) count *= d;
  if (wild >= 0 && known > 0 && count % known == 0) {
    to[static_cast<std::size_t>(wild)] = count / known;
  } else if (wild >= 0 || known != count) {
    call.fail(shape, cat("cannot view shape ", base::shape_text(from), " (", count,
                         " elements) as ", base::shape_text(to)));
  }
  return to;
}

void infer_reshape(InferContext& call) {
  const auto& in = call.type(x);
  if (!call.known(shape)) {
    const auto& length = call.type(shape).dims;
    if (length.size() != 1) call.fail(shape, "expected a vector");
    call.set_result(ir::is_known(length[0])
                        ? Type::tensor(in.dtype, Dims(static_cast<std::size_t>(length[0]),
                                                      ir::unknown_dim))
                        : Type::unranked(in.dtype));
    return;
  }
  Dims to = call.ints_or(shape, {});
  if (in.is_static()) {
    to = target(call, in.dims, std::move(to));
  } else {
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (to[i] == 0 && i < in.dims.size()) to[i] = in.dims[i];
      else if (to[i] < 0) to[i] = ir::unknown_dim;
    }
  }
  call.set_result(Type::tensor(in.dtype, std::move(to)));
}

void copy(const TensorView& from, const MutableTensorView& to) {
  std::memcpy(to.data, from.data,
              static_cast<std::size_t>(*base::byte_count(from.size(), from.dtype)));
}

void evaluate_reshape(EvalContext& call) {
  const auto& in = call.in(x);
  const auto out = call.out(0, target(call, Dims(in.dims), call.ints_or(shape, {})));
  copy(in, out);
}

void infer_identity(InferContext& call) { call.set_result(call.type(x)); }

void evaluate_identity(EvalContext& call) {
  const auto& in = call.in(x);
  copy(in, call.out(0, Dims(in.dims)));
}

constexpr Param reshape_params[] = {
    {.name = "x", .types = t::all},
    {.name = "shape", .types = t::ints},
};
constexpr OpVersion reshape_versions[] = {{Opset::ios15, reshape_params}};
constexpr Param identity_params[] = {{.name = "x", .types = t::any, .form = Form::any}};
constexpr OpVersion identity_versions[] = {{Opset::ios15, identity_params}};

}  // namespace

extern const OpDef op_reshape, op_identity;
const OpDef op_reshape{.name = "reshape",
                       .versions = reshape_versions,
                       .infer = infer_reshape,
                       .evaluate = evaluate_reshape,
                       .alias = Alias::view};
const OpDef op_identity{.name = "identity",
                        .versions = identity_versions,
                        .infer = infer_identity,
                        .evaluate = evaluate_identity,
                        .alias = Alias::view};

}  // namespace pome::ops::definitions

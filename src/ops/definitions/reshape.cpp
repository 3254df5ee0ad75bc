// Operations that give the same elements other dimensions: reshape, reshape_like, squeeze,
// expand_dims, flatten2d; and identity, which changes nothing.
#include <algorithm>
#include <limits>

#include "base/checked.h"
#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

enum : int { x, shape, axes = 1 };

using base::cat;

// --- reshape ---
//
// In `shape`, 0 keeps a dimension of x, counted from the right (older opsets allow it for equal
// ranks only, where left and right agree), or is 1 where x has none; one -1 stands for the rest.

void replace_zeros(const Dims& from, Dims& to) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i] != 0) continue;
    const auto from_right = to.size() - i;
    to[i] = from_right <= from.size() ? from[from.size() - from_right] : 1;
  }
}

/// The place of the -1, or -1 itself when there is none; fails for other negative entries.
std::ptrdiff_t find_wild(const Call& call, const Dims& to) {
  std::ptrdiff_t wild = -1;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i] >= 0) continue;
    if (to[i] != -1 || wild >= 0) {
      call.fail(shape, cat("found ", to[i] != -1 ? to[i] : -1, to[i] != -1 ? "" : " twice",
                           ", expected sizes, 0 for a kept dimension and at most one -1"));
    }
    wild = static_cast<std::ptrdiff_t>(i);
  }
  return wild;
}

[[noreturn]] void fail_counts(const Call& call, const Dims& from, const Dims& wanted) {
  std::string text = "[";
  for (std::size_t i = 0; i < wanted.size(); ++i) text += cat(i ? ", " : "", wanted[i]);
  call.fail(shape, cat("cannot view shape ", base::shape_text(from), " as ", text, "]"));
}

std::int64_t checked_product(const Call& call, const Dims& dims, std::ptrdiff_t skip) {
  std::int64_t product = 1;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (static_cast<std::ptrdiff_t>(i) == skip) continue;
    const auto next = base::checked_mul(product, dims[i]);
    if (!next) call.fail(shape, "the number of elements does not fit 64 bits");
    product = *next;
  }
  return product;
}

/// Target dims for known x dims. Fails when the counts do not agree.
Dims target(const Call& call, const Dims& from, const Dims& wanted) {
  const auto wild = find_wild(call, wanted);
  Dims to = wanted;
  replace_zeros(from, to);
  const auto count = checked_product(call, from, -1);
  const auto known = checked_product(call, to, wild);
  if (wild >= 0) {
    // With no other elements any size would do; the smallest that agrees is 0.
    if (known == 0 ? count != 0 : count % known != 0) fail_counts(call, from, wanted);
    to[static_cast<std::size_t>(wild)] = known == 0 ? 0 : count / known;
  } else if (known != count) {
    fail_counts(call, from, wanted);
  }
  return to;
}

/// Target dims when x has unknown ones. The -1 is found when each unknown dimension of x is kept.
Dims partial_target(const Call& call, const Type& in, const Dims& wanted) {
  const auto wild = find_wild(call, wanted);
  Dims to = wanted;
  if (!in.ranked) {
    for (auto& d : to) {
      if (d <= 0) d = ir::unknown_dim;
    }
    return to;
  }
  replace_zeros(in.dims, to);
  std::int64_t unknown = 0;
  Dims from_known, to_known;
  for (const auto d : in.dims) {
    if (ir::is_known(d)) {
      from_known.push_back(d);
    } else {
      ++unknown;
    }
  }
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (static_cast<std::ptrdiff_t>(i) == wild) continue;
    if (ir::is_known(to[i])) {
      to_known.push_back(to[i]);
    } else {
      --unknown;  // one that was kept by a 0
    }
  }
  if (wild >= 0) {
    const auto count = checked_product(call, from_known, -1);
    const auto rest = checked_product(call, to_known, -1);
    const bool settled = unknown == 0 && rest > 0 && count % rest == 0;
    to[static_cast<std::size_t>(wild)] = settled ? count / rest : ir::unknown_dim;
  }
  return to;
}

void infer_reshape(InferContext& call) {
  const auto& in = call.type(x);
  const auto& length = call.type(shape);
  // An empty shape is known without its elements.
  const bool empty = length.ranked && length.rank() == 1 && length.dims[0] == 0;
  if (!call.known(shape) && !empty) {
    if (length.ranked && length.rank() != 1) {
      call.fail(shape, cat("expected a vector, found shape ", base::shape_text(length.dims)));
    }
    call.set_result(length.ranked && ir::is_known(length.dims[0])
                        ? Type::tensor(in.dtype, Dims(static_cast<std::size_t>(length.dims[0]),
                                                      ir::unknown_dim))
                        : Type::unranked(in.dtype));
    return;
  }
  const Dims wanted = empty ? Dims{} : call.ints_or(shape, {});
  call.set_result(Type::tensor(in.dtype, in.ranked && in.is_static()
                                             ? target(call, in.dims, wanted)
                                             : partial_target(call, in, wanted)));
}

void evaluate_reshape(EvalContext& call) {
  const auto& in = call.in(x);
  copy_all(in, call.out(0, target(call, Dims(in.dims), call.ints_or(shape, {}))));
}

// --- reshape_like: the shape is put together from pieces of the shapes of other tensors ---

namespace like {
enum : int { refs = 1, begins, ends, end_masks };
}

/// Clamps a Python slice bound.
std::int64_t bound(std::int64_t at, std::int64_t rank) {
  return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
}

/// Appends the dims that piece `i` of a call takes from its reference.
void append_piece(const Call& call, int i, const Dims& ref, Dims& out) {
  const auto begin = call.known(like::begins, i);
  const auto end = call.known(like::ends, i);
  const auto mask = call.known(like::end_masks, i);
  if (!begin || !end || !mask || begin.size() != 1 || end.size() != 1 || mask.size() != 1) {
    call.fail("parameters 'begins', 'ends' and 'end_masks' must be known scalars");
  }
  const auto rank = static_cast<std::int64_t>(ref.size());
  const auto last = load_i(mask, 0) != 0 ? rank : bound(load_i(end, 0), rank);
  for (auto k = bound(load_i(begin, 0), rank); k < last; ++k) {
    out.push_back(ref[static_cast<std::size_t>(k)]);
  }
}

void require_pieces(const Call& call) {
  const int n = call.count(like::refs);
  for (const int p : {static_cast<int>(like::begins), static_cast<int>(like::ends),
                      static_cast<int>(like::end_masks)}) {
    if (call.count(p) != n) {
      call.fail(p, cat("has ", call.count(p), " values, expected one for each of the ", n,
                       " reference tensors"));
    }
  }
}

void infer_reshape_like(InferContext& call) {
  const auto& in = call.type(x);
  require_pieces(call);
  if (any_unranked(call, {like::refs})) {
    call.set_result(Type::unranked(in.dtype));
    return;
  }
  Dims out;
  for (int i = 0; i < call.count(like::refs); ++i) {
    append_piece(call, i, call.type(like::refs, i).dims, out);
  }
  const auto type = Type::tensor(in.dtype, std::move(out));
  if (in.ranked && in.is_static() && type.is_static() &&
      checked_product(call, in.dims, -1) != checked_product(call, type.dims, -1)) {
    call.fail(x, cat("cannot view shape ", base::shape_text(in.dims), " as ",
                     base::shape_text(type.dims)));
  }
  call.set_result(type);
}

void evaluate_reshape_like(EvalContext& call) {
  const auto& in = call.in(x);
  Dims out;
  for (int i = 0; i < call.count(like::refs); ++i) {
    append_piece(call, i, Dims(call.in(like::refs, i).dims), out);
  }
  if (checked_product(call, Dims(in.dims), -1) != checked_product(call, out, -1)) {
    call.fail(x,
              cat("cannot view shape ", base::shape_text(in.dims), " as ", base::shape_text(out)));
  }
  copy_all(in, call.out(0, out));
}

// --- squeeze: dimensions other than 1 are kept even when they are named ---

Dims squeezed(const Call& call, const Dims& from) {
  const auto flags = axis_flags(call, axes, from.size(), true);
  Dims out;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (!flags[i] || from[i] != 1) out.push_back(from[i]);
  }
  return out;
}

void infer_squeeze(InferContext& call) {
  const auto& in = call.type(x);
  if (!in.ranked) {
    call.set_result(in);
    return;
  }
  const auto flags = axis_flags(call, axes, in.rank(), true);
  Dims with_unknown = squeezed(call, in.dims);
  Dims without;
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if (!flags[i] || (ir::is_known(in.dims[i]) && in.dims[i] != 1)) without.push_back(in.dims[i]);
  }
  // Whether an unknown dimension is 1 decides the rank; the program has said what it counts on.
  const auto& declared = call.declared();
  const bool says = declared.is_tensor() && declared.ranked;
  if (with_unknown.size() == without.size() || (says && declared.rank() == with_unknown.size())) {
    call.set_result(Type::tensor(in.dtype, std::move(with_unknown)));
  } else if (says && declared.rank() == without.size()) {
    call.set_result(Type::tensor(in.dtype, std::move(without)));
  } else {
    call.set_result(Type::unranked(in.dtype));
  }
}

void evaluate_squeeze(EvalContext& call) {
  const auto& in = call.in(x);
  copy_all(in, call.out(0, squeezed(call, Dims(in.dims))));
}

// --- expand_dims ---

Dims expanded(const Call& call, const Dims& from) {
  const Dims wanted = call.ints_or(axes, {});
  const auto rank = from.size() + wanted.size();
  const auto flags = axis_flags(call, axes, rank, false);
  Dims out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < rank; ++i) out.push_back(flags[i] ? 1 : from[next++]);
  return out;
}

void infer_expand_dims(InferContext& call) {
  const auto& in = call.type(x);
  call.set_result(in.ranked ? Type::tensor(in.dtype, expanded(call, in.dims)) : in);
}

void evaluate_expand_dims(EvalContext& call) {
  const auto& in = call.in(x);
  copy_all(in, call.out(0, expanded(call, Dims(in.dims))));
}

// --- flatten2d ---

Dims flattened(const Call& call, const Dims& from) {
  const auto rank = static_cast<std::int64_t>(from.size());
  const auto wanted = call.int_or(axes, 1);
  const auto at = wanted < 0 ? wanted + rank : wanted;
  if (at < 0 || at > rank) {
    call.fail(axes, cat("axis ", wanted, " is outside a tensor of ", rank, " dimensions, expected ",
                        -rank, " to ", rank));
  }
  const auto cut = static_cast<std::size_t>(at);
  return {extent(from, 0, cut), extent(from, cut, from.size())};
}

void infer_flatten2d(InferContext& call) {
  const auto& in = call.type(x);
  call.set_result(Type::tensor(
      in.dtype, in.ranked ? flattened(call, in.dims) : Dims{ir::unknown_dim, ir::unknown_dim}));
}

void evaluate_flatten2d(EvalContext& call) {
  const auto& in = call.in(x);
  copy_all(in, call.out(0, flattened(call, Dims(in.dims))));
}

// --- identity ---

void evaluate_identity(EvalContext& call) {
  if (call.type(x).kind == Type::Kind::list) {
    call.out_list() = call.list(x);
    return;
  }
  const auto& in = call.in(x);
  const auto out = call.out(0, Dims(in.dims));
  if (in.dtype == DataType::string) {
    std::ranges::copy(in.as<std::string>(), out.as<std::string>().begin());
  } else {
    copy_all(in, out);
  }
}

constexpr TypeSet basic = t::numbers | t::boolean;
constexpr Param reshape_15[] = {{.name = "x", .types = basic}, {.name = "shape", .types = t::i32}};
constexpr Param reshape_17[] = {
    {.name = "x", .types = t::all},
    {.name = "shape", .types = types(DataType::int8, DataType::int16, DataType::int32)}};
constexpr OpVersion reshape_versions[] = {{Opset::ios15, reshape_15}, {Opset::ios17, reshape_17}};

constexpr Param pieces(std::string_view name, TypeSet set) {
  return {.name = name, .types = set, .form = Form::constant, .variadic = true};
}
constexpr Param like_16[] = {
    {.name = "x", .types = basic},   {.name = "ref_tensors", .types = basic, .variadic = true},
    pieces("begins", t::i32),        pieces("ends", t::i32),
    pieces("end_masks", t::boolean),
};
constexpr Param like_17[] = {
    {.name = "x", .types = t::all},  {.name = "ref_tensors", .types = t::all, .variadic = true},
    pieces("begins", t::i32),        pieces("ends", t::i32),
    pieces("end_masks", t::boolean),
};
constexpr OpVersion like_versions[] = {{Opset::ios16, like_16}, {Opset::ios17, like_17}};

constexpr Param squeeze_15[] = {
    {.name = "x", .types = basic},
    {.name = "axes", .types = t::i32, .form = Form::constant, .required = false}};
constexpr Param squeeze_17[] = {
    {.name = "x", .types = t::all},
    {.name = "axes", .types = t::i32, .form = Form::constant, .required = false}};
constexpr OpVersion squeeze_versions[] = {{Opset::ios15, squeeze_15}, {Opset::ios17, squeeze_17}};

constexpr Param expand_15[] = {{.name = "x", .types = basic},
                               {.name = "axes", .types = t::i32, .form = Form::constant}};
constexpr Param expand_17[] = {{.name = "x", .types = t::all},
                               {.name = "axes", .types = t::i32, .form = Form::constant}};
constexpr OpVersion expand_versions[] = {{Opset::ios15, expand_15}, {Opset::ios17, expand_17}};

constexpr Param flatten_params[] = {
    {.name = "x", .types = basic},
    {.name = "axis", .types = t::i32, .form = Form::constant, .required = false}};
constexpr OpVersion flatten_versions[] = {{Opset::ios15, flatten_params}};

constexpr Param identity_params[] = {{.name = "x", .types = t::any, .form = Form::any}};
constexpr OpVersion identity_versions[] = {{Opset::ios15, identity_params}};

constexpr OpDef view(std::string_view name, std::span<const OpVersion> versions,
                     void (*infer)(InferContext&), void (*evaluate)(EvalContext&)) {
  return {.name = name,
          .versions = versions,
          .infer = infer,
          .evaluate = evaluate,
          .alias = Alias::view};
}

}  // namespace

extern const OpDef op_expand_dims, op_flatten2d, op_identity, op_reshape, op_reshape_like,
    op_squeeze;
const OpDef op_expand_dims =
    view("expand_dims", expand_versions, infer_expand_dims, evaluate_expand_dims);
const OpDef op_flatten2d = view("flatten2d", flatten_versions, infer_flatten2d, evaluate_flatten2d);
const OpDef op_identity = view("identity", identity_versions, infer_same, evaluate_identity);
const OpDef op_reshape = view("reshape", reshape_versions, infer_reshape, evaluate_reshape);
const OpDef op_reshape_like =
    view("reshape_like", like_versions, infer_reshape_like, evaluate_reshape_like);
const OpDef op_squeeze = view("squeeze", squeeze_versions, infer_squeeze, evaluate_squeeze);

}  // namespace pome::ops::definitions

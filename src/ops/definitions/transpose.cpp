// transpose, reverse, reverse_sequence: the same elements in another order.
#include <cstdint>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

enum : int { x, perm, axes = 1, lengths = 1, seq_axis, batch_axis };

/// The source dimension of each result dimension.
Dims permutation(const Call& call, std::size_t rank) {
  Dims order = call.ints_or(perm, {});
  if (order.size() != rank) {
    call.fail(perm, base::cat("has ", order.size(), " entries, expected one for each of the ", rank,
                              " dimensions of x"));
  }
  axis_flags(call, perm, rank, false);  // each axis once
  for (auto& a : order) a = call.axis(perm, a, rank);
  return order;
}

Dims permuted(const Dims& dims, const Dims& order) {
  Dims out;
  for (const auto a : order) out.push_back(dims[static_cast<std::size_t>(a)]);
  return out;
}

void infer_transpose(InferContext& call) {
  const auto& in = call.type(x);
  if (!in.ranked) {
    const auto rank = call.ints_or(perm, {}).size();
    call.set_result(Type::tensor(in.dtype, Dims(rank, ir::unknown_dim)));
    return;
  }
  call.set_result(Type::tensor(in.dtype, permuted(in.dims, permutation(call, in.rank()))));
}

void evaluate_transpose(EvalContext& call) {
  const auto& in = call.in(x);
  const auto order = permutation(call, in.dims.size());
  const Dims dims = permuted(Dims(in.dims), order);
  const auto out = call.out(0, dims);
  const Dims strides = permuted(dense_strides(in.dims), order);
  std::int64_t o = 0;
  for (IndexWalk walk(dims, {&strides, 1}); !walk.done(); walk.next(), ++o) {
    copy_element(in, walk.offset(0), out, o);
  }
}

void infer_reverse(InferContext& call) {
  const auto& in = call.type(x);
  if (in.ranked) axis_flags(call, axes, in.rank(), true);
  infer_same(call);
}

void evaluate_reverse(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims(in.dims);
  const auto out = call.out(0, dims);
  const auto flags = axis_flags(call, axes, dims.size(), true);
  // Walk the source; a reversed dimension runs backwards from its last place in the result.
  Dims strides = dense_strides(dims);
  std::int64_t first = 0;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (!flags[i]) continue;
    first += (dims[i] - 1) * strides[i];
    strides[i] = -strides[i];
  }
  std::int64_t i = 0;
  for (IndexWalk walk(dims, {&strides, 1}); !walk.done(); walk.next(), ++i) {
    copy_element(in, i, out, first + walk.offset(0));
  }
}

void infer_reverse_sequence(InferContext& call) {
  const auto& in = call.type(x);
  if (in.ranked) {
    call.axis(seq_axis, call.int_or(seq_axis, 0), in.rank());
    const auto batch =
        static_cast<std::size_t>(call.axis(batch_axis, call.int_or(batch_axis, 0), in.rank()));
    const auto& l = call.type(lengths);
    if (l.ranked && !ir::compatible(Type::tensor(l.dtype, {in.dims[batch]}), l)) {
      call.fail(lengths,
                base::cat("found shape ", base::shape_text(l.dims),
                          ", expected one length for each of the ", in.dims[batch], " batches"));
    }
  }
  infer_same(call);
}

void evaluate_reverse_sequence(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims(in.dims);
  const auto out = call.out(0, dims);
  const auto rank = dims.size();
  const auto seq = static_cast<std::size_t>(call.axis(seq_axis, call.int_or(seq_axis, 0), rank));
  const auto batch =
      static_cast<std::size_t>(call.axis(batch_axis, call.int_or(batch_axis, 0), rank));
  const auto& l = call.in(lengths);
  for (std::int64_t b = 0; b < l.size(); ++b) {
    if (load_i(l, b) < 0 || load_i(l, b) > dims[seq]) {
      call.fail(lengths, base::cat("found ", load_i(l, b), ", expected 0 to ", dims[seq]));
    }
  }
  const Dims strides = dense_strides(dims);
  std::int64_t i = 0;
  for (IndexWalk walk(dims, {&strides, 1}); !walk.done(); walk.next(), ++i) {
    const auto at = walk.index()[seq];
    const auto length = load_i(l, walk.index()[batch]);
    const auto to = at < length ? length - 1 - at : at;
    copy_element(in, i, out, i + (to - at) * strides[seq]);
  }
}

constexpr TypeSet basic = t::numbers | t::boolean;
constexpr Param transpose_15[] = {{.name = "x", .types = basic},
                                  {.name = "perm", .types = t::i32, .form = Form::constant}};
constexpr Param transpose_17[] = {{.name = "x", .types = t::all},
                                  {.name = "perm", .types = t::i32, .form = Form::constant}};
constexpr OpVersion transpose_versions[] = {{Opset::ios15, transpose_15},
                                            {Opset::ios17, transpose_17}};

constexpr Param optional_int(std::string_view name) {
  return {.name = name, .types = t::i32, .form = Form::constant, .required = false};
}
constexpr Param reverse_15[] = {{.name = "x", .types = basic}, optional_int("axes")};
constexpr Param reverse_17[] = {{.name = "x", .types = t::all}, optional_int("axes")};
constexpr OpVersion reverse_versions[] = {{Opset::ios15, reverse_15}, {Opset::ios17, reverse_17}};
constexpr Param sequence_15[] = {{.name = "x", .types = basic},
                                 {.name = "lengths", .types = t::i32},
                                 optional_int("seq_axis"),
                                 optional_int("batch_axis")};
constexpr Param sequence_17[] = {
    {.name = "x", .types = t::all},
    {.name = "lengths", .types = types(DataType::int8, DataType::int16, DataType::int32)},
    optional_int("seq_axis"),
    optional_int("batch_axis")};
constexpr OpVersion sequence_versions[] = {{Opset::ios15, sequence_15},
                                           {Opset::ios17, sequence_17}};

}  // namespace

extern const OpDef op_reverse, op_reverse_sequence, op_transpose;
const OpDef op_reverse{.name = "reverse",
                       .versions = reverse_versions,
                       .infer = infer_reverse,
                       .evaluate = evaluate_reverse};
const OpDef op_reverse_sequence{.name = "reverse_sequence",
                                .versions = sequence_versions,
                                .infer = infer_reverse_sequence,
                                .evaluate = evaluate_reverse_sequence};
const OpDef op_transpose{.name = "transpose",
                         .versions = transpose_versions,
                         .infer = infer_transpose,
                         .evaluate = evaluate_transpose};

}  // namespace pome::ops::definitions

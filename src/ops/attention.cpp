#include "ops/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops {
namespace {

using definitions::max_or_nan;

/// An operand as attention sees it: dimensions and strides of the axes in use, and where it begins.
struct View {
  Dims dims, strides;
  std::int64_t first = 0;
};

View view_of(const Call& call, int operand, int perm_param) {
  const auto& dims = call.type(operand).dims;
  const Dims perm = call.ints_or(perm_param, {});
  const Dims at = call.ints_or(perm_param + 1, {});
  if (at.size() != dims.size()) call.fail(perm_param + 1, "expected one index for each dimension");
  const Dims strides = dense_strides(dims);
  View view;
  base::InlineVector<bool, 8> used(dims.size(), false);
  for (const auto axis : perm) {
    const auto a = static_cast<std::size_t>(axis);
    if (axis < 0 || a >= dims.size() || used[a])
      call.fail(perm_param, "names no axis, or one twice");
    used[a] = true;
    view.dims.push_back(dims[a]);
    view.strides.push_back(strides[a]);
  }
  for (std::size_t a = 0; a < dims.size(); ++a) {
    if (used[a]) continue;
    if (at[a] < 0 || (ir::is_known(dims[a]) && at[a] >= dims[a]))
      call.fail(perm_param + 1, "has an index outside the operand");
    view.first += at[a] * strides[a];
  }
  return view;
}

void infer(InferContext& call) {
  const auto q = view_of(call, attention_query, attention_query_perm);
  const auto k = view_of(call, attention_key, attention_key_perm);
  const auto v = view_of(call, attention_value, attention_value_perm);
  const auto rank = q.dims.size();
  if (rank < 2 || k.dims.size() != rank || v.dims.size() != rank)
    call.fail("expected operands of equal rank");
  const auto differ = [](std::int64_t a, std::int64_t b) {
    return ir::is_known(a) && ir::is_known(b) && a != b;
  };
  bool fits =
      !differ(q.dims[rank - 1], k.dims[rank - 1]) && !differ(k.dims[rank - 2], v.dims[rank - 2]);
  for (std::size_t d = 0; d + 2 < rank; ++d)
    fits = fits && !differ(q.dims[d], k.dims[d]) && !differ(q.dims[d], v.dims[d]);
  if (!fits) call.fail("the shapes of query, key and value do not fit each other");
  if (call.has(attention_mask)) {
    Dims scores = q.dims;
    scores.back() = k.dims[rank - 2];
    Dims both;
    bool agrees = broadcast(scores, call.type(attention_mask).dims, both) && both.size() == rank;
    for (std::size_t d = 0; agrees && d < rank; ++d) agrees = !differ(both[d], scores[d]);
    if (!agrees) call.fail(attention_mask, "cannot be broadcast to the scores");
  }
  Dims dims = q.dims;
  dims.back() = v.dims.back();
  const Dims perm = call.ints_or(attention_result_perm, {});
  if (perm.size() != rank) call.fail(attention_result_perm, "expected one axis for each dimension");
  Dims result;
  for (const auto axis : perm) result.push_back(dims[static_cast<std::size_t>(axis)]);
  call.set_result(Type::tensor(call.type(attention_query).dtype, std::move(result)));
}

struct Mask {
  TensorView view;
  std::int64_t step = 0;  ///< from one key to the next

  double apply(std::int64_t at, double score) const {
    if (!view) return score;
    if (view.dtype != DataType::boolean) return score + load_f(view, at);
    return load_i(view, at) != 0 ? score : -std::numeric_limits<double>::infinity();
  }
};

/// Replaces scores by their softmax.
void softmax(std::vector<double>& row) {
  double most = -std::numeric_limits<double>::infinity();
  for (const double s : row) most = max_or_nan(most, s);
  double sum = 0;
  for (double& s : row) sum += s = std::exp(s - most);
  for (double& s : row) s /= sum;
}

void evaluate(EvalContext& call) {
  const auto q = view_of(call, attention_query, attention_query_perm);
  const auto k = view_of(call, attention_key, attention_key_perm);
  const auto v = view_of(call, attention_value, attention_value_perm);
  const auto rank = q.dims.size();
  const double scale = call.float_or(attention_scale, 1);
  const Dims perm = call.ints_or(attention_result_perm, {});
  Dims dims;
  Dims natural = q.dims;
  natural.back() = v.dims.back();
  for (const auto axis : perm) dims.push_back(natural[static_cast<std::size_t>(axis)]);
  const auto out = call.out(0, dims);
  const Dims out_dense = dense_strides(dims);
  Dims out_strides(rank, 0);
  for (std::size_t i = 0; i < rank; ++i)
    out_strides[static_cast<std::size_t>(perm[i])] = out_dense[i];
  Dims mask_strides(rank, 0);
  Mask mask;
  if (call.has(attention_mask)) {
    Dims scores = q.dims;
    scores.back() = k.dims[rank - 2];
    mask_strides = broadcast_strides(call.in(attention_mask).dims, scores);
    mask = {call.in(attention_mask), mask_strides.back()};
  }
  // Over [B.., L]: keys and values stand still along L.
  const auto over_rows = [rank](const Dims& strides, bool along) {
    Dims s(std::span<const std::int64_t>(strides).first(rank - 1));
    if (!along) s.back() = 0;
    return s;
  };
  const auto length = k.dims[rank - 2];
  std::vector<double> row(static_cast<std::size_t>(length));
  const Dims rows(std::span<const std::int64_t>(q.dims).first(rank - 1));
  const Dims kv[] = {over_rows(k.strides, false), over_rows(v.strides, false),
                     over_rows(mask_strides, true), over_rows(q.strides, true)};
  const Dims to[] = {over_rows(out_strides, true)};
  IndexWalk place(rows, to);
  for (IndexWalk walk(rows, kv); !walk.done(); walk.next(), place.next()) {
    for (std::int64_t s = 0; s < length; ++s) {
      double sum = 0;
      for (std::int64_t e = 0; e < q.dims.back(); ++e) {
        sum += load_f(call.in(attention_query), q.first + walk.offset(3) + e * q.strides.back()) *
               load_f(call.in(attention_key),
                      k.first + walk.offset(0) + s * k.strides[rank - 2] + e * k.strides.back());
      }
      row[static_cast<std::size_t>(s)] = mask.apply(walk.offset(2) + s * mask.step, sum * scale);
    }
    softmax(row);
    for (std::int64_t c = 0; c < v.dims.back(); ++c) {
      double sum = 0;
      for (std::int64_t s = 0; s < length; ++s) {
        sum += row[static_cast<std::size_t>(s)] *
               load_f(call.in(attention_value),
                      v.first + walk.offset(1) + s * v.strides[rank - 2] + c * v.strides.back());
      }
      store_f(out, place.offset(0) + c * out_strides[rank - 1], sum);
    }
  }
}

constexpr Param ints(std::string_view name) {
  return {.name = name, .types = t::i32, .form = Form::constant};
}

constexpr Param params[] = {
    {.name = "query", .types = t::floats},
    {.name = "key", .types = t::floats},
    {.name = "value", .types = t::floats},
    {.name = "attn_mask", .types = t::floats | t::boolean, .required = false},
    {.name = "scale", .types = t::fp32, .form = Form::constant},
    ints("query_perm"),
    ints("query_at"),
    ints("key_perm"),
    ints("key_at"),
    ints("value_perm"),
    ints("value_at"),
    ints("result_perm"),
};
constexpr OpVersion versions[] = {{Opset::ios15, params}};
constexpr OpDef def{
    .name = "pome.attention", .versions = versions, .infer = infer, .evaluate = evaluate};

}  // namespace

const OpDef& attention() noexcept {
  return def;
}

}  // namespace pome::ops

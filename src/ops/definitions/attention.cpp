// scaled_dot_product_attention: softmax(query key^T / sqrt(E) + mask) value.
//
// query [B.., L, E], key [B.., S, E], value [B.., S, EV]; the mask is broadcast to [B.., L, S]. In
// a mask of bools false takes an element out; a row without any element gives NaN, as 0 / 0.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

enum : int { query, key, value, mask };

bool differ(std::int64_t a, std::int64_t b) {
  return ir::is_known(a) && ir::is_known(b) && a != b;
}

[[noreturn]] void fail_shape(const Call& call, int param, std::string_view expected) {
  call.fail(param, cat("found shape ", base::shape_text(call.type(param).dims), " for a query of ",
                       base::shape_text(call.type(query).dims), ", expected ", expected));
}

/// Checks the shapes and gives that of the scores, [B.., L, S].
Dims check(const Call& call) {
  const auto& q = call.type(query).dims;
  const auto& k = call.type(key).dims;
  const auto& v = call.type(value).dims;
  const auto rank = q.size();
  if (rank < 3) call.fail(query, cat("has ", rank, " dimensions, expected at least 3"));
  if (k.size() != rank) fail_shape(call, key, "as many dimensions");
  if (v.size() != rank) fail_shape(call, value, "as many dimensions");
  for (std::size_t d = 0; d + 2 < rank; ++d) {
    if (differ(q[d], k[d])) fail_shape(call, key, "the same batch dimensions");
    if (differ(q[d], v[d])) fail_shape(call, value, "the same batch dimensions");
  }
  if (differ(q[rank - 1], k[rank - 1])) fail_shape(call, key, "the same last dimension");
  if (differ(k[rank - 2], v[rank - 2])) {
    call.fail(value, cat("has ", v[rank - 2], " rows, the key has ", k[rank - 2]));
  }
  Dims scores = q;
  scores.back() = ir::is_known(k[rank - 2]) ? k[rank - 2] : v[rank - 2];
  if (!call.has(mask) || !call.type(mask).ranked) return scores;
  const auto& m = call.type(mask).dims;
  Dims both;
  bool fits = m.size() <= rank && broadcast(scores, m, both);
  for (std::size_t d = 0; fits && d < rank; ++d) fits = !differ(both[d], scores[d]);
  if (!fits) {
    call.fail(mask, cat("found shape ", base::shape_text(m), ", which cannot be broadcast to ",
                        base::shape_text(scores)));
  }
  return scores;
}

void infer(InferContext& call) {
  const auto& q = call.type(query);
  if (any_unranked(call, {query, key, value})) return call.set_result(Type::unranked(q.dtype));
  check(call);
  Dims dims = q.dims;
  dims.back() = call.type(value).dims.back();
  call.set_result(Type::tensor(q.dtype, std::move(dims)));
}

/// Replaces scores by their softmax.
void softmax(std::vector<double>& row) {
  double most = -std::numeric_limits<double>::infinity();
  for (const double s : row) most = max_or_nan(most, s);
  double sum = 0;
  for (double& s : row) sum += s = std::exp(s - most);
  for (double& s : row) s /= sum;
}

void evaluate(EvalContext& call) {
  const auto& q = call.in(query);
  const auto& k = call.in(key);
  const auto& v = call.in(value);
  const auto rank = q.dims.size();
  const auto length = k.dims[rank - 2];
  const auto depth = q.dims[rank - 1];
  const auto width = v.dims[rank - 1];
  Dims rows(q.dims.first(rank - 1));  // [B.., L]
  Dims dims = rows;
  dims.push_back(width);
  const auto scores = check(call);
  const auto out = call.out(0, dims);
  Dims mask_strides(rank, 0);
  if (call.has(mask)) mask_strides = broadcast_strides(call.in(mask).dims, scores);
  const auto masked = [&](std::int64_t at, double score) {
    const auto& m = call.in(mask);
    if (m.dtype != DataType::boolean) return score + load_f(m, at);
    return load_i(m, at) != 0 ? score : -std::numeric_limits<double>::infinity();
  };
  const double scale = 1 / std::sqrt(static_cast<double>(depth));
  std::vector<double> row(static_cast<std::size_t>(length));
  const Dims strides[] = {Dims(std::span<const std::int64_t>(mask_strides).first(rank - 1))};
  std::int64_t r = 0;
  for (IndexWalk walk(rows, strides); !walk.done(); walk.next(), ++r) {
    const auto batch = r / rows.back();
    for (std::int64_t s = 0; s < length; ++s) {
      double sum = 0;
      for (std::int64_t e = 0; e < depth; ++e) {
        sum += load_f(q, r * depth + e) * load_f(k, (batch * length + s) * depth + e);
      }
      sum *= scale;
      row[static_cast<std::size_t>(s)] =
          call.has(mask) ? masked(walk.offset(0) + s * mask_strides[rank - 1], sum) : sum;
    }
    softmax(row);
    for (std::int64_t c = 0; c < width; ++c) {
      double sum = 0;
      for (std::int64_t s = 0; s < length; ++s) {
        sum += row[static_cast<std::size_t>(s)] * load_f(v, (batch * length + s) * width + c);
      }
      store_f(out, r * width + c, sum);
    }
  }
}

constexpr Param params[] = {
    {.name = "query", .types = t::floats, .group = 'T'},
    {.name = "key", .types = t::floats, .group = 'T'},
    {.name = "value", .types = t::floats, .group = 'T'},
    {.name = "attn_mask", .types = t::floats | t::boolean, .required = false},
};
constexpr OpVersion versions[] = {{Opset::ios18, params}};

}  // namespace

extern const OpDef op_scaled_dot_product_attention;
const OpDef op_scaled_dot_product_attention{.name = "scaled_dot_product_attention",
                                            .versions = versions,
                                            .infer = infer,
                                            .evaluate = evaluate};

}  // namespace pome::ops::definitions

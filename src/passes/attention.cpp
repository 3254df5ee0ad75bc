// Attention that is spelled out (product, scale, mask, softmax, product) as one operation, which
// never stores the scores and reads heads where they lie: transposes around it go too.
#include "ops/attention.h"

#include <algorithm>
#include <optional>

#include "passes/passes.h"
#include "passes/rewrite.h"
#include "passes/strided_view.h"

namespace pome::passes {
namespace {

struct Match {
  ir::Value *query = nullptr, *key = nullptr, *value = nullptr;
  std::optional<ir::Binding> mask;
  double scale = 1;
  bool key_is_transposed = false;  ///< [.., E, S]
};

/// What softmax looks at: maybe mask + (maybe scale * q k^T).
bool match_scores(ir::Value* scores, Match& m) {
  if (auto* sum = made_by(scores, "add"); sum && used_once(*scores)) {
    for (const auto& [x, y] : {std::pair{"x", "y"}, std::pair{"y", "x"}}) {
      auto* product = sum->input_value(x);
      const bool computed =
          made_by(product, "matmul") || made_by(product, "mul") || made_by(product, "real_div");
      if (!computed || !product->type.is_static() || !(product->type == scores->type)) continue;
      Match inner = m;
      inner.mask = *sum->input(y);
      if (match_scores(product, inner)) {
        m = inner;
        return true;
      }
    }
    return false;
  }
  if (!used_once(*scores)) return false;
  if (auto* product = made_by(scores, "mul")) {
    for (const auto& [x, y] : {std::pair{"x", "y"}, std::pair{"y", "x"}}) {
      const auto factor = scalar(product->input(y));
      if (!factor || !product->input_value(x)) continue;
      m.scale *= *factor;
      scores = product->input_value(x);
      break;
    }
  } else if (auto* quotient = made_by(scores, "real_div")) {
    const auto divisor = scalar(quotient->input("y"));
    if (!divisor || *divisor == 0) return false;
    m.scale /= *divisor;
    scores = quotient->input_value("x");
  }
  auto* product = made_by(scores, "matmul");
  if (!product || !used_once(*scores)) return false;
  const auto tx = flag(*product, "transpose_x", false);
  const auto ty = flag(*product, "transpose_y", false);
  if (!tx || !ty || *tx) return false;
  m.query = product->input_value("x");
  m.key = product->input_value("y");
  m.key_is_transposed = !*ty;
  return m.query && m.key;
}

std::optional<Match> match(ir::Op& op) {
  if (op.type() != "matmul") return std::nullopt;
  const auto tx = flag(op, "transpose_x", false);
  const auto ty = flag(op, "transpose_y", false);
  if (!tx || !ty || *tx || *ty) return std::nullopt;
  Match m;
  m.value = op.input_value("y");
  auto* shares = op.input_value("x");
  auto* softmax = made_by(shares, "softmax");
  if (!m.value || !softmax || !used_once(*shares)) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(shares->type.rank());
  const auto axis = softmax->input("axis") ? scalar(softmax->input("axis")) : std::optional(-1.0);
  if (!axis || (*axis != -1 && *axis != static_cast<double>(rank - 1))) return std::nullopt;
  auto* scores = softmax->input_value("x");
  if (!scores || !match_scores(scores, m)) return std::nullopt;
  // One rank and equal batch dimensions, all known: what views need.
  for (const auto* v : {m.query, m.key, m.value, &op.result()}) {
    if (!v->type.is_static() || static_cast<std::int64_t>(v->type.rank()) != rank || rank < 3 ||
        v->producer == nullptr || v->block != op.parent())
      return std::nullopt;
    if (!is_float(v->type.dtype) || v->type.dtype != op.result().type.dtype ||
        !std::equal(v->type.dims.begin(), v->type.dims.end() - 2, m.query->type.dims.begin()))
      return std::nullopt;
    for (const auto d : v->type.dims) {
      if (d <= 0 || d > INT32_MAX) return std::nullopt;
    }
  }
  if (m.mask && m.mask->type().rank() > static_cast<std::size_t>(rank)) return std::nullopt;
  return m;
}

/// The value under the dimensions of the view.
ir::Value* reshaped(ir::Op& before, const StridedView& view, const std::string& name) {
  if (view.root->type.dims == view.dims) return view.root;
  auto type = ir::Type::tensor(view.root->type.dtype, view.dims);
  return &insert_before(before, *ops::find("reshape"),
                        {{"x", view.root}, {"shape", int32s(view.dims)}}, name, type)
              .result();
}

/// The transpose that alone uses the result and moves no element out of its row.
ir::Op* result_transpose(const ir::Op& op) {
  if (!used_once(op.result())) return nullptr;
  auto* next = op.result().users.front();
  if (next->type() != "transpose" || next->parent() != op.parent()) return nullptr;
  const auto perm = integers(next->input("perm"));
  const auto rank = static_cast<std::int64_t>(op.result().type.rank());
  if (!perm || static_cast<std::int64_t>(perm->size()) != rank) return nullptr;
  return perm->back() == rank - 1 || perm->back() == -1 ? next : nullptr;
}

bool contiguous(const StridedView& v) {
  return v.perm.back() == static_cast<std::int64_t>(v.dims.size()) - 1;
}

/// Dimensions of one element may stand anywhere: a row of one element is put last.
StridedView view_for_rows(ir::Value& value, bool swap) {
  auto view = view_of(value);
  if (swap) std::swap(view.perm[view.perm.size() - 1], view.perm[view.perm.size() - 2]);
  return view;
}

bool fuse(ir::Op& op) {
  const auto m = match(op);
  if (!m) return false;
  const auto q = view_for_rows(*m->query, false);
  const auto k = view_for_rows(*m->key, m->key_is_transposed);
  const auto v = view_for_rows(*m->value, false);
  // Else rows would have to be gathered, which the separate operations do no worse.
  if (!contiguous(q) || !contiguous(k) || !contiguous(v) || v.scale != 1) return false;
  auto* after = result_transpose(op);
  const auto rank = static_cast<std::int64_t>(op.result().type.rank());
  Dims perm;
  for (std::int64_t i = 0; i < rank; ++i) perm.push_back(i);
  if (after) perm = *integers(after->input("perm"));
  for (auto& p : perm) p = p < 0 ? p + rank : p;
  const std::string name = op.result().name + "__attention";
  const double scale = m->scale * q.scale * k.scale;
  auto& last = after ? *after : op;
  auto& made = insert_before(op, ops::attention(),
                             {{"query", reshaped(op, q, name + "_q")},
                              {"key", reshaped(op, k, name + "_k")},
                              {"value", reshaped(op, v, name + "_v")},
                              {"scale", ir::make_fp32(static_cast<float>(scale))},
                              {"query_perm", int32s(q.perm)},
                              {"query_at", int32s(q.at)},
                              {"key_perm", int32s(k.perm)},
                              {"key_at", int32s(k.at)},
                              {"value_perm", int32s(v.perm)},
                              {"value_at", int32s(v.at)},
                              {"result_perm", int32s(perm)}},
                             name, last.result().type);
  if (m->mask) made.set_argument("attn_mask", *m->mask);
  take_over(last, made);
  return true;
}

}  // namespace

std::int64_t attention(ir::Function& function) {
  return for_each(function, fuse);
}

}  // namespace pome::passes

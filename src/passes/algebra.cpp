// Identities that are exact to the last bit: what changes nothing is left out, what only renames
// dimensions becomes a reshape, which costs nothing.
#include <algorithm>
#include <cmath>

#include "passes/passes.h"
#include "passes/rewrite.h"

namespace pome::passes {
namespace {

/// A transpose that leaves the order of elements as it is: only dimensions of one element move.
bool keeps_order(const Dims& dims, const Dims& perm) {
  std::int64_t last = -1;
  for (const auto p : perm) {
    const auto axis = p < 0 ? p + static_cast<std::int64_t>(dims.size()) : p;
    if (dims[static_cast<std::size_t>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

std::optional<Dims> permutation(const ir::Op& op) {
  auto perm = integers(op.input("perm"));
  if (!perm) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(perm->size());
  for (auto& p : *perm) p = p < 0 ? p + rank : p;
  return perm;
}

bool reshape_instead(ir::Op& op, ir::Value& x) {
  const auto& type = op.result().type;
  if (!type.is_static() || !type.ranked) return false;
  for (const auto d : type.dims) {
    if (d == 0 || d > INT32_MAX) return false;  // reshape reads 0 as "as before"
  }
  auto& made = insert_before(op, *ops::find("reshape"), {{"x", &x}, {"shape", int32s(type.dims)}},
                             op.result().name + "__view", type);
  take_over(op, made);
  return true;
}

bool simplify_transpose(ir::Op& op) {
  auto* x = op.input_value("x");
  const auto perm = permutation(op);
  if (!x || !perm || !op.result().used()) return false;
  if (std::ranges::is_sorted(*perm)) return bypass(op, *x);
  if (auto* inner = made_by(x, "transpose")) {
    auto* source = inner->input_value("x");
    const auto first = permutation(*inner);
    if (source && first && first->size() == perm->size()) {
      Dims both;
      for (const auto p : *perm) both.push_back((*first)[static_cast<std::size_t>(p)]);
      if (std::ranges::is_sorted(both)) return bypass(op, *source);
      op.set_argument("x", source);
      op.set_argument("perm", int32s(both));
      return true;
    }
  }
  if (x->type.ranked && x->type.is_static() && keeps_order(x->type.dims, *perm))
    return reshape_instead(op, *x);
  return false;
}

/// reshape, squeeze and expand_dims of one another.
bool simplify_view(ir::Op& op) {
  auto* x = op.input_value("x");
  if (!x || !op.result().used()) return false;
  if (x->type.is_static() && x->type == op.result().type && bypass(op, *x)) return true;
  for (const std::string_view type : {"reshape", "squeeze", "expand_dims"}) {
    auto* inner = made_by(x, type);
    auto* source = inner ? inner->input_value("x") : nullptr;
    if (!source || !op.result().type.is_static()) continue;
    if (source->type == op.result().type && bypass(op, *source)) return true;
    return reshape_instead(op, *source);
  }
  return false;
}

/// x * 1, x / 1 and x - 0 are x for every x, signed zeros, infinities and NaN included; x + 0 is
/// not for x = -0, x * 0 is not for infinities.
bool simplify_arithmetic(ir::Op& op, std::string_view neutral_side, double neutral) {
  const auto other = neutral_side == "y" ? "x" : "y";
  auto* x = op.input_value(other);
  const auto value = scalar(op.input(neutral_side));
  if (!x || !value || *value != neutral || (neutral == 0 && std::signbit(*value))) return false;
  if (!is_float(x->type.dtype) && op.type() == "real_div") return false;
  return bypass(op, *x);
}

/// A cast to the type that the value has; it rounds nothing where the value is rounded already.
bool simplify_cast(ir::Op& op) {
  auto* x = op.input_value("x");
  if (!x || is_float(x->type.dtype)) return false;  // a float16 value may be held unrounded
  return x->type == op.result().type && bypass(op, *x);
}

bool simplify(ir::Op& op) {
  const auto& type = op.type();
  if (op.result_count() != 1) return false;
  if (type == "transpose") return simplify_transpose(op);
  if (type == "reshape" || type == "squeeze" || type == "expand_dims") return simplify_view(op);
  if (type == "mul") return simplify_arithmetic(op, "y", 1) || simplify_arithmetic(op, "x", 1);
  if (type == "real_div") return simplify_arithmetic(op, "y", 1);
  if (type == "sub") return simplify_arithmetic(op, "y", 0);
  if (type == "cast") return simplify_cast(op);
  if (type == "identity") {
    auto* x = op.input_value("x");
    return x && bypass(op, *x);
  }
  return false;
}

}  // namespace

std::int64_t algebra(ir::Function& function) {
  return for_each(function, simplify);
}

}  // namespace pome::passes

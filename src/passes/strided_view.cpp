#include "passes/strided_view.h"

#include <algorithm>
#include <vector>

#include "passes/rewrite.h"

namespace pome::passes {
namespace {

/// Operations that a view looks through; a cap on what is walked, since chains may be long.
constexpr std::size_t most_links = 16;

/// Where elements lie in the memory of the root.
struct Strided {
  Dims dims, strides;
  std::int64_t first = 0;
};

Strided dense(const Dims& dims) {
  Strided s{dims, Dims(dims.size(), 0), 0};
  std::int64_t step = 1;
  for (std::size_t i = dims.size(); i-- > 0; step *= dims[i]) s.strides[i] = step;
  return s;
}

/// The same elements under other dimensions; nothing when no strides give them.
std::optional<Strided> reshaped(const Strided& s, const Dims& to) {
  Strided out{to, Dims(to.size(), 0), s.first};
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < s.dims.size() || j < to.size()) {
    // The shortest groups of dimensions on both sides with as many elements.
    const std::size_t i0 = i;
    const std::size_t j0 = j;
    std::int64_t a = i < s.dims.size() ? s.dims[i++] : 1;
    std::int64_t b = j < to.size() ? to[j++] : 1;
    while (a != b) {
      if (a < b && i < s.dims.size())
        a *= s.dims[i++];
      else if (b < a && j < to.size())
        b *= to[j++];
      else
        return std::nullopt;
    }
    std::int64_t step = 1;
    bool any = false;
    for (std::size_t k = i; k-- > i0;) {
      if (s.dims[k] == 1) continue;
      if (any && s.strides[k] != step) return std::nullopt;
      if (!any) step = s.strides[k];
      any = true;
      step *= s.dims[k];
    }
    std::int64_t inner = step / (any ? a : 1);
    for (std::size_t k = j; k-- > j0; inner *= to[k]) out.strides[k] = inner;
  }
  return out;
}

std::optional<Strided> transposed(const Strided& s, const ir::Op& op) {
  auto perm = integers(op.input("perm"));
  if (!perm || perm->size() != s.dims.size()) return std::nullopt;
  Strided out{{}, {}, s.first};
  for (auto p : *perm) {
    if (p < 0) p += static_cast<std::int64_t>(s.dims.size());
    out.dims.push_back(s.dims[static_cast<std::size_t>(p)]);
    out.strides.push_back(s.strides[static_cast<std::size_t>(p)]);
  }
  return out;
}

/// A slice that takes one index, or everything, of each dimension.
std::optional<Strided> sliced(const Strided& s, const ir::Op& op) {
  const auto rank = s.dims.size();
  const auto given = [&](std::string_view param, std::int64_t otherwise) -> std::optional<Dims> {
    if (!op.input(param)) return Dims(rank, otherwise);
    auto values = integers(op.input(param));
    return values && values->size() == rank ? values : std::nullopt;
  };
  const auto begin = given("begin", 0), end = given("end", 0), stride = given("stride", 1);
  const auto begin_mask = given("begin_mask", 0), end_mask = given("end_mask", 0);
  const auto squeeze = given("squeeze_mask", 0);
  if (!begin || !end || !stride || !begin_mask || !end_mask || !squeeze) return std::nullopt;
  Strided out{{}, {}, s.first};
  for (std::size_t i = 0; i < rank; ++i) {
    const auto wrap = [&](std::int64_t v) { return v < 0 ? v + s.dims[i] : v; };
    const auto from = (*begin_mask)[i] ? 0 : wrap((*begin)[i]);
    if ((*squeeze)[i]) {
      if (from < 0 || from >= s.dims[i]) return std::nullopt;
      out.first += from * s.strides[i];
      continue;
    }
    const auto to = (*end_mask)[i] ? s.dims[i] : wrap((*end)[i]);
    if ((*stride)[i] != 1 || from < 0 || to > s.dims[i] || to <= from) return std::nullopt;
    if (to - from != s.dims[i] && to - from != 1) return std::nullopt;
    out.first += from * s.strides[i];
    out.dims.push_back(to - from);
    out.strides.push_back(s.strides[i]);
  }
  return out;
}

std::optional<Strided> followed(const Strided& s, const ir::Op& op) {
  const auto& type = op.type();
  std::optional<Strided> out;
  if (type == "mul") out = s;
  if (type == "transpose") out = transposed(s, op);
  if (type == "slice_by_index") out = sliced(s, op);
  if (type == "reshape" || type == "squeeze" || type == "expand_dims")
    out = reshaped(s, op.result().type.dims);
  // What inference says is the measure; a doubt ends the view.
  if (out && !(out->dims == op.result().type.dims)) return std::nullopt;
  return out;
}

/// What a link of the chain looks at, and the scalar it multiplies with.
struct Link {
  ir::Value* from = nullptr;
  double scale = 1;
};

Link link_of(const ir::Value& value) {
  const auto* op = value.producer;
  if (!op || op->result_count() != 1) return {};
  const auto& type = op->type();
  if (type == "mul") {
    for (const auto& [x, y] : {std::pair{"x", "y"}, std::pair{"y", "x"}}) {
      auto* from = op->input_value(x);
      if (const auto factor = scalar(op->input(y)); factor && from && from->type == value.type)
        return {from, *factor};
    }
    return {};
  }
  for (const std::string_view view :
       {"transpose", "slice_by_index", "reshape", "squeeze", "expand_dims"}) {
    if (type == view) return {op->input_value("x"), 1};
  }
  return {};
}

/// Strides as dimensions of the root: from the greatest to the smallest, with gaps as dimensions
/// that stand still. Nothing where they overlap.
std::optional<StridedView> factored(ir::Value& root, const Strided& s) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < s.dims.size(); ++i) {
    if (s.dims[i] != 1) order.push_back(i);
  }
  std::ranges::stable_sort(order, [&](auto a, auto b) { return s.strides[a] > s.strides[b]; });
  std::int64_t left = 1;
  for (const auto d : root.type.dims) left *= d;
  StridedView view{&root, {}, Dims(s.dims.size(), 0), {}};
  const auto add = [&](std::int64_t size, std::int64_t index) {
    view.dims.push_back(size);
    view.at.push_back(index);
    return static_cast<std::int64_t>(view.dims.size()) - 1;
  };
  for (std::size_t i = 0; i < s.dims.size(); ++i) {
    if (s.dims[i] == 1) view.perm[i] = add(1, 0);
  }
  std::int64_t first = s.first;
  const auto gap = [&](std::int64_t block) {
    if (block <= 0 || left % block != 0) return false;
    if (left != block) {
      add(left / block, first / block);
      first %= block;
    }
    left = block;
    return true;
  };
  for (const auto i : order) {
    if (!gap(s.dims[i] * s.strides[i])) return std::nullopt;
    view.perm[i] = add(s.dims[i], 0);
    left = s.strides[i];
  }
  if (!gap(1) || first != 0) return std::nullopt;
  return view;
}

}  // namespace

StridedView view_of(ir::Value& value) {
  std::vector<ir::Value*> chain{&value};
  std::vector<double> scales;
  while (chain.size() < most_links) {
    const auto link = link_of(*chain.back());
    if (!link.from || !link.from->type.is_static() || link.from->block != value.block) break;
    scales.push_back(link.scale);
    chain.push_back(link.from);
  }
  // From the root on; where the strides end, the view begins anew.
  auto* root = chain.back();
  auto at = dense(root->type.dims);
  double scale = 1;
  for (std::size_t i = chain.size() - 1; i-- > 0;) {
    const auto next = followed(at, *chain[i]->producer);
    if (next) {
      at = *next;
      scale *= scales[i];
      continue;
    }
    root = chain[i];
    at = dense(root->type.dims);
    scale = 1;
  }
  auto view = factored(*root, at);
  if (!view) {
    view = factored(value, dense(value.type.dims));
    scale = 1;
  }
  view->scale = scale;
  return *view;
}

}  // namespace pome::passes

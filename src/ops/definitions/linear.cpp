// linear: x * weight^T + bias over the last dimension; matmul: products of matrices in batches.
#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

// --- linear: x [..., D_in], weight [D_out, D_in], bias [D_out] ---

enum : int { x, weight, bias };

void check_linear(const Call& call) {
  const auto& in = call.type(x);
  const auto& w = call.type(weight);
  if (!in.ranked || in.rank() < 1)
    call.fail(x, cat("found ", ir::text(in), ", expected a vector or more"));
  if (w.rank() != 2) {
    call.fail(weight, cat("found shape ", base::shape_text(w.dims), ", expected [D_out, D_in]"));
  }
  const auto depth = in.dims[in.rank() - 1];
  if (ir::is_known(depth) && ir::is_known(w.dims[1]) && depth != w.dims[1]) {
    call.fail(weight, cat("takes ", w.dims[1], " inputs, the last dimension of x is ", depth));
  }
  if (!call.has(bias) || !call.type(bias).is_static() || !ir::is_known(w.dims[0])) return;
  const auto& b = call.type(bias).dims;
  if (extent(b, 0, b.size()) != 1 && extent(b, 0, b.size()) != w.dims[0]) {
    call.fail(bias, cat("has ", extent(b, 0, b.size()), " values, expected ", w.dims[0]));
  }
}

void infer_linear(InferContext& call) {
  if (any_unranked(call, {x, weight})) {
    return call.set_result(Type::unranked(call.type(x).dtype));
  }
  check_linear(call);
  auto dims = call.type(x).dims;
  dims.back() = call.type(weight).dims[0];
  call.set_result(Type::tensor(call.type(x).dtype, std::move(dims)));
}

void evaluate_linear(EvalContext& call) {
  check_linear(call);
  const auto& in = call.in(x);
  const auto& w = call.in(weight);
  Dims dims(in.dims);
  const auto depth = dims.back();
  const auto width = w.dims[0];
  dims.back() = width;
  const auto out = call.out(0, dims);
  const bool floating = is_float(in.dtype);
  std::int64_t rows = 1;
  for (std::size_t i = 0; i + 1 < in.dims.size(); ++i) rows *= in.dims[i];
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t o = 0; o < width; ++o) {
      const auto at = call.has(bias) && call.in(bias).size() == 1 ? 0 : o;
      if (floating) {
        double sum = call.has(bias) ? load_f(call.in(bias), at) : 0.0;
        for (std::int64_t k = 0; k < depth; ++k) {
          sum += load_f(in, r * depth + k) * load_f(w, o * depth + k);
        }
        store_f(out, r * width + o, sum);
      } else {
        // Unsigned, so that overflow wraps instead of being undefined.
        auto sum = static_cast<std::uint64_t>(call.has(bias) ? load_i(call.in(bias), at) : 0);
        for (std::int64_t k = 0; k < depth; ++k) {
          sum += static_cast<std::uint64_t>(load_i(in, r * depth + k) * load_i(w, o * depth + k));
        }
        store_i(out, r * width + o, static_cast<std::int64_t>(sum));
      }
    }
  }
}

constexpr Param linear_ios15[] = {
    {.name = "x", .types = t::numbers, .group = 'T'},
    {.name = "weight", .types = t::numbers, .form = Form::constant, .group = 'T'},
    {.name = "bias", .types = t::numbers, .form = Form::constant, .required = false, .group = 'T'},
};
constexpr Param linear_ios17[] = {
    {.name = "x", .types = t::numbers},
    {.name = "weight", .types = t::numbers, .form = Form::constant, .group = 'U'},
    {.name = "bias", .types = t::numbers, .form = Form::constant, .required = false, .group = 'U'},
};
constexpr OpVersion linear_versions[] = {{Opset::ios15, linear_ios15},
                                         {Opset::ios17, linear_ios17}};

// --- matmul: [..., M, K] x [..., K, N]; a vector is a row on the left, a column on the right ---

enum : int { mx, my, transpose_x, transpose_y };

/// Shapes of a product after the vectors became matrices.
struct Product {
  Dims a, b;   ///< batch dims
  Dims batch;  ///< broadcast
  std::int64_t m, k, n;
  std::int64_t k_right;
  bool row, column;  ///< x, y was a vector
  bool tx, ty;
};

Product product(const Call& call) {
  Product p{};
  p.tx = call.bool_or(transpose_x, false);
  p.ty = call.bool_or(transpose_y, false);
  Dims a = call.type(mx).dims;
  Dims b = call.type(my).dims;
  for (const int side : {static_cast<int>(mx), static_cast<int>(my)}) {
    if (!call.type(side).ranked || call.type(side).dims.empty()) {
      call.fail(side, "found shape [], expected at least one dimension");
    }
  }
  p.row = a.size() == 1;
  p.column = b.size() == 1;
  if (p.row) {
    a.insert(a.begin(), 1);
    p.tx = false;
  }
  if (p.column) {
    b.push_back(1);
    p.ty = false;
  }
  p.m = a[a.size() - (p.tx ? 1 : 2)];
  p.k = a[a.size() - (p.tx ? 2 : 1)];
  p.k_right = b[b.size() - (p.ty ? 1 : 2)];
  p.n = b[b.size() - (p.ty ? 2 : 1)];
  p.a = Dims(std::span<const std::int64_t>(a).first(a.size() - 2));
  p.b = Dims(std::span<const std::int64_t>(b).first(b.size() - 2));
  const bool same_depth = !ir::is_known(p.k) || !ir::is_known(p.k_right) || p.k == p.k_right;
  if (!same_depth || !broadcast(p.a, p.b, p.batch)) {
    call.fail(cat("cannot multiply shapes ", base::shape_text(call.type(mx).dims),
                  p.tx ? " (transposed)" : "", " and ", base::shape_text(call.type(my).dims),
                  p.ty ? " (transposed)" : ""));
  }
  return p;
}

Dims result_dims(const Product& p) {
  Dims dims = p.batch;
  if (!p.row) dims.push_back(p.m);
  if (!p.column) dims.push_back(p.n);
  return dims;
}

/// Written in the file: a constant, compressed or not.
bool is_constant(const Call& call, std::string_view param) {
  const auto* binding = call.op() ? call.op()->input(param) : nullptr;
  if (!binding || binding->constant()) return binding != nullptr;
  const auto* producer = binding->value->producer;
  return producer && producer->def && producer->def->effects == Effects::compress;
}

/// A constant side may have a type of its own; the result has that of the other.
DataType matmul_type(const InferContext& call) {
  const auto a = call.type(mx).dtype;
  const auto b = call.type(my).dtype;
  const bool x_constant = is_constant(call, "x");
  const bool y_constant = is_constant(call, "y");
  // Both are when a pass has computed one of them: what was declared tells which.
  if (x_constant && y_constant) return call.declared().dtype == b ? b : a;
  if (a == b || y_constant) return a;
  if (x_constant) return b;
  call.fail(my, cat("is ", name(b), ", expected ", name(a),
                    " as x; types may differ only where one side is constant"));
}

void infer_matmul(InferContext& call) {
  const auto dtype = matmul_type(call);
  if (any_unranked(call, {mx, my})) return call.set_result(Type::unranked(dtype));
  call.set_result(Type::tensor(dtype, result_dims(product(call))));
}

void evaluate_matmul(EvalContext& call) {
  const auto p = product(call);
  const auto& a = call.in(mx);
  const auto& b = call.in(my);
  const auto out = call.out(0, result_dims(p));
  // An integer result of a product with floats is truncated once, at the end.
  const bool floating = is_float(a.dtype) || is_float(b.dtype);
  const Dims strides[] = {broadcast_strides(p.a, p.batch), broadcast_strides(p.b, p.batch)};
  std::int64_t i = 0;
  for (IndexWalk walk(p.batch, strides); !walk.done(); walk.next()) {
    const auto base_a = walk.offset(0) * p.m * p.k;
    const auto base_b = walk.offset(1) * p.k * p.n;
    for (std::int64_t r = 0; r < p.m; ++r) {
      for (std::int64_t c = 0; c < p.n; ++c, ++i) {
        double sum = 0;
        std::uint64_t exact = 0;  // unsigned, so that overflow wraps
        for (std::int64_t k = 0; k < p.k; ++k) {
          const auto at_a = base_a + (p.tx ? k * p.m + r : r * p.k + k);
          const auto at_b = base_b + (p.ty ? c * p.k + k : k * p.n + c);
          if (floating) {
            sum += load_f(a, at_a) * load_f(b, at_b);
          } else {
            exact += static_cast<std::uint64_t>(load_i(a, at_a) * load_i(b, at_b));
          }
        }
        if (floating) {
          store_f(out, i, sum);
        } else {
          store_i(out, i, static_cast<std::int64_t>(exact));
        }
      }
    }
  }
}

constexpr Param matmul_ios15[] = {
    {.name = "x", .types = t::numbers, .group = 'T'},
    {.name = "y", .types = t::numbers, .group = 'T'},
    {.name = "transpose_x", .types = t::boolean, .form = Form::constant, .required = false},
    {.name = "transpose_y", .types = t::boolean, .form = Form::constant, .required = false},
};
constexpr Param matmul_ios17[] = {
    {.name = "x", .types = t::numbers},
    {.name = "y", .types = t::numbers},
    {.name = "transpose_x", .types = t::boolean, .form = Form::constant, .required = false},
    {.name = "transpose_y", .types = t::boolean, .form = Form::constant, .required = false},
};
constexpr OpVersion matmul_versions[] = {{Opset::ios15, matmul_ios15},
                                         {Opset::ios17, matmul_ios17}};

}  // namespace

extern const OpDef op_linear, op_matmul;
const OpDef op_linear{.name = "linear",
                      .versions = linear_versions,
                      .infer = infer_linear,
                      .evaluate = evaluate_linear};
const OpDef op_matmul{.name = "matmul",
                      .versions = matmul_versions,
                      .infer = infer_matmul,
                      .evaluate = evaluate_matmul};

}  // namespace pome::ops::definitions

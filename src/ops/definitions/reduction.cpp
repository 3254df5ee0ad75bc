// Reductions over axes. Sums and products of integers are exact and wrap at the end; means, norms
// and logarithms of integers are computed in floating point and truncated. NaN wins a maximum or
// minimum; ties of argmax and argmin go to the lowest index.
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

enum : int { x, axes, keep_dims, output_dtype };

using Flags = base::InlineVector<bool, 8>;

Dims reduced_dims(const Dims& dims, const Flags& reduced, bool keep) {
  Dims out;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (!reduced[i])
      out.push_back(dims[i]);
    else if (keep)
      out.push_back(1);
  }
  return out;
}

void infer_axes(InferContext& call) {
  const auto& in = call.type(x);
  if (!in.ranked) {
    call.set_result(in);
    return;
  }
  const auto flags = axis_flags(call, axes, in.rank(), true);
  call.set_result(
      Type::tensor(in.dtype, reduced_dims(in.dims, flags, call.bool_or(keep_dims, false))));
}

/// The elements that are reduced to one result.
class Window {
 public:
  Window(const TensorView& in, const Dims& dims, const Dims& strides)
      : in_(in), dims_(dims), strides_(strides) {}
  void move_to(std::int64_t first) noexcept { first_ = first; }
  std::int64_t size() const noexcept { return extent(dims_, 0, dims_.size()); }

  template <typename F>
  void each(F f) const {
    for (IndexWalk walk(dims_, {&strides_, 1}); !walk.done(); walk.next()) {
      f(first_ + walk.offset(0));
    }
  }
  template <typename F>
  double sum(F f) const {
    double total = 0;
    each([&](std::int64_t i) { total += f(load_f(in_, i)); });
    return total;
  }
  template <typename F>
  std::int64_t sum_int(F f) const {
    // Unsigned, so that overflow wraps instead of being undefined.
    std::uint64_t total = 0;
    each([&](std::int64_t i) { total += static_cast<std::uint64_t>(f(load_i(in_, i))); });
    return static_cast<std::int64_t>(total);
  }
  const TensorView& in() const noexcept { return in_; }

 private:
  TensorView in_;
  Dims dims_, strides_;
  std::int64_t first_ = 0;
};

template <double (*F)(const Window&), std::int64_t (*G)(const Window&)>
void evaluate_axes(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims(in.dims);
  const auto flags = axis_flags(call, axes, dims.size(), true);
  const auto out = call.out(0, reduced_dims(dims, flags, call.bool_or(keep_dims, false)));
  const Dims strides = dense_strides(dims);
  Dims outer, outer_strides, inner, inner_strides;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    (flags[i] ? inner : outer).push_back(dims[i]);
    (flags[i] ? inner_strides : outer_strides).push_back(strides[i]);
  }
  Window window(in, inner, inner_strides);
  std::int64_t o = 0;
  for (IndexWalk walk(outer, {&outer_strides, 1}); !walk.done(); walk.next(), ++o) {
    window.move_to(walk.offset(0));
    if (is_float(in.dtype)) {
      store_f(out, o, F(window));
    } else {
      store_i(out, o, G(window));
    }
  }
}

/// Integer form of a reduction that is computed in floating point.
template <double (*F)(const Window&)>
std::int64_t truncated(const Window& w) {
  return saturating_int(F(w));
}

double same(double v) {
  return v;
}
std::int64_t same_int(std::int64_t v) {
  return v;
}

double l1_norm(const Window& w) {
  return w.sum([](double v) { return std::fabs(v); });
}
std::int64_t l1_norm_int(const Window& w) {
  return w.sum_int([](std::int64_t v) { return v < 0 ? -v : v; });
}
double sum_square(const Window& w) {
  return w.sum([](double v) { return v * v; });
}
std::int64_t sum_square_int(const Window& w) {
  return w.sum_int([](std::int64_t v) { return v * v; });
}
double l2_norm(const Window& w) {
  return std::sqrt(sum_square(w));
}
double sum(const Window& w) {
  return w.sum(same);
}
std::int64_t sum_int(const Window& w) {
  return w.sum_int(same_int);
}
double mean(const Window& w) {
  return sum(w) / static_cast<double>(w.size());
}
double log_sum(const Window& w) {
  return std::log(sum(w));
}

double prod(const Window& w) {
  double total = 1;
  w.each([&](std::int64_t i) { total *= load_f(w.in(), i); });
  return total;
}
std::int64_t prod_int(const Window& w) {
  std::uint64_t total = 1;
  w.each([&](std::int64_t i) { total *= static_cast<std::uint64_t>(load_i(w.in(), i)); });
  return static_cast<std::int64_t>(total);
}

// Of no elements: the neutral element.
double max(const Window& w) {
  double top = -std::numeric_limits<double>::infinity();
  w.each([&](std::int64_t i) { top = max_or_nan(top, load_f(w.in(), i)); });
  return top;
}
double min(const Window& w) {
  double low = std::numeric_limits<double>::infinity();
  w.each([&](std::int64_t i) { low = min_or_nan(low, load_f(w.in(), i)); });
  return low;
}
std::int64_t max_int(const Window& w) {
  std::int64_t top = std::numeric_limits<std::int32_t>::min();
  w.each([&](std::int64_t i) { top = std::max(top, load_i(w.in(), i)); });
  return top;
}
std::int64_t min_int(const Window& w) {
  std::int64_t low = std::numeric_limits<std::int32_t>::max();
  w.each([&](std::int64_t i) { low = std::min(low, load_i(w.in(), i)); });
  return low;
}

double log_sum_exp(const Window& w) {
  const double top = max(w);
  if (std::isinf(top)) return top;  // shifting by an infinity would give NaN
  return top + std::log(w.sum([top](double v) { return std::exp(v - top); }));
}

DataType index_type(const Call& call) {
  constexpr std::string_view allowed[] = {"int32", "uint16"};
  return call.choice_or(output_dtype, 0, allowed) == 0 ? DataType::int32 : DataType::uint16;
}

Flags axis_flag(const Call& call, std::size_t rank) {
  Flags flags(rank, false);
  flags[static_cast<std::size_t>(call.axis(axes, call.int_or(axes, -1), rank))] = true;
  return flags;
}

void infer_arg(InferContext& call) {
  const auto& in = call.type(x);
  const auto dtype = index_type(call);
  if (!in.ranked) {
    call.set_result(Type::unranked(dtype));
    return;
  }
  const auto flags = axis_flag(call, in.rank());
  call.set_result(
      Type::tensor(dtype, reduced_dims(in.dims, flags, call.bool_or(keep_dims, false))));
}

/// True when element `i` beats element `best` in a search for the greatest; the first NaN stays.
bool beats(const TensorView& in, std::int64_t i, std::int64_t best, bool greatest) {
  if (!is_float(in.dtype)) {
    const auto a = load_i(in, i);
    const auto b = load_i(in, best);
    return greatest ? a > b : a < b;
  }
  const auto a = load_f(in, i);
  const auto b = load_f(in, best);
  if (std::isnan(b)) return false;
  if (std::isnan(a)) return true;
  return greatest ? a > b : a < b;
}

template <bool Greatest>
void evaluate_arg(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims(in.dims);
  const auto flags = axis_flag(call, dims.size());
  const auto out = call.out(0, reduced_dims(dims, flags, call.bool_or(keep_dims, false)));
  const auto at = static_cast<std::size_t>(call.axis(axes, call.int_or(axes, -1), dims.size()));
  const auto outer = extent(dims, 0, at);
  const auto length = dims[at];
  const auto inner = extent(dims, at + 1, dims.size());
  if (length == 0 && outer * inner != 0) {
    call.fail(x, base::cat("has no elements along axis ", at, ", expected at least one"));
  }
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < inner; ++i) {
      const auto first = o * length * inner + i;
      std::int64_t best = 0;
      for (std::int64_t k = 1; k < length; ++k) {
        if (beats(in, first + k * inner, first + best * inner, Greatest)) best = k;
      }
      store_i(out, o * inner + i, best);
    }
  }
}

constexpr Param axes_params[] = {
    {.name = "x", .types = t::numbers},
    {.name = "axes", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "keep_dims", .types = t::boolean, .form = Form::constant, .required = false},
};
constexpr OpVersion axes_versions[] = {{Opset::ios15, axes_params}};
constexpr Param arg_params[] = {
    {.name = "x", .types = t::numbers},
    {.name = "axis", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "keep_dims", .types = t::boolean, .form = Form::constant, .required = false},
    {.name = "output_dtype", .types = t::string, .form = Form::constant, .required = false},
};
constexpr OpVersion arg_versions[] = {{Opset::ios15, {arg_params, 3}}, {Opset::ios17, arg_params}};

template <double (*F)(const Window&), std::int64_t (*G)(const Window&) = truncated<F>>
constexpr OpDef reduction(std::string_view name) {
  return {.name = name,
          .versions = axes_versions,
          .infer = infer_axes,
          .evaluate = evaluate_axes<F, G>};
}

}  // namespace

extern const OpDef op_reduce_argmax, op_reduce_argmin, op_reduce_l1_norm, op_reduce_l2_norm,
    op_reduce_log_sum, op_reduce_log_sum_exp, op_reduce_max, op_reduce_mean, op_reduce_min,
    op_reduce_prod, op_reduce_sum, op_reduce_sum_square;
const OpDef op_reduce_argmax{.name = "reduce_argmax",
                             .versions = arg_versions,
                             .infer = infer_arg,
                             .evaluate = evaluate_arg<true>};
const OpDef op_reduce_argmin{.name = "reduce_argmin",
                             .versions = arg_versions,
                             .infer = infer_arg,
                             .evaluate = evaluate_arg<false>};
const OpDef op_reduce_l1_norm = reduction<l1_norm, l1_norm_int>("reduce_l1_norm");
const OpDef op_reduce_l2_norm = reduction<l2_norm>("reduce_l2_norm");
const OpDef op_reduce_log_sum = reduction<log_sum>("reduce_log_sum");
const OpDef op_reduce_log_sum_exp = reduction<log_sum_exp>("reduce_log_sum_exp");
const OpDef op_reduce_max = reduction<max, max_int>("reduce_max");
const OpDef op_reduce_mean = reduction<mean>("reduce_mean");
const OpDef op_reduce_min = reduction<min, min_int>("reduce_min");
const OpDef op_reduce_prod = reduction<prod, prod_int>("reduce_prod");
const OpDef op_reduce_sum = reduction<sum, sum_int>("reduce_sum");
const OpDef op_reduce_sum_square = reduction<sum_square, sum_square_int>("reduce_sum_square");

}  // namespace pome::ops::definitions

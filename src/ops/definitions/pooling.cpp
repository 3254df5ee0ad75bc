// avg_pool, max_pool, l2_pool over one to three spatial dimensions: x is [n, C, D...].
//
// Windows of a ceil_mode pool may reach beyond the padded input; what lies beyond it never counts,
// neither for the sum nor for the divisor.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

enum : int { x, kernel_sizes, strides, pad_type, pad, ceil_mode, exclude_padding };

constexpr std::string_view pad_types[] = {"valid", "same", "custom", "same_lower"};
enum class PadType : std::uint8_t { valid, same, custom, same_lower };

/// Geometry of one pool; `before` and `after` of an unknown dimension are not set.
struct Geometry {
  Dims kernel, stride, before, after, out;
};

void require_length(const Call& call, int param, const Dims& values, std::size_t length,
                    std::int64_t least) {
  if (values.size() != length) {
    call.fail(param, base::cat("found ", values.size(), " values, expected ", length));
  }
  for (const auto v : values) {
    if (v < least || v > std::numeric_limits<std::int32_t>::max()) {
      call.fail(param, base::cat("found ", v, ", expected at least ", least));
    }
  }
}

std::int64_t out_size(const Call& call, std::size_t i, std::int64_t in, const Geometry& g,
                      bool ceil) {
  const auto total = g.before[i] + g.after[i];
  const auto room = in + total - g.kernel[i];
  std::int64_t out =
      room < 0 && !ceil ? 0 : (room + (ceil ? g.stride[i] - 1 : 0)) / g.stride[i] + 1;
  if (room + g.stride[i] - 1 < 0) out = 0;
  // The last window must begin inside the input or its leading padding.
  if (ceil && total > 0 && (out - 1) * g.stride[i] >= in + g.before[i]) --out;
  if (out <= 0) {
    call.fail(kernel_sizes, base::cat("a window of ", g.kernel[i], " does not fit dimension ",
                                      i + 2, " of ", in, " elements"));
  }
  return out;
}

Geometry geometry(const Call& call, const Dims& dims) {
  if (dims.size() < 3 || dims.size() > 5) {
    call.fail(x, base::cat("expected 3 to 5 dimensions, found shape ", base::shape_text(dims)));
  }
  const auto n = dims.size() - 2;
  const auto type = static_cast<PadType>(call.choice_or(pad_type, 0, pad_types));
  Geometry g{.kernel = call.ints_or(kernel_sizes, {}),
             .stride = call.ints_or(strides, Dims(n, 1)),
             .before = Dims(n, 0),
             .after = Dims(n, 0),
             .out = {dims[0], dims[1]}};
  require_length(call, kernel_sizes, g.kernel, n, 1);
  require_length(call, strides, g.stride, n, 1);
  const Dims custom = call.ints_or(pad, Dims(2 * n, 0));
  if (type == PadType::custom) require_length(call, pad, custom, 2 * n, 0);
  const bool ceil = call.bool_or(ceil_mode, false);
  for (std::size_t i = 0; i < n; ++i) {
    const auto in = dims[i + 2];
    if (type == PadType::custom) {
      g.before[i] = custom[2 * i];
      g.after[i] = custom[2 * i + 1];
    } else if (type != PadType::valid && ir::is_known(in)) {
      const auto out = (in + g.stride[i] - 1) / g.stride[i];
      const auto total = std::max<std::int64_t>(0, (out - 1) * g.stride[i] + g.kernel[i] - in);
      g.before[i] = type == PadType::same ? total / 2 : total - total / 2;
      g.after[i] = total - g.before[i];
    }
    g.out.push_back(ir::is_known(in) ? out_size(call, i, in, g, ceil) : ir::unknown_dim);
  }
  return g;
}

void infer(InferContext& call) {
  const auto& in = call.type(x);
  for (int p = ceil_mode; p < static_cast<int>(call.def().params().size()); ++p) call.expect_one(p);
  if (!in.ranked) {
    call.set_result(in);
    return;
  }
  call.set_result(Type::tensor(in.dtype, geometry(call, in.dims).out));
}

enum class Kind : std::uint8_t { average, maximum, l2 };

/// One output element: the window that begins at `start` (which may be negative, in the padding).
struct Window {
  Dims low, high;           ///< the part inside the input
  std::int64_t padded = 1;  ///< elements inside the input and its padding
};

Window window_at(const Geometry& g, std::span<const std::int64_t> dims,
                 std::span<const std::int64_t> index) {
  Window w;
  for (std::size_t i = 0; i < g.kernel.size(); ++i) {
    const auto in = dims[i + 2];
    const auto start = index[i + 2] * g.stride[i] - g.before[i];
    const auto end = std::min(start + g.kernel[i], in + g.after[i]);
    w.padded *= end - start;
    w.low.push_back(std::clamp<std::int64_t>(start, 0, in));
    w.high.push_back(std::clamp<std::int64_t>(end, 0, in));
  }
  return w;
}

template <Kind K>
void evaluate(EvalContext& call) {
  const auto& in = call.in(x);
  const auto g = geometry(call, Dims(in.dims));
  const auto out = call.out(0, g.out);
  const bool exclude = K == Kind::average && call.bool_or(exclude_padding, false);
  const Dims steps = dense_strides(in.dims);
  const std::size_t n = g.kernel.size();
  std::int64_t o = 0;
  for (IndexWalk walk(g.out, {}); !walk.done(); walk.next(), ++o) {
    const auto index = walk.index();
    const auto w = window_at(g, in.dims, index);
    Dims size;
    std::int64_t first = index[0] * steps[0] + index[1] * steps[1];
    for (std::size_t i = 0; i < n; ++i) {
      size.push_back(std::max<std::int64_t>(0, w.high[i] - w.low[i]));
      first += w.low[i] * steps[i + 2];
    }
    double result = K == Kind::maximum ? -std::numeric_limits<double>::infinity() : 0;
    std::int64_t count = 0;
    const Dims inner(std::span<const std::int64_t>(steps).subspan(2));
    for (IndexWalk k(size, {&inner, 1}); !k.done(); k.next(), ++count) {
      const double v = load_f(in, first + k.offset(0));
      if (K == Kind::maximum)
        result = max_or_nan(result, v);
      else
        result += K == Kind::l2 ? v * v : v;
    }
    if (K == Kind::l2) result = std::sqrt(result);
    const auto divisor = exclude ? count : w.padded;
    if (K == Kind::average) result = divisor > 0 ? result / static_cast<double>(divisor) : 0;
    store_f(out, o, result);
  }
}

constexpr Param params[] = {
    {.name = "x", .types = t::floats},
    {.name = "kernel_sizes", .types = t::i32, .form = Form::constant},
    {.name = "strides", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "pad_type", .types = t::string, .form = Form::constant},
    {.name = "pad", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "ceil_mode", .types = t::boolean, .form = Form::constant, .required = false},
    {.name = "exclude_padding_from_average",
     .types = t::boolean,
     .form = Form::constant,
     .required = false},
};
constexpr OpVersion average_versions[] = {{Opset::ios15, params}};
constexpr OpVersion versions[] = {{Opset::ios15, {params, 6}}};

}  // namespace

extern const OpDef op_avg_pool, op_l2_pool, op_max_pool;
const OpDef op_avg_pool{.name = "avg_pool",
                        .versions = average_versions,
                        .infer = infer,
                        .evaluate = evaluate<Kind::average>};
const OpDef op_l2_pool{
    .name = "l2_pool", .versions = versions, .infer = infer, .evaluate = evaluate<Kind::l2>};
const OpDef op_max_pool{
    .name = "max_pool", .versions = versions, .infer = infer, .evaluate = evaluate<Kind::maximum>};

}  // namespace pome::ops::definitions

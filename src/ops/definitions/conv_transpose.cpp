// conv_transpose: every input element adds a scaled kernel to the output.
//
// x [N, C_in, D...], weight [C_in, C_out / groups, K...], bias [C_out]. Without cropping an output
// dimension has (D - 1) * stride + (K - 1) * dilation + 1 elements; "custom" cuts `pad` off its
// ends, "same" leaves D * stride (the odd element is cut behind, with "same_lower" before).
// `output_shape` sets the size; what lies outside is dropped, what nothing reaches is 0.
#include <algorithm>
#include <array>
#include <vector>

#include "base/checked.h"
#include "base/text.h"
#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

enum : int { x, weight, bias, pad, output_shape, pad_type, strides, dilations, groups };

enum PadType : std::size_t { valid, same, custom, same_lower };

/// One spatial dimension. Tap k of input i lands on output i * stride + k * dilation - before.
struct Axis {
  std::int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, before = 0;
};

/// Sizes, strides and dilations are kept below this, so that their products fit 64 bits.
constexpr std::int64_t largest = std::int64_t{1} << 30;

Dims checked_values(const Call& call, int param, std::size_t count, std::int64_t otherwise,
                    std::int64_t minimum) {
  auto values = call.ints_or(param, Dims(count, otherwise));
  if (values.size() != count) {
    call.fail(param, cat("has ", values.size(), " values, expected ", count));
  }
  for (const auto v : values) {
    if (v < minimum || v > largest) {
      call.fail(param, cat("found ", v, ", expected ", minimum, " to ", largest));
    }
  }
  return values;
}

struct Plan {
  std::int64_t groups = 1;
  Dims dims;
  std::vector<Axis> axes;
};

void check_channels(const Call& call, const Plan& plan) {
  const auto& in = call.type(x);
  const auto& w = call.type(weight);
  const auto channels = ir::is_known(in.dims[1]) ? in.dims[1] : w.dims[0];
  if (ir::is_known(w.dims[0]) && ir::is_known(in.dims[1]) && in.dims[1] != w.dims[0]) {
    call.fail(weight, cat("takes ", w.dims[0], " input channels, x has ", in.dims[1]));
  }
  if (ir::is_known(channels) && channels % plan.groups != 0) {
    call.fail(groups, cat(plan.groups, " groups do not divide ", channels, " input channels"));
  }
  if (!call.has(bias) || call.type(bias).rank() == 0) return;
  const auto& b = call.type(bias);
  if (b.rank() != 1 ||
      (ir::is_known(b.dims[0]) && ir::is_known(plan.dims[1]) && b.dims[0] != plan.dims[1])) {
    call.fail(bias,
              cat("found shape ", base::shape_text(b.dims), ", expected [", plan.dims[1], "]"));
  }
}

/// Size and cropping of one dimension; `size` is what `output_shape` asks for, or unknown.
void place(Axis& axis, std::size_t type, const Dims& cut, std::size_t d, std::int64_t size) {
  if (!ir::is_known(axis.in) || !ir::is_known(axis.kernel)) {
    axis.out = size;
    if (!ir::is_known(size) && ir::is_known(axis.in) && (type == same || type == same_lower)) {
      axis.out = axis.in * axis.stride;
    }
    return;
  }
  const auto full =
      axis.in == 0 ? 0 : (axis.in - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
  axis.out = full;
  if (type == custom) {
    axis.before = cut[2 * d];
    axis.out = full - cut[2 * d] - cut[2 * d + 1];
  } else if (type == same || type == same_lower) {
    axis.out = axis.in * axis.stride;
  }
  if (ir::is_known(size)) axis.out = size;
  if (type == same || type == same_lower) {
    const auto total = std::max<std::int64_t>(0, full - axis.out);
    axis.before = type == same ? total / 2 : total - total / 2;
  }
}

Plan make_plan(const Call& call) {
  constexpr std::array<std::string_view, 4> names{"valid", "same", "custom", "same_lower"};
  const auto& in = call.type(x);
  const auto& w = call.type(weight);
  if (in.rank() < 3 || in.rank() > 5) {
    call.fail(x, cat("found ", ir::text(in), ", expected 3 to 5 dimensions"));
  }
  if (w.rank() != in.rank()) {
    call.fail(weight, cat("has ", w.rank(), " dimensions, expected ", in.rank(), " as x has"));
  }
  const auto n = in.rank() - 2;
  Plan plan;
  plan.groups = call.int_or(groups, 1);
  if (plan.groups < 1) call.fail(groups, cat("found ", plan.groups, ", expected at least 1"));
  const auto type = call.choice_or(pad_type, 0, names);
  const auto step = checked_values(call, strides, n, 1, 1);
  const auto spread = checked_values(call, dilations, n, 1, 1);
  const auto cut = checked_values(call, pad, 2 * n, 0, 0);
  const auto sizes = call.ints_or(output_shape, Dims(in.rank(), ir::unknown_dim));
  if (sizes.size() != in.rank()) {
    call.fail(output_shape, cat("has ", sizes.size(), " values, expected ", in.rank()));
  }
  std::int64_t channels = ir::unknown_dim;
  if (ir::is_known(w.dims[1])) {
    const auto product = base::checked_mul(w.dims[1], plan.groups);
    if (!product) call.fail(groups, cat("found ", plan.groups, ", which is too large"));
    channels = *product;
  }
  plan.dims = {in.dims[0], channels};
  check_channels(call, plan);
  for (std::size_t d = 0; d < n; ++d) {
    if (in.dims[2 + d] > largest) call.fail(x, cat("has a dimension of ", in.dims[2 + d]));
    if (w.dims[2 + d] > largest) call.fail(weight, cat("has a dimension of ", w.dims[2 + d]));
    Axis axis{in.dims[2 + d], ir::unknown_dim, w.dims[2 + d], step[d], spread[d], 0};
    place(axis, type, cut, d, sizes[2 + d] >= 0 ? sizes[2 + d] : ir::unknown_dim);
    if (axis.out < ir::unknown_dim ||
        (axis.out == ir::unknown_dim && ir::is_known(axis.in) && ir::is_known(axis.kernel))) {
      call.fail(pad, cat("cuts more off spatial dimension ", d, " than it has"));
    }
    plan.dims.push_back(axis.out);
    plan.axes.push_back(axis);
  }
  for (std::size_t d = 0; d < 2; ++d) {
    if (call.has(output_shape) && ir::is_known(plan.dims[d]) && sizes[d] != plan.dims[d]) {
      call.fail(output_shape,
                cat("found ", sizes[d], " in dimension ", d, ", expected ", plan.dims[d]));
    }
  }
  return plan;
}

void infer(InferContext& call) {
  if (!call.type(x).ranked || !call.type(weight).ranked) {
    return call.set_result(Type::unranked(call.type(x).dtype));
  }
  call.set_result(Type::tensor(call.type(x).dtype, make_plan(call).dims));
}

/// Adds input element `value` at spatial index `at`, through the kernel that begins at `w_first`,
/// to one output plane of sums.
void spread_kernel(const Plan& plan, const TensorView& w, std::int64_t w_first,
                   std::span<const std::int64_t> at, double value, std::span<double> plane) {
  Dims kernel;
  for (const auto& axis : plan.axes) kernel.push_back(axis.kernel);
  std::int64_t k = w_first;
  for (IndexWalk tap(kernel, {}); !tap.done(); tap.next(), ++k) {
    std::int64_t offset = 0;
    bool inside = true;
    for (std::size_t d = 0; d < plan.axes.size(); ++d) {
      const auto& axis = plan.axes[d];
      const auto o = at[d] * axis.stride + tap.index()[d] * axis.dilation - axis.before;
      inside = inside && o >= 0 && o < axis.out;
      offset = offset * axis.out + o;
    }
    if (inside) plane[static_cast<std::size_t>(offset)] += value * load_f(w, k);
  }
}

void evaluate(EvalContext& call) {
  const auto plan = make_plan(call);
  const auto& in = call.in(x);
  const auto& w = call.in(weight);
  const auto out = call.out(0, plan.dims);
  Dims spatial;
  std::int64_t in_size = 1;
  std::int64_t out_size = 1;
  std::int64_t kernel_size = 1;
  for (const auto& axis : plan.axes) {
    spatial.push_back(axis.in);
    in_size *= axis.in;
    out_size *= axis.out;
    kernel_size *= axis.kernel;
  }
  const auto out_per_group = w.dims[1];
  const auto in_per_group = in.dims[1] / plan.groups;
  std::vector<double> sums(static_cast<std::size_t>(out_size));
  for (std::int64_t n = 0; n < in.dims[0]; ++n) {
    for (std::int64_t o = 0; o < plan.dims[1]; ++o) {
      const double start =
          call.has(bias) ? load_f(call.in(bias), call.in(bias).size() == 1 ? 0 : o) : 0.0;
      std::fill(sums.begin(), sums.end(), start);
      const auto group = o / out_per_group;
      for (std::int64_t c = group * in_per_group; c < (group + 1) * in_per_group; ++c) {
        const auto w_first = (c * out_per_group + o % out_per_group) * kernel_size;
        std::int64_t i = (n * in.dims[1] + c) * in_size;
        for (IndexWalk walk(spatial, {}); !walk.done(); walk.next(), ++i) {
          spread_kernel(plan, w, w_first, walk.index(), load_f(in, i), sums);
        }
      }
      const auto first = (n * plan.dims[1] + o) * out_size;
      for (std::int64_t k = 0; k < out_size; ++k) {
        store_f(out, first + k, sums[static_cast<std::size_t>(k)]);
      }
    }
  }
}

constexpr auto constant = Form::constant;
constexpr Param params_ios15[] = {
    {.name = "x", .types = t::floats, .group = 'T'},
    {.name = "weight", .types = t::floats, .form = constant, .group = 'T'},
    {.name = "bias", .types = t::floats, .form = constant, .required = false, .group = 'T'},
    {.name = "pad", .types = t::i32, .form = constant, .required = false},
    {.name = "output_shape", .types = t::i32, .form = constant, .required = false},
    {.name = "pad_type", .types = t::string, .form = constant, .required = false},
    {.name = "strides", .types = t::i32, .form = constant, .required = false},
    {.name = "dilations", .types = t::i32, .form = constant, .required = false},
    {.name = "groups", .types = t::i32, .form = constant, .required = false},
};
constexpr Param params_ios17[] = {
    {.name = "x", .types = t::floats},
    {.name = "weight", .types = t::floats, .group = 'U'},
    {.name = "bias", .types = t::floats, .required = false, .group = 'U'},
    {.name = "pad", .types = t::i32, .form = constant, .required = false},
    {.name = "output_shape", .types = t::i32, .form = constant, .required = false},
    {.name = "pad_type", .types = t::string, .form = constant, .required = false},
    {.name = "strides", .types = t::i32, .form = constant, .required = false},
    {.name = "dilations", .types = t::i32, .form = constant, .required = false},
    {.name = "groups", .types = t::i32, .form = constant, .required = false},
};
constexpr OpVersion versions[] = {{Opset::ios15, params_ios15}, {Opset::ios17, params_ios17}};

}  // namespace

extern const OpDef op_conv_transpose;
const OpDef op_conv_transpose{
    .name = "conv_transpose", .versions = versions, .infer = infer, .evaluate = evaluate};

}  // namespace pome::ops::definitions

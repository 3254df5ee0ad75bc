// conv: convolution over one to three spatial dimensions, channels first.
//
// x [N, C_in, D...], weight [C_out, C_in / groups, K...], bias [C_out].
#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/window.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

enum : int { x, weight, bias, strides, pad_type, pad, dilations, groups };

std::int64_t check(const Call& call) {
  const auto& in = call.type(x);
  const auto& w = call.type(weight);
  if (!in.ranked || in.rank() < 3 || in.rank() > 5) {
    call.fail(x, cat("found ", ir::text(in), ", expected 3 to 5 dimensions"));
  }
  if (w.rank() != in.rank()) {
    call.fail(weight, cat("has ", w.rank(), " dimensions, expected ", in.rank(), " as x has"));
  }
  const auto g = call.int_or(groups, 1);
  if (g < 1) call.fail(groups, cat("found ", g, ", expected at least 1"));
  const auto out = w.dims[0];
  if (ir::is_known(in.dims[1]) && ir::is_known(w.dims[1]) && in.dims[1] != w.dims[1] * g) {
    call.fail(weight,
              cat("takes ", w.dims[1], " input channels in ", g, " groups, x has ", in.dims[1]));
  }
  if (ir::is_known(out) && out % g != 0) {
    call.fail(groups, cat(g, " groups do not divide ", out, " output channels"));
  }
  if (call.has(bias) && call.type(bias).rank() != 0 &&
      (call.type(bias).rank() != 1 || (ir::is_known(out) && ir::is_known(call.type(bias).dims[0]) &&
                                       call.type(bias).dims[0] != out))) {
    call.fail(bias, cat("found shape ", base::shape_text(call.type(bias).dims), ", expected [", out,
                        "]"));
  }
  return g;
}

constexpr WindowParams window{strides, pad_type, pad, dilations};

std::span<const std::int64_t> spatial(const Type& type) {
  return std::span<const std::int64_t>(type.dims).subspan(2);
}

void infer(InferContext& call) {
  check(call);
  const auto& in = call.type(x);
  const auto& w = call.type(weight);
  Dims out{in.dims[0], w.dims[0]};
  bool known_kernel = true;
  for (const auto k : spatial(w)) known_kernel = known_kernel && ir::is_known(k);
  if (!known_kernel) {
    for (std::size_t i = 2; i < in.rank(); ++i) out.push_back(ir::unknown_dim);
  } else {
    const auto axes = window_axes(call, window, spatial(w), spatial(in));
    for (std::size_t i = 0; i < axes.size(); ++i) {
      out.push_back(window_output(axes[i], in.dims[2 + i]));
    }
  }
  call.set_result(Type::tensor(in.dtype, std::move(out)));
}

/// Everything as three spatial dimensions, leading ones of size 1.
struct Geometry {
  std::int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  WindowAxis axis[3];
};

double sum_window(const TensorView& in, const TensorView& w, const Geometry& g,
                  std::int64_t in_plane, std::int64_t w_plane, std::int64_t channels,
                  const std::int64_t (&at)[3]) {
  const auto in_size = g.in[0] * g.in[1] * g.in[2];
  const auto w_size = g.axis[0].kernel * g.axis[1].kernel * g.axis[2].kernel;
  double sum = 0;
  for (std::int64_t c = 0; c < channels; ++c) {
    std::int64_t k = 0;
    for (std::int64_t kd = 0; kd < g.axis[0].kernel; ++kd) {
      for (std::int64_t kh = 0; kh < g.axis[1].kernel; ++kh) {
        for (std::int64_t kw = 0; kw < g.axis[2].kernel; ++kw, ++k) {
          const std::int64_t tap[3] = {kd, kh, kw};
          std::int64_t offset = 0;
          bool inside = true;
          for (int d = 0; d < 3; ++d) {
            const auto i =
                at[d] * g.axis[d].stride + tap[d] * g.axis[d].dilation - g.axis[d].before;
            inside = inside && i >= 0 && i < g.in[d];
            offset = offset * g.in[d] + i;
          }
          if (inside) {
            sum += load_f(in, (in_plane + c) * in_size + offset) *
                   load_f(w, (w_plane + c) * w_size + k);
          }
        }
      }
    }
  }
  return sum;
}

void evaluate(EvalContext& call) {
  const auto group_count = check(call);
  const auto& in = call.in(x);
  const auto& w = call.in(weight);
  const auto kernel = w.dims.subspan(2);
  const auto axes = window_axes(call, window, kernel, in.dims.subspan(2));
  Geometry g;
  Dims dims{in.dims[0], w.dims[0]};
  const auto lead = 3 - axes.size();
  for (std::size_t i = 0; i < axes.size(); ++i) {
    g.axis[lead + i] = axes[i];
    g.in[lead + i] = in.dims[2 + i];
    g.out[lead + i] = window_output(axes[i], in.dims[2 + i]);
    dims.push_back(g.out[lead + i]);
  }
  const auto out = call.out(0, dims);
  const auto channels = w.dims[1];
  const auto out_per_group = w.dims[0] / group_count;
  std::int64_t i = 0;
  for (std::int64_t n = 0; n < in.dims[0]; ++n) {
    for (std::int64_t o = 0; o < w.dims[0]; ++o) {
      const auto in_plane = n * in.dims[1] + o / out_per_group * channels;
      const double start =
          call.has(bias) ? load_f(call.in(bias), call.in(bias).size() == 1 ? 0 : o) : 0.0;
      for (std::int64_t d = 0; d < g.out[0]; ++d) {
        for (std::int64_t h = 0; h < g.out[1]; ++h) {
          for (std::int64_t v = 0; v < g.out[2]; ++v, ++i) {
            const std::int64_t at[3] = {d, h, v};
            store_f(out, i, start + sum_window(in, w, g, in_plane, o * channels, channels, at));
          }
        }
      }
    }
  }
}

constexpr Param params_ios15[] = {
    {.name = "x", .types = t::floats, .group = 'T'},
    {.name = "weight", .types = t::floats, .group = 'T'},
    {.name = "bias", .types = t::floats, .required = false, .group = 'T'},
    {.name = "strides", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "pad_type", .types = t::string, .form = Form::constant, .required = false},
    {.name = "pad", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "dilations", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "groups", .types = t::i32, .form = Form::constant, .required = false},
};
constexpr Param params_ios17[] = {
    {.name = "x", .types = t::floats},
    {.name = "weight", .types = t::floats, .group = 'U'},
    {.name = "bias", .types = t::floats, .required = false, .group = 'U'},
    {.name = "strides", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "pad_type", .types = t::string, .form = Form::constant, .required = false},
    {.name = "pad", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "dilations", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "groups", .types = t::i32, .form = Form::constant, .required = false},
};
constexpr OpVersion versions[] = {{Opset::ios15, params_ios15}, {Opset::ios17, params_ios17}};

}  // namespace

extern const OpDef op_conv;
const OpDef op_conv{.name = "conv", .versions = versions, .infer = infer, .evaluate = evaluate};

}  // namespace pome::ops::definitions

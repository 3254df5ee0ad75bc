// conv: convolution over one to three spatial dimensions, channels first; conv_quantized: with
// weights of bytes, each standing for weight * quant_scale + quant_bias.
//
// x [N, C_in, D...], weight [C_out, C_in / groups, K...], bias [C_out].
#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"
#include "ops/definitions/window.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

enum : int { x, weight, bias };

/// Positions of the parameters behind.
struct Layout {
  WindowParams window;
  int groups;
};
constexpr Layout plain{{3, 4, 5, 6}, 7};
constexpr Layout quantized{{7, 8, 9, 10}, 11};

std::int64_t check(const Call& call, const Layout& layout) {
  const auto groups = layout.groups;
  const auto& in = call.type(x);
  const auto& w = call.type(weight);
  if (!in.ranked || in.rank() < 3 || in.rank() > 5) {
    call.fail(x, cat("found ", ir::text(in), ", expected 3 to 5 dimensions"));
  }
  if (w.rank() != in.rank()) {
    call.fail(weight, cat("has ", w.rank(), " dimensions, expected ", in.rank(), " as x has"));
  }
  for (const auto k : std::span<const std::int64_t>(w.dims).subspan(2)) {
    if (k == 0) {
      call.fail(weight, cat("found shape ", base::shape_text(w.dims),
                            ", expected a kernel of at least 1 element in each dimension"));
    }
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

std::span<const std::int64_t> spatial(const Type& type) {
  return std::span<const std::int64_t>(type.dims).subspan(2);
}

void infer_any(InferContext& call, const Layout& layout) {
  const auto& in = call.type(x);
  if (any_unranked(call, {x, weight})) return call.set_result(Type::unranked(in.dtype));
  check(call, layout);
  const auto& w = call.type(weight);
  Dims out{in.dims[0], w.dims[0]};
  bool known_kernel = true;
  for (const auto k : spatial(w)) known_kernel = known_kernel && ir::is_known(k);
  if (!known_kernel) {
    for (std::size_t i = 2; i < in.rank(); ++i) out.push_back(ir::unknown_dim);
  } else {
    const auto axes = window_axes(call, layout.window, spatial(w), spatial(in));
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

void convolve(EvalContext& call, const Layout& layout, const TensorView& w) {
  const auto group_count = check(call, layout);
  const auto& in = call.in(x);
  const auto kernel = w.dims.subspan(2);
  const auto axes = window_axes(call, layout.window, kernel, in.dims.subspan(2));
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

void infer(InferContext& call) {
  infer_any(call, plain);
}

void evaluate(EvalContext& call) {
  convolve(call, plain, call.in(weight));
}

// --- conv_quantized ---

enum : int { quantization_type = 3, nbits, quant_scale, quant_bias };

/// Where the factor of weight element `i` stands: one for all, one an output channel, or one an
/// element.
std::int64_t factor_at(const Call& call, int param, std::int64_t i) {
  const auto& w = call.type(weight).dims;
  const auto factors = call.known(param).size();
  std::int64_t count = 1;
  for (const auto d : w) count *= d;
  if (factors == 1) return 0;
  if (factors == count) return i;
  if (factors != w[0]) {
    call.fail(param, cat("has ", factors, " values, expected 1 or ", w[0]));
  }
  return i / (count / w[0]);
}

void infer_quantized(InferContext& call) {
  if (call.string_or(quantization_type, "") != "linear") {
    call.fail(quantization_type, cat("found ", base::quoted(call.string_or(quantization_type, "")),
                                     ", expected 'linear'"));
  }
  const auto width = call.int_or(nbits, 8);
  if (width < 1 || width > 8) call.fail(nbits, cat("found ", width, ", expected 1 to 8"));
  infer_any(call, quantized);
}

void evaluate_quantized(EvalContext& call) {
  const auto& w = call.in(weight);
  HostTensor expanded(DataType::fp64, Dims(w.dims));
  const auto n = w.size();
  for (std::int64_t i = 0; i < n; ++i) {
    const double scale = load_f(call.in(quant_scale), factor_at(call, quant_scale, i));
    const double shift = load_f(call.in(quant_bias), factor_at(call, quant_bias, i));
    store_f(expanded.mutable_view(), i, load_f(w, i) * scale + shift);
  }
  convolve(call, quantized, expanded.view());
}

constexpr Param quantized_params[] = {
    {.name = "x", .types = t::floats, .group = 'T'},
    {.name = "weight", .types = types(DataType::uint8)},
    {.name = "bias",
     .types = t::floats | types(DataType::uint8),
     .form = Form::constant,
     .required = false},
    {.name = "quantization_type", .types = t::string, .form = Form::constant},
    {.name = "nbits", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "quant_scale", .types = t::floats, .form = Form::constant, .group = 'T'},
    {.name = "quant_bias", .types = t::floats, .form = Form::constant, .group = 'T'},
    {.name = "strides", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "pad_type", .types = t::string, .form = Form::constant, .required = false},
    {.name = "pad", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "dilations", .types = t::i32, .form = Form::constant, .required = false},
    {.name = "groups", .types = t::i32, .form = Form::constant, .required = false},
};
constexpr OpVersion quantized_versions[] = {{Opset::ios15, quantized_params}};

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

extern const OpDef op_conv, op_conv_quantized;
const OpDef op_conv{.name = "conv", .versions = versions, .infer = infer, .evaluate = evaluate};
const OpDef op_conv_quantized{.name = "conv_quantized",
                              .versions = quantized_versions,
                              .infer = infer_quantized,
                              .evaluate = evaluate_quantized};

}  // namespace pome::ops::definitions

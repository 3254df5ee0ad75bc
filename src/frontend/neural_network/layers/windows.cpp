// Convolutions and pooling.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "frontend/neural_network/layers/layers.h"

namespace pome::frontend::network::layers {

using base::cat;

namespace {

Ints sizes(const Layer& layer, const std::vector<std::uint64_t>& given, std::int64_t otherwise,
           std::string_view what) {
  if (given.empty()) return {otherwise, otherwise};
  if (given.size() != 2) layer.fail(cat(what, " has ", given.size(), " numbers, expected 2"));
  for (const auto value : given) {
    if (value == 0 || value > (1U << 30))
      layer.fail(cat(what, " is ", value, ", expected above 0"));
  }
  return {static_cast<std::int64_t>(given[0]), static_cast<std::int64_t>(given[1])};
}

/// The padding of a window as MIL writes it: [top, bottom, left, right].
Ints borders(const Layer& layer, const proto::ValidPadding* valid) {
  if (valid == nullptr || !valid->paddingAmounts || valid->paddingAmounts->borderAmounts.empty())
    return {0, 0, 0, 0};
  const auto& amounts = valid->paddingAmounts->borderAmounts;
  if (amounts.size() != 2)
    layer.fail(cat("its padding has ", amounts.size(), " pairs of amounts, expected 2"));
  Ints out;
  for (const auto& one : amounts) {
    out.push_back(static_cast<std::int64_t>(one.startEdgeSize));
    out.push_back(static_cast<std::int64_t>(one.endEdgeSize));
  }
  for (const auto value : out) {
    if (value < 0 || value > (1 << 30)) layer.fail(cat("its padding is ", value));
  }
  return out;
}

struct Padding {
  std::string_view type;
  Ints amounts;
};

Padding padding_of(const Layer& layer, const proto::ValidPadding* valid,
                   const proto::SamePadding* same) {
  if (same != nullptr) {
    const bool top = same->asymmetryMode == proto::SamePadding_SamePaddingMode::TOP_LEFT_HEAVY;
    return {top ? "same_lower" : "same", {0, 0, 0, 0}};
  }
  return {"custom", borders(layer, valid)};
}

/// Checks that a kernel fits into the padded input where its size is known.
void check_fit(const Layer& layer, V x, const Ints& kernel, const Ints& dilations,
               const Padding& padding) {
  if (padding.type != "custom") return;
  const auto n = static_cast<std::int64_t>(kernel.size());
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t size = Layer::dim(x, i - n);
    if (size < 0) continue;
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t reach = (kernel[at] - 1) * dilations[at] + 1;
    const std::int64_t padded = size + padding.amounts[2 * at] + padding.amounts[2 * at + 1];
    if (reach > padded)
      layer.fail(
          cat("its kernel reaches over ", reach, " elements, the padded input has ", padded));
  }
}

std::int64_t positive(const Layer& layer, std::uint64_t value, std::string_view what) {
  if (value == 0 || value > (1ULL << 40))
    layer.fail(cat(what, " is ", value, ", expected above 0"));
  return static_cast<std::int64_t>(value);
}

void check_groups(const Layer& layer, std::int64_t groups, std::int64_t channels,
                  std::string_view what) {
  if (channels % groups != 0)
    layer.fail(cat("its ", channels, ' ', what, " channels do not divide by ", groups, " groups"));
}

struct Window {
  Ints kernel, strides, dilations;
  std::int64_t groups = 1, outputs = 0, inputs = 0;  // inputs: kernelChannels
};

void add_bias(Layer& layer, bool has_bias, const proto::Box<proto::WeightParams>& bias,
              std::int64_t outputs, std::vector<Arg>& arguments) {
  if (has_bias) arguments.emplace_back("bias", layer.weight(bias, {outputs}, "its bias"));
}

void check_channels(const Layer& layer, V x, std::int64_t tail, std::int64_t expected) {
  const std::int64_t found = Layer::dim(x, -tail);
  if (found >= 0 && found != expected)
    layer.fail(cat("its input has ", found, " channels, expected ", expected));
}

V convolve(Layer& layer, V x, const Window& w, const Padding& padding, V weight, bool has_bias,
           const proto::Box<proto::WeightParams>& bias) {
  std::vector<Arg> arguments{{"x", x},
                             {"weight", weight},
                             {"strides", ints(w.strides)},
                             {"pad_type", text(padding.type)},
                             {"pad", ints(padding.amounts)},
                             {"dilations", ints(w.dilations)},
                             {"groups", integer(w.groups)}};
  add_bias(layer, has_bias, bias, w.outputs, arguments);
  return layer.b.op("conv", std::move(arguments));
}

V deconvolve(Layer& layer, V x, const Window& w, const Padding& padding, V weight, bool has_bias,
             const proto::Box<proto::WeightParams>& bias,
             const std::vector<std::uint64_t>& output_shape) {
  std::vector<Arg> arguments{{"x", x},
                             {"weight", weight},
                             {"strides", ints(w.strides)},
                             {"pad_type", text(output_shape.empty() ? padding.type : "same")},
                             {"dilations", ints(w.dilations)},
                             {"groups", integer(w.groups)}};
  if (output_shape.empty()) {
    arguments.emplace_back("pad", ints(padding.amounts));
  } else {
    if (output_shape.size() != w.kernel.size())
      layer.fail(cat("its output shape has ", output_shape.size(), " numbers, expected ",
                     w.kernel.size()));
    Ints shape{Layer::dim(x, 0) < 0 ? 1 : Layer::dim(x, 0), w.outputs};
    for (const auto size : output_shape) shape.push_back(positive(layer, size, "its output shape"));
    arguments.emplace_back("output_shape", ints(shape));
  }
  add_bias(layer, has_bias, bias, w.outputs, arguments);
  return layer.b.op("conv_transpose", std::move(arguments));
}

}  // namespace

void translate_convolution(Layer& layer) {
  const auto& p = *layer.message.convolution();
  layer.expect_inputs(1, p.isDeconvolution ? 1 : 2);
  layer.expect_rank(layer.in(), 3);
  Window w;
  w.kernel = sizes(layer, p.kernelSize, 3, "its kernel size");
  w.strides = sizes(layer, p.stride, 1, "its stride");
  w.dilations = sizes(layer, p.dilationFactor, 1, "its dilation");
  w.groups = p.nGroups == 0 ? 1 : positive(layer, p.nGroups, "its number of groups");
  w.outputs = positive(layer, p.outputChannels, "its number of output channels");
  w.inputs = positive(layer, p.kernelChannels, "its number of kernel channels");
  check_groups(layer, w.groups, w.outputs, "output");
  const Padding padding = padding_of(layer, p.valid(), p.same());
  const auto make = [&](V x) {
    if (p.isDeconvolution) {
      check_groups(layer, w.groups, w.inputs, "kernel");
      check_channels(layer, x, 3, w.inputs);
      V weight = layer.weight(p.weights, {w.inputs, w.outputs / w.groups, w.kernel[0], w.kernel[1]},
                              "its weight");
      return deconvolve(layer, x, w, padding, weight, p.hasBias, p.bias, p.outputShape);
    }
    check_channels(layer, x, 3, w.inputs * w.groups);
    check_fit(layer, x, w.kernel, w.dilations, padding);
    V weight = layer.input_count() == 2
                   ? layer.in(1)
                   : layer.weight(p.weights, {w.outputs, w.inputs, w.kernel[0], w.kernel[1]},
                                  "its weight");
    while (weight->type.ranked && Layer::rank(weight) > 4 && Layer::dim(weight, 0) == 1)
      weight = layer.squeeze(weight, {0});
    return convolve(layer, x, w, padding, weight, p.hasBias, p.bias);
  };
  layer.out(layer.with_batch(layer.in(), 3, make));
}

void translate_convolution3d(Layer& layer) {
  const auto& p = *layer.message.convolution3d();
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 5);
  const auto count = [&](std::int32_t value, std::string_view what) {
    if (value < 0) layer.fail(cat(what, " is ", value, ", expected above 0"));
    return std::max<std::int64_t>(1, value);
  };
  Window w;
  w.kernel = {count(p.kernelDepth, "its kernel depth"), count(p.kernelHeight, "its kernel height"),
              count(p.kernelWidth, "its kernel width")};
  w.strides = {count(p.strideDepth, "its stride"), count(p.strideHeight, "its stride"),
               count(p.strideWidth, "its stride")};
  w.dilations = {count(p.dilationDepth, "its dilation"), count(p.dilationHeight, "its dilation"),
                 count(p.dilationWidth, "its dilation")};
  w.groups = count(p.nGroups, "its number of groups");
  w.outputs = count(p.outputChannels, "its number of output channels");
  w.inputs = count(p.inputChannels, "its number of input channels");
  check_groups(layer, w.groups, w.outputs, "output");
  check_groups(layer, w.groups, w.inputs, "input");
  check_channels(layer, layer.in(), 4, w.inputs);
  using Type = proto::Convolution3DLayerParams_PaddingType;
  Padding padding{"custom", Ints(6, 0)};
  if (p.paddingType == Type::SAME) padding.type = "same";
  if (p.paddingType == Type::CUSTOM)
    padding.amounts = {p.customPaddingFront,  p.customPaddingBack, p.customPaddingTop,
                       p.customPaddingBottom, p.customPaddingLeft, p.customPaddingRight};
  if (!p.isDeconvolution) check_fit(layer, layer.in(), w.kernel, w.dilations, padding);
  layer.out(layer.with_batch(layer.in(), 4, [&](V x) {
    Ints dims = p.isDeconvolution ? Ints{w.inputs, w.outputs / w.groups}
                                  : Ints{w.outputs, w.inputs / w.groups};
    for (const auto size : w.kernel) dims.push_back(size);
    V weight = layer.weight(p.weights, dims, "its weight");
    return p.isDeconvolution
               ? deconvolve(layer, x, w, padding, weight, p.hasBias, p.bias, p.outputShape)
               : convolve(layer, x, w, padding, weight, p.hasBias, p.bias);
  }));
}

namespace {

constexpr std::array pool_ops{"max_pool", "avg_pool", "l2_pool"};
constexpr std::array global_ops{"reduce_max", "reduce_mean", "reduce_l2_norm"};

V reduce_all(Layer& layer, std::string_view type, const Ints& axes) {
  return layer.b.op(type, {{"x", layer.in()}, {"axes", ints(axes)}, {"keep_dims", flag(true)}});
}

std::size_t checked_kind(const Layer& layer, std::int32_t kind, std::size_t count) {
  if (kind < 0 || static_cast<std::size_t>(kind) >= count)
    layer.fail(cat("pooling type ", kind, " is not known"));
  return static_cast<std::size_t>(kind);
}

}  // namespace

void translate_pooling(Layer& layer) {
  const auto& p = *layer.message.pooling();
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 3);
  const std::size_t kind = checked_kind(layer, static_cast<std::int32_t>(p.type), pool_ops.size());
  if (p.globalPooling) return layer.out(reduce_all(layer, global_ops[kind], {-2, -1}));
  const Ints kernel = sizes(layer, p.kernelSize, 3, "its kernel size");
  Padding padding = padding_of(layer, p.valid(), p.same());
  const auto* complete = p.includeLastPixel();
  if (complete != nullptr && !complete->paddingAmounts.empty()) {
    if (complete->paddingAmounts.size() != 2)
      layer.fail(cat("its padding has ", complete->paddingAmounts.size(), " amounts, expected 2"));
    const auto h = static_cast<std::int64_t>(complete->paddingAmounts[0]);
    const auto w = static_cast<std::int64_t>(complete->paddingAmounts[1]);
    padding.amounts = {h, h, w, w};
  }
  check_fit(layer, layer.in(), kernel, {1, 1}, padding);
  layer.out(layer.with_batch(layer.in(), 3, [&](V x) {
    std::vector<Arg> arguments{{"x", x},
                               {"kernel_sizes", ints(kernel)},
                               {"strides", ints(sizes(layer, p.stride, 1, "its stride"))},
                               {"pad_type", text(padding.type)},
                               {"pad", ints(padding.amounts)},
                               {"ceil_mode", flag(complete != nullptr)}};
    if (kind == 1)
      arguments.emplace_back("exclude_padding_from_average", flag(p.avgPoolExcludePadding));
    return layer.b.op(pool_ops[kind], std::move(arguments));
  }));
}

void translate_pooling3d(Layer& layer) {
  const auto& p = *layer.message.pooling3d();
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 5);
  const std::size_t kind = checked_kind(layer, static_cast<std::int32_t>(p.type), 2);
  using Type = proto::Pooling3DLayerParams_Pooling3DPaddingType;
  Padding padding{p.paddingType == Type::SAME ? "same" : "custom", Ints(6, 0)};
  if (p.paddingType == Type::CUSTOM)
    padding.amounts = {p.customPaddingFront,  p.customPaddingBack, p.customPaddingTop,
                       p.customPaddingBottom, p.customPaddingLeft, p.customPaddingRight};
  const Ints kernel{p.kernelDepth, p.kernelHeight, p.kernelWidth};
  const Ints strides{std::max(1, p.strideDepth), std::max(1, p.strideHeight),
                     std::max(1, p.strideWidth)};
  for (const auto size : kernel) {
    if (size <= 0) layer.fail(cat("its kernel size is ", size, ", expected above 0"));
  }
  check_fit(layer, layer.in(), kernel, {1, 1, 1}, padding);
  layer.out(layer.with_batch(layer.in(), 4, [&](V x) {
    std::vector<Arg> arguments{{"x", x},
                               {"kernel_sizes", ints(kernel)},
                               {"strides", ints(strides)},
                               {"pad_type", text(padding.type)},
                               {"pad", ints(padding.amounts)}};
    if (kind == 1)
      arguments.emplace_back("exclude_padding_from_average", flag(p.countExcludePadding));
    return layer.b.op(pool_ops[kind], std::move(arguments));
  }));
}

void translate_globalPooling3d(Layer& layer) {
  const auto& p = *layer.message.globalPooling3d();
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 5);
  const std::size_t kind = checked_kind(layer, static_cast<std::int32_t>(p.type), 2);
  layer.out(reduce_all(layer, global_ops[kind], {-3, -2, -1}));
}

}  // namespace pome::frontend::network::layers

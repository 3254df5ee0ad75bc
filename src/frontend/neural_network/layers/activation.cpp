// Activations, normalizations, softmax.
#include <array>

#include "base/text.h"
#include "frontend/neural_network/layers/layers.h"

namespace pome::frontend::network {

using base::cat;

namespace {

V with(Layer& layer, std::string_view op, V x, float alpha) {
  return layer.b.op(op, {{"x", x}, {"alpha", number(alpha)}});
}
V with(Layer& layer, std::string_view op, V x, float alpha, float beta) {
  return layer.b.op(op, {{"x", x}, {"alpha", number(alpha)}, {"beta", number(beta)}});
}

/// Numbers for each channel: as many as there are channels, or one for all.
V channel_numbers(Layer& layer, const proto::Box<proto::WeightParams>& params, V x,
                  std::string_view what) {
  const std::int64_t channels = Layer::dim(x, 1);
  if (channels < 0) layer.fail("the number of channels of its input is not known");
  const auto is_one = [&] {
    if (!params) return false;
    return params->floatValue.size() == 1 || params->float16Value.size() == 2;
  };
  if (channels != 1 && is_one()) {
    const float value = layer.weight_values(params, 1, what)[0];
    return layer.b.constant(
        numbers(std::vector<float>(static_cast<std::size_t>(channels), value), {channels}));
  }
  return layer.weight(params, {channels}, what);
}

}  // namespace

V activate(Layer& layer, const proto::ActivationParams& p, V x) {
  if (const auto* a = p.linear()) return with(layer, "linear_activation", x, a->alpha, a->beta);
  if (p.ReLU() != nullptr) return layer.unary("relu", x);
  if (const auto* a = p.leakyReLU()) return with(layer, "leaky_relu", x, a->alpha);
  if (const auto* a = p.thresholdedReLU()) return with(layer, "thresholded_relu", x, a->alpha);
  if (p.tanh() != nullptr) return layer.unary("tanh", x);
  if (const auto* a = p.scaledTanh()) return with(layer, "scaled_tanh", x, a->alpha, a->beta);
  if (p.sigmoid() != nullptr) return layer.unary("sigmoid", x);
  if (const auto* a = p.sigmoidHard()) return with(layer, "sigmoid_hard", x, a->alpha, a->beta);
  if (const auto* a = p.ELU()) return with(layer, "elu", x, a->alpha);
  if (p.softsign() != nullptr) return layer.unary("softsign", x);
  if (p.softplus() != nullptr) return layer.unary("softplus", x);
  if (const auto* a = p.PReLU()) {
    return layer.with_batch(x, 3, [&](V y) {
      return layer.b.op("prelu",
                        {{"x", y}, {"alpha", channel_numbers(layer, a->alpha, y, "alpha")}});
    });
  }
  if (const auto* a = p.parametricSoftplus()) {
    return layer.with_batch(x, 3, [&](V y) {
      return layer.b.op("softplus_parametric",
                        {{"x", y},
                         {"alpha", channel_numbers(layer, a->alpha, y, "alpha")},
                         {"beta", channel_numbers(layer, a->beta, y, "beta")}});
    });
  }
  layer.fail("its activation is not known");
}

std::string recurrent_activation(const Layer& layer, const proto::ActivationParams& p) {
  if (p.sigmoid() != nullptr) return "sigmoid";
  if (p.tanh() != nullptr) return "tanh";
  if (p.ReLU() != nullptr) return "relu";
  if (const auto* a = p.linear()) {
    // Converters leave the numbers out.
    const bool plain = (a->alpha == 1 || a->alpha == 0) && a->beta == 0;
    if (plain) return "linear";
  }
  if (const auto* a = p.sigmoidHard()) {
    const bool keras = (a->alpha == 0 && a->beta == 0) || (a->alpha == 0.2F && a->beta == 0.5F);
    if (keras) return "sigmoid_hard";
  }
  layer.fail(
      "its recurrent activation is not one of linear, sigmoid, tanh, ReLU and the hard "
      "sigmoid of 0.2 x + 0.5");
}

namespace layers {

void translate_activation(Layer& layer) {
  layer.expect_inputs(1, 1);
  layer.out(activate(layer, *layer.message.activation(), layer.in()));
}

void translate_gelu(Layer& layer) {
  layer.expect_inputs(1, 1);
  constexpr std::array modes{"EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION"};
  const auto mode = static_cast<std::size_t>(layer.message.gelu()->mode);
  if (mode >= modes.size()) layer.fail("its mode is not known");
  layer.out(layer.b.op("gelu", {{"x", layer.in()}, {"mode", text(modes[mode])}}));
}

void translate_clampedReLU(Layer& layer) {
  layer.expect_inputs(1, 1);
  const auto& p = *layer.message.clampedReLU();
  layer.out(with(layer, "clamped_relu", layer.in(), p.alpha, p.beta));
}

void translate_softmax(Layer& layer) {
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 3);
  layer.out(layer.b.op("softmax", {{"x", layer.in()}, {"axis", integer(-3)}}));
}

void translate_softmaxND(Layer& layer) {
  layer.expect_inputs(1, 1);
  const std::int64_t axis =
      layer.axis(layer.message.softmaxND()->axis, layer.expect_rank(layer.in(), 1));
  layer.out(layer.b.op("softmax", {{"x", layer.in()}, {"axis", integer(axis)}}));
}

namespace {

V mean_over(Layer& layer, V x, const Ints& axes) {
  return layer.b.op("reduce_mean", {{"x", x}, {"axes", ints(axes)}, {"keep_dims", flag(true)}});
}

/// Normalization with the statistics of the whole batch.
V batch_statistics(Layer& layer, V x, const proto::BatchnormLayerParams& p, float epsilon) {
  const auto channels = static_cast<std::int64_t>(p.channels);
  V centred = layer.binary("sub", x, mean_over(layer, x, {0, 2, 3}));
  V variance = mean_over(layer, layer.binary("mul", centred, centred), {0, 2, 3});
  V y = layer.binary("mul", centred,
                     layer.b.op("rsqrt", {{"x", variance}, {"epsilon", number(epsilon)}}));
  if (Layer::has_weight(p.gamma))
    y = layer.binary("mul", y, layer.weight(p.gamma, {channels, 1, 1}, "gamma"));
  if (Layer::has_weight(p.beta))
    y = layer.binary("add", y, layer.weight(p.beta, {channels, 1, 1}, "beta"));
  return y;
}

}  // namespace

void translate_batchnorm(Layer& layer) {
  const auto& p = *layer.message.batchnorm();
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 3);
  const auto channels = static_cast<std::int64_t>(p.channels);
  const std::int64_t found = Layer::dim(layer.in(), -3);
  if (found >= 0 && found != channels)
    layer.fail(cat("its input has ", found, " channels, expected ", p.channels));
  const float epsilon = p.epsilon == 0 ? 1e-5F : p.epsilon;
  layer.out(layer.with_batch(layer.in(), 3, [&](V x) {
    if (p.computeMeanVar && !p.instanceNormalization) return batch_statistics(layer, x, p, epsilon);
    std::vector<Arg> arguments{{"x", x}, {"epsilon", number(epsilon)}};
    const auto add = [&](std::string_view name, const proto::Box<proto::WeightParams>& params) {
      arguments.emplace_back(name, layer.weight(params, {channels}, name));
    };
    if (Layer::has_weight(p.gamma)) add("gamma", p.gamma);
    if (Layer::has_weight(p.beta)) add("beta", p.beta);
    if (p.computeMeanVar) return layer.b.op("instance_norm", std::move(arguments));
    add("mean", p.mean);
    add("variance", p.variance);
    return layer.b.op("batch_norm", std::move(arguments));
  }));
}

void translate_mvn(Layer& layer) {
  const auto& p = *layer.message.mvn();
  layer.expect_inputs(1, 1);
  V x = layer.in();
  layer.expect_rank(x, 3);
  const Ints axes = p.acrossChannels ? Ints{-3, -2, -1} : Ints{-2, -1};
  V centred = layer.binary("sub", x, mean_over(layer, x, axes));
  if (!p.normalizeVariance) return layer.out(centred);
  const float epsilon = p.epsilon == 0 ? 1e-6F : p.epsilon;
  V variance = mean_over(layer, layer.binary("mul", centred, centred), axes);
  V deviation = layer.b.op("add", {{"x", layer.unary("sqrt", variance)}, {"y", number(epsilon)}});
  layer.out(layer.binary("real_div", centred, deviation));
}

void translate_l2normalize(Layer& layer) {
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 3);
  const float given = layer.message.l2normalize()->epsilon;
  layer.out(
      layer.b.op("l2_norm", {{"x", layer.in()}, {"epsilon", number(given == 0 ? 1e-6F : given)}}));
}

void translate_lrn(Layer& layer) {
  const auto& p = *layer.message.lrn();
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 3);
  layer.out(layer.with_batch(layer.in(), 3, [&](V x) {
    return layer.b.op("local_response_norm",
                      {{"x", x},
                       {"size", integer(static_cast<std::int64_t>(p.localSize))},
                       {"alpha", number(p.alpha)},
                       {"beta", number(p.beta)},
                       {"k", number(p.k == 0 ? 1.0F : p.k)}});
  }));
}

void translate_layerNormalization(Layer& layer) {
  const auto& p = *layer.message.layerNormalization();
  layer.expect_inputs(1, 1);
  V x = layer.in();
  const auto n = static_cast<std::int64_t>(p.normalizedShape.size());
  layer.expect_rank(x, std::max<std::int64_t>(1, n));
  Ints axes;
  for (std::int64_t i = -n; i < 0; ++i) {
    axes.push_back(i);
    const std::int64_t expected = p.normalizedShape[static_cast<std::size_t>(i + n)];
    const std::int64_t found = Layer::dim(x, i);
    if (found >= 0 && found != expected)
      layer.fail(
          cat("its input has ", found, " elements along dimension ", i, ", expected ", expected));
  }
  std::vector<Arg> arguments{{"x", x}, {"axes", ints(axes)}, {"epsilon", number(p.eps)}};
  if (Layer::has_weight(p.gamma))
    arguments.emplace_back("gamma", layer.weight(p.gamma, p.normalizedShape, "gamma"));
  if (Layer::has_weight(p.beta))
    arguments.emplace_back("beta", layer.weight(p.beta, p.normalizedShape, "beta"));
  layer.out(layer.b.op("layer_norm", std::move(arguments)));
}

}  // namespace layers
}  // namespace pome::frontend::network

// Values out of nothing: constants, ranges, random numbers.
#include "base/text.h"
#include "frontend/neural_network/layers/layers.h"

namespace pome::frontend::network::layers {

using base::cat;

namespace {

Ints wide(const Layer& layer, const std::vector<std::uint64_t>& values) {
  Ints out;
  for (const auto value : values) {
    if (value > (1ULL << 40)) layer.fail(cat("its shape has a dimension of ", value));
    out.push_back(static_cast<std::int64_t>(value));
  }
  return out;
}

V static_shape(Layer& layer, const std::vector<std::uint64_t>& shape) {
  layer.expect_inputs(0, 0);
  return layer.b.constant(ints(wide(layer, shape)));
}
V shape_like(Layer& layer) {
  layer.expect_inputs(1, 1);
  return layer.shape_of(layer.in());
}
V dynamic_shape(Layer& layer) {
  layer.expect_inputs(1, 1);
  return layer.to_int(layer.in());
}

void fill(Layer& layer, V shape, float value) {
  layer.out(layer.b.op("fill", {{"shape", shape}, {"value", number(value)}}));
}

template <typename Params>
void normal(Layer& layer, const Params& p, V shape) {
  layer.out(layer.b.op("random_normal", {{"shape", shape},
                                         {"mean", number(p.mean)},
                                         {"stddev", number(p.stdDev)},
                                         {"seed", integer(p.seed)}}));
}
template <typename Params>
void uniform(Layer& layer, const Params& p, V shape) {
  layer.out(layer.b.op("random_uniform", {{"shape", shape},
                                          {"low", number(p.minVal)},
                                          {"high", number(p.maxVal)},
                                          {"seed", integer(p.seed)}}));
}
template <typename Params>
void bernoulli(Layer& layer, const Params& p, V shape) {
  layer.out(layer.b.op("random_bernoulli",
                       {{"shape", shape}, {"prob", number(p.prob)}, {"seed", integer(p.seed)}}));
}

}  // namespace

void translate_loadConstant(Layer& layer) {
  const auto& p = *layer.message.loadConstant();
  layer.expect_inputs(0, 0);
  Ints shape = wide(layer, p.shape);
  if (shape.size() != 3) layer.fail(cat("its shape has ", shape.size(), " numbers, expected 3"));
  shape.insert(shape.begin(), {1, 1});
  layer.out(layer.weight(p.data, shape, "its data"));
}

void translate_loadConstantND(Layer& layer) {
  const auto& p = *layer.message.loadConstantND();
  layer.expect_inputs(0, 0);
  layer.out(layer.weight(p.data, wide(layer, p.shape), "its data"));
}

void translate_fillStatic(Layer& layer) {
  const auto& p = *layer.message.fillStatic();
  fill(layer, static_shape(layer, p.targetShape), p.value);
}
void translate_fillLike(Layer& layer) {
  fill(layer, shape_like(layer), layer.message.fillLike()->value);
}
void translate_fillDynamic(Layer& layer) {
  fill(layer, dynamic_shape(layer), layer.message.fillDynamic()->value);
}

void translate_randomNormalStatic(Layer& layer) {
  const auto& p = *layer.message.randomNormalStatic();
  normal(layer, p, static_shape(layer, p.outputShape));
}
void translate_randomNormalLike(Layer& layer) {
  normal(layer, *layer.message.randomNormalLike(), shape_like(layer));
}
void translate_randomNormalDynamic(Layer& layer) {
  normal(layer, *layer.message.randomNormalDynamic(), dynamic_shape(layer));
}
void translate_randomUniformStatic(Layer& layer) {
  const auto& p = *layer.message.randomUniformStatic();
  uniform(layer, p, static_shape(layer, p.outputShape));
}
void translate_randomUniformLike(Layer& layer) {
  uniform(layer, *layer.message.randomUniformLike(), shape_like(layer));
}
void translate_randomUniformDynamic(Layer& layer) {
  uniform(layer, *layer.message.randomUniformDynamic(), dynamic_shape(layer));
}
void translate_randomBernoulliStatic(Layer& layer) {
  const auto& p = *layer.message.randomBernoulliStatic();
  bernoulli(layer, p, static_shape(layer, p.outputShape));
}
void translate_randomBernoulliLike(Layer& layer) {
  bernoulli(layer, *layer.message.randomBernoulliLike(), shape_like(layer));
}
void translate_randomBernoulliDynamic(Layer& layer) {
  bernoulli(layer, *layer.message.randomBernoulliDynamic(), dynamic_shape(layer));
}

void translate_categoricalDistribution(Layer& layer) {
  const auto& p = *layer.message.categoricalDistribution();
  layer.expect_inputs(1, 1);
  V x = layer.in();
  const bool tempered = p.isLogits && p.temperature != 0 && p.temperature != 1;
  if (tempered) x = layer.b.op("mul", {{"x", x}, {"y", number(1 / p.temperature)}});
  layer.out(layer.to_float(
      layer.b.op("random_categorical", {{"x", x},
                                        {"mode", text(p.isLogits ? "logits" : "probs")},
                                        {"size", integer(p.numSamples)},
                                        {"seed", integer(p.seed)}})));
}

void translate_rangeStatic(Layer& layer) {
  const auto& p = *layer.message.rangeStatic();
  layer.expect_inputs(0, 0);
  layer.out(layer.b.op("range_1d", {{"end", number(p.endValue)},
                                    {"start", number(p.startValue)},
                                    {"step", number(p.stepSizeValue)}}));
}

void translate_rangeDynamic(Layer& layer) {
  const auto& p = *layer.message.rangeDynamic();
  layer.expect_inputs(1, 3);
  const auto value = [&](std::size_t i, float otherwise) -> ir::Binding {
    if (layer.input_count() <= i) return number(otherwise);
    V x = layer.in(i);
    return Layer::rank(x) == 0 ? x : layer.squeeze(x, {0});
  };
  layer.out(layer.b.op("range_1d", {{"end", value(0, 0)},
                                    {"start", value(1, p.startValue)},
                                    {"step", value(2, p.stepSizeValue)}}));
}

}  // namespace pome::frontend::network::layers

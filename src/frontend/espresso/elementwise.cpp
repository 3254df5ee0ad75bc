// Activations and elementwise operations, which espresso numbers.
#include <algorithm>
#include <array>
#include <limits>

#include "base/text.h"
#include "frontend/espresso/layer.h"

namespace pome::frontend::espresso {

using base::cat;

namespace {

using Message = proto::NeuralNetworkLayer;
using Unary = proto::UnaryFunctionLayerParams_Operation;
using Gelu = proto::GeluLayerParams_GeluMode;

constexpr float infinity = std::numeric_limits<float>::infinity();

// One form for all that is numbered: what to do with the layer.
struct Numbered {
  std::int64_t number;
  Translate translate;
};

const Numbered* find(std::span<const Numbered> table, std::int64_t number) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const Numbered& one) { return one.number == number; });
  return found == table.end() ? nullptr : &*found;
}

// --- layers with one input and no attributes ---

template <auto Make>
void plain(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  (chain.next().*Make)();
}

template <auto Make>
void plain_activation(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  (chain.next().make_activation().*Make)();
}

template <auto Make>
void with_alpha(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  (chain.next().make_activation().*Make)().alpha = layer.real("alpha", 0);
}

void linear(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  auto& out = chain.next().make_activation().make_linear();
  out.alpha = layer.real("alpha", 1);
  out.beta = layer.real("beta", 0);
}

// --- activations ---

void prelu(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  auto& out = chain.next().make_activation().make_PReLU();
  for (const std::string_view role :
       {"alpha", "blob_prelu_weights", "prelu_weights", "blob_weights"}) {
    const auto id = layer.blob_id(role);
    if (!id) continue;
    const std::size_t values = layer.blob(*id, role).size() / sizeof(float);
    layer.weights(out.alpha.make(), *id, role, values, Stored::float32);
    return;
  }
  layer.contradicts("it has no slopes in a known place, such as 'alpha' of its weights");
}

void leaky_relu(Layer& layer) {
  // Slopes of channels come as a weight, one slope for all as a number.
  if (!layer.has("alpha")) return prelu(layer);
  with_alpha<&proto::ActivationParams::make_leakyReLU>(layer);
}

void scaled_tanh(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  auto& out = chain.next().make_activation().make_scaledTanh();
  out.alpha = layer.real("alpha", 1);
  out.beta = layer.real("beta", 1);
}

void set_sigmoid_hard(Message& message, float alpha, float beta) {
  auto& out = message.make_activation().make_sigmoidHard();
  out.alpha = alpha;
  out.beta = beta;
}

void sigmoid_hard(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  set_sigmoid_hard(chain.next(), layer.real("alpha", 1), layer.real("beta", 0));
}

void set_clip(Message& message, float least, float greatest) {
  auto& out = message.make_clip();
  out.minVal = least;
  out.maxVal = greatest;
}

void at_least(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  set_clip(chain.next(), layer.real("alpha", 0), infinity);
}

void at_most(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  set_clip(chain.next(), -infinity, layer.real("alpha", 0));
}

void constant(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  chain.next().make_fillLike().value = layer.real("alpha", 0);
}

void selu(Layer& layer) {
  constexpr float alpha = 1.6732632423543772F;
  constexpr float scale = 1.0507009873554805F;
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 2);
  chain.next().make_activation().make_ELU().alpha = alpha;
  auto& out = chain.next().make_activation().make_linear();
  out.alpha = scale;
}

template <Gelu Mode>
void gelu(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  chain.next().make_gelu().mode = Mode;
}

void step(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  chain.next().make_greaterEqual();
}

void make_product(Layer& layer, Message& message) {
  if (layer.exact_shapes()) {
    message.make_multiplyBroadcastable();
  } else {
    message.make_multiply();
  }
}

void silu(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 2);
  chain.next().make_activation().make_sigmoid();
  make_product(layer, chain.next({layer.bottoms().front()}));
}

void hard_swish(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 2);
  set_sigmoid_hard(chain.next(), 1.0F / 6, 0.5F);
  make_product(layer, chain.next({layer.bottoms().front()}));
}

constexpr std::array activations{
    Numbered{0, plain_activation<&proto::ActivationParams::make_ReLU>},
    Numbered{1, plain_activation<&proto::ActivationParams::make_tanh>},
    Numbered{2, leaky_relu},
    Numbered{3, plain_activation<&proto::ActivationParams::make_sigmoid>},
    Numbered{4, prelu},
    Numbered{5, scaled_tanh},
    Numbered{6, linear},
    Numbered{7, sigmoid_hard},
    Numbered{8, with_alpha<&proto::ActivationParams::make_ELU>},
    Numbered{9, with_alpha<&proto::ActivationParams::make_thresholdedReLU>},
    Numbered{10, plain_activation<&proto::ActivationParams::make_softplus>},
    Numbered{12, plain_activation<&proto::ActivationParams::make_softsign>},
    Numbered{13, at_least},
    Numbered{14, constant},
    Numbered{16, selu},
    Numbered{19, gelu<Gelu::EXACT>},
    Numbered{20, plain<&Message::make_erf>},
    Numbered{21, gelu<Gelu::TANH_APPROXIMATION>},
    Numbered{22, gelu<Gelu::SIGMOID_APPROXIMATION>},
    Numbered{23, step},
    Numbered{24, at_most},
    Numbered{25, silu},
    Numbered{26, hard_swish},
};

void activation(Layer& layer) {
  const std::int64_t mode = layer.integer("mode");
  const Numbered* found = find(activations, mode);
  if (found == nullptr) layer.unknown(cat("the activation ", mode, " is not known"));
  found->translate(layer);
  // They stand there for functions that do not use them, too.
  layer.ignore("alpha");
  layer.ignore("beta");
}

// --- elementwise operations ---

// Binary operations that have a layer for blobs of any two shapes.
template <auto Make>
void binary(Layer& layer) {
  layer.expect_bottoms(2, 2);
  Chain chain(layer, 1);
  (chain.next().*Make)();
}

// Operations of any number of blobs, which have one layer for five dimensions and another one, of
// two blobs, for others.
template <auto Make, auto MakeExact>
void any_number(Layer& layer) {
  layer.expect_bottoms(1, std::numeric_limits<std::size_t>::max());
  Chain chain(layer, 1);
  if (layer.exact_shapes() && layer.bottoms().size() == 2) {
    (chain.next().*MakeExact)();
  } else {
    (chain.next().*Make)();
  }
}

template <auto Make, auto MakeExact>
void sum_or_product(Layer& layer) {
  if (layer.bottoms().size() != 1) return any_number<Make, MakeExact>(layer);
  Chain chain(layer, 1);
  (chain.next().*Make)().alpha = layer.real("alpha", 0);
}

template <auto Make>
void of_constant(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  (chain.next().*Make)().alpha = layer.real("alpha", 0);
}

void scale(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  auto& out = chain.next().make_activation().make_linear();
  out.alpha = layer.real("alpha", 1);
  out.beta = layer.real("beta", 0);
}

template <Unary Type>
void unary(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  auto& out = chain.next().make_unary();
  out.type = Type;
  out.scale = 1;
  out.alpha = layer.real("alpha", 0);
  out.epsilon = layer.real("eps", 0);
}

void square(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  auto& out = chain.next().make_unary();
  out.type = Unary::POWER;
  out.scale = 1;
  out.alpha = 2;
}

void power(Layer& layer) {
  if (layer.bottoms().size() == 1) return unary<Unary::POWER>(layer);
  binary<&Message::make_powBroadcastable>(layer);
}

void clip(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  set_clip(chain.next(), layer.real("alpha", 0), layer.real("beta", 0));
}

void select(Layer& layer) {
  layer.expect_bottoms(3, 3);
  Chain chain(layer, 1);
  chain.next().make_whereBroadcastable();
}

void is_zero(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  chain.next().make_equal();
}

constexpr std::array operations{
    Numbered{0, sum_or_product<&Message::make_add, &Message::make_addBroadcastable>},
    Numbered{1, sum_or_product<&Message::make_multiply, &Message::make_multiplyBroadcastable>},
    Numbered{2, of_constant<&Message::make_add>},
    Numbered{3, scale},
    Numbered{8, square},
    Numbered{10, unary<Unary::INVERSE>},
    Numbered{11, unary<Unary::SQRT>},
    Numbered{12, unary<Unary::RSQRT>},
    Numbered{13, power},
    Numbered{22, any_number<&Message::make_min, &Message::make_minBroadcastable>},
    Numbered{23, any_number<&Message::make_max, &Message::make_maxBroadcastable>},
    Numbered{24, unary<Unary::ABS>},
    Numbered{25, unary<Unary::THRESHOLD>},
    Numbered{26, unary<Unary::LOG>},
    Numbered{27, unary<Unary::EXP>},
    Numbered{33, binary<&Message::make_subtractBroadcastable>},
    Numbered{35, plain<&Message::make_exp2>},
    Numbered{36, binary<&Message::make_modBroadcastable>},
    Numbered{37, plain<&Message::make_round>},
    Numbered{38, plain<&Message::make_sign>},
    Numbered{100, binary<&Message::make_equal>},
    Numbered{101, select},
    Numbered{102, binary<&Message::make_divideBroadcastable>},
    Numbered{103, binary<&Message::make_lessThan>},
    Numbered{104, binary<&Message::make_lessEqual>},
    Numbered{105, binary<&Message::make_greaterThan>},
    Numbered{106, binary<&Message::make_greaterEqual>},
    Numbered{107, binary<&Message::make_notEqual>},
    Numbered{112, is_zero},
    Numbered{114, plain<&Message::make_cos>},
    Numbered{115, plain<&Message::make_sin>},
    Numbered{117, plain<&Message::make_floor>},
    Numbered{118, plain<&Message::make_ceil>},
    Numbered{119, clip},
    Numbered{121, plain<&Message::make_tan>},
    Numbered{122, plain<&Message::make_cosh>},
    Numbered{123, plain<&Message::make_sinh>},
    Numbered{124, plain<&Message::make_tanh>},
    Numbered{125, plain<&Message::make_acos>},
    Numbered{126, plain<&Message::make_asin>},
    Numbered{127, plain<&Message::make_atan>},
    Numbered{128, plain<&Message::make_acosh>},
    Numbered{129, plain<&Message::make_asinh>},
    Numbered{130, plain<&Message::make_atanh>},
    Numbered{131, of_constant<&Message::make_lessThan>},
    Numbered{132, of_constant<&Message::make_lessEqual>},
    Numbered{133, of_constant<&Message::make_greaterThan>},
    Numbered{134, of_constant<&Message::make_greaterEqual>},
    Numbered{135, of_constant<&Message::make_notEqual>},
    Numbered{136, of_constant<&Message::make_equal>},
    Numbered{1021, binary<&Message::make_floorDivBroadcastable>},
};

void elementwise(Layer& layer) {
  const std::int64_t operation = layer.integer("operation");
  const Numbered* found = find(operations, operation);
  if (found == nullptr) layer.unknown(cat("the operation ", operation, " is not known"));
  if (layer.flag("fused_relu")) layer.unknown("'fused_relu' of elementwise layers is not known");
  found->translate(layer);
  layer.ignore("alpha");
  layer.ignore("beta");
  layer.ignore("eps");
  layer.ignore("nd_mode");
}

constexpr std::array layers{
    LayerType{"activation", activation},
    LayerType{"elementwise", elementwise},
    LayerType{"copy", linear},
    LayerType{"relu", plain_activation<&proto::ActivationParams::make_ReLU>},
    LayerType{"tanh", plain_activation<&proto::ActivationParams::make_tanh>},
    LayerType{"sigmoid", plain_activation<&proto::ActivationParams::make_sigmoid>},
    LayerType{"prelu", prelu},
};

}  // namespace

std::span<const LayerType> elementwise_layers() {
  return layers;
}

}  // namespace pome::frontend::espresso

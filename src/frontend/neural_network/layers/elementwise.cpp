// Arithmetic element by element: of one blob, of several, with constants.
#include <cmath>

#include "base/text.h"
#include "frontend/neural_network/layers/layers.h"

namespace pome::frontend::network::layers {

using base::cat;

namespace {

/// All inputs joined by an operation of two.
V joined(Layer& layer, std::string_view op) {
  layer.expect_inputs(2, 1 << 20);
  V out = layer.in(0);
  for (std::size_t i = 1; i < layer.input_count(); ++i) out = layer.binary(op, out, layer.in(i));
  return out;
}

void two(Layer& layer, std::string_view op) {
  layer.expect_inputs(2, 2);
  layer.out(layer.binary(op, layer.in(0), layer.in(1)));
}

void one(Layer& layer, std::string_view op) {
  layer.expect_inputs(1, 1);
  layer.out(layer.unary(op, layer.in()));
}

/// A comparison with a second blob, or with a number.
void compare(Layer& layer, std::string_view op, float alpha) {
  layer.expect_inputs(1, 2);
  V y = layer.input_count() == 2 ? layer.in(1) : layer.scalar(alpha);
  layer.out(layer.to_float(layer.binary(op, layer.in(), y)));
}

void logical(Layer& layer, std::string_view op) {
  layer.expect_inputs(2, 2);
  layer.out(
      layer.to_float(layer.binary(op, layer.to_bool(layer.in(0)), layer.to_bool(layer.in(1)))));
}

/// A constant of the old layers, which belongs to the last three dimensions: [1], [C] or [C, H, W].
V channel_constant(Layer& layer, const std::vector<std::uint64_t>& shape,
                   const proto::Box<proto::WeightParams>& params, std::string_view what) {
  Ints dims;
  for (const auto size : shape) {
    if (size > (1ULL << 40)) layer.fail(cat(what, " has a dimension of ", size));
    dims.push_back(static_cast<std::int64_t>(size));
  }
  if (dims.size() != 1 && dims.size() != 3)
    layer.fail(cat(what, " has a shape of ", dims.size(), " numbers, expected 1 or 3"));
  if (dims.size() == 1) dims.insert(dims.end(), {1, 1});
  return layer.weight(params, dims, what);
}

}  // namespace

void translate_add(Layer& layer) {
  layer.expect_inputs(1, 1 << 20);
  if (layer.input_count() > 1) return layer.out(joined(layer, "add"));
  layer.out(layer.b.op("add", {{"x", layer.in()}, {"y", number(layer.message.add()->alpha)}}));
}

void translate_multiply(Layer& layer) {
  layer.expect_inputs(1, 1 << 20);
  if (layer.input_count() > 1) return layer.out(joined(layer, "mul"));
  layer.out(layer.b.op("mul", {{"x", layer.in()}, {"y", number(layer.message.multiply()->alpha)}}));
}

void translate_average(Layer& layer) {
  V sum = joined(layer, "add");
  layer.out(layer.b.op(
      "mul", {{"x", sum}, {"y", number(1.0F / static_cast<float>(layer.input_count()))}}));
}

void translate_max(Layer& layer) {
  layer.out(joined(layer, "maximum"));
}
void translate_min(Layer& layer) {
  layer.out(joined(layer, "minimum"));
}

void translate_scale(Layer& layer) {
  const auto& p = *layer.message.scale();
  layer.expect_inputs(1, 1);
  V y =
      layer.binary("mul", layer.in(), channel_constant(layer, p.shapeScale, p.scale, "its scale"));
  if (p.hasBias) {
    const auto& shape = p.shapeBias.empty() ? p.shapeScale : p.shapeBias;
    y = layer.binary("add", y, channel_constant(layer, shape, p.bias, "its bias"));
  }
  layer.out(y);
}

void translate_bias(Layer& layer) {
  const auto& p = *layer.message.bias();
  layer.expect_inputs(1, 1);
  layer.out(layer.binary("add", layer.in(), channel_constant(layer, p.shape, p.bias, "its bias")));
}

void translate_dot(Layer& layer) {
  layer.expect_inputs(2, 2);
  V a = layer.in(0);
  V c = layer.in(1);
  layer.expect_rank(a, 3);
  const auto sum = [&](V x) {
    return layer.b.op("reduce_sum", {{"x", x}, {"axes", ints({-3})}, {"keep_dims", flag(true)}});
  };
  V product = sum(layer.binary("mul", a, c));
  if (!layer.message.dot()->cosineSimilarity) return layer.out(product);
  const auto norm = [&](V x) { return layer.unary("sqrt", sum(layer.binary("mul", x, x))); };
  layer.out(layer.binary("real_div", product, layer.binary("mul", norm(a), norm(c))));
}

void translate_unary(Layer& layer) {
  const auto& p = *layer.message.unary();
  layer.expect_inputs(1, 1);
  using Type = proto::UnaryFunctionLayerParams_Operation;
  V x = layer.in();
  if (p.scale != 0 && p.scale != 1) x = layer.b.op("mul", {{"x", x}, {"y", number(p.scale)}});
  if (p.shift != 0) x = layer.b.op("add", {{"x", x}, {"y", number(p.shift)}});
  const float epsilon = p.epsilon == 0 ? 1e-6F : p.epsilon;
  const auto with_epsilon = [&](std::string_view op) {
    return layer.b.op(op, {{"x", x}, {"epsilon", number(epsilon)}});
  };
  switch (p.type) {
    case Type::SQRT: return layer.out(layer.unary("sqrt", x));
    case Type::RSQRT: return layer.out(with_epsilon("rsqrt"));
    case Type::INVERSE: return layer.out(with_epsilon("inverse"));
    case Type::POWER: return layer.out(layer.b.op("pow", {{"x", x}, {"y", number(p.alpha)}}));
    case Type::EXP: return layer.out(layer.unary("exp", x));
    case Type::LOG: return layer.out(layer.b.op("log", {{"x", x}, {"epsilon", number(0)}}));
    case Type::ABS: return layer.out(layer.unary("abs", x));
    case Type::THRESHOLD:
      return layer.out(layer.b.op("threshold", {{"x", x}, {"alpha", number(p.alpha)}}));
  }
  layer.fail(cat("function ", static_cast<int>(p.type), " is not known"));
}

void translate_addBroadcastable(Layer& layer) {
  two(layer, "add");
}
void translate_subtractBroadcastable(Layer& layer) {
  two(layer, "sub");
}
void translate_multiplyBroadcastable(Layer& layer) {
  two(layer, "mul");
}
void translate_divideBroadcastable(Layer& layer) {
  two(layer, "real_div");
}
void translate_floorDivBroadcastable(Layer& layer) {
  two(layer, "floor_div");
}
void translate_modBroadcastable(Layer& layer) {
  two(layer, "mod");
}
void translate_powBroadcastable(Layer& layer) {
  two(layer, "pow");
}
void translate_maxBroadcastable(Layer& layer) {
  layer.out(joined(layer, "maximum"));
}
void translate_minBroadcastable(Layer& layer) {
  layer.out(joined(layer, "minimum"));
}

void translate_greaterThan(Layer& layer) {
  compare(layer, "greater", layer.message.greaterThan()->alpha);
}
void translate_greaterEqual(Layer& layer) {
  compare(layer, "greater_equal", layer.message.greaterEqual()->alpha);
}
void translate_lessThan(Layer& layer) {
  compare(layer, "less", layer.message.lessThan()->alpha);
}
void translate_lessEqual(Layer& layer) {
  compare(layer, "less_equal", layer.message.lessEqual()->alpha);
}
void translate_equal(Layer& layer) {
  compare(layer, "equal", layer.message.equal()->alpha);
}
void translate_notEqual(Layer& layer) {
  compare(layer, "not_equal", layer.message.notEqual()->alpha);
}
void translate_logicalAnd(Layer& layer) {
  logical(layer, "logical_and");
}
void translate_logicalOr(Layer& layer) {
  logical(layer, "logical_or");
}
void translate_logicalXor(Layer& layer) {
  logical(layer, "logical_xor");
}
void translate_logicalNot(Layer& layer) {
  layer.expect_inputs(1, 1);
  layer.out(layer.to_float(layer.unary("logical_not", layer.to_bool(layer.in()))));
}

void translate_sin(Layer& layer) {
  one(layer, "sin");
}
void translate_cos(Layer& layer) {
  one(layer, "cos");
}
void translate_tan(Layer& layer) {
  one(layer, "tan");
}
void translate_asin(Layer& layer) {
  one(layer, "asin");
}
void translate_acos(Layer& layer) {
  one(layer, "acos");
}
void translate_atan(Layer& layer) {
  one(layer, "atan");
}
void translate_sinh(Layer& layer) {
  one(layer, "sinh");
}
void translate_cosh(Layer& layer) {
  one(layer, "cosh");
}
void translate_tanh(Layer& layer) {
  one(layer, "tanh");
}
void translate_atanh(Layer& layer) {
  one(layer, "atanh");
}
void translate_exp2(Layer& layer) {
  one(layer, "exp2");
}
void translate_erf(Layer& layer) {
  one(layer, "erf");
}
void translate_ceil(Layer& layer) {
  one(layer, "ceil");
}
void translate_floor(Layer& layer) {
  one(layer, "floor");
}
void translate_round(Layer& layer) {
  one(layer, "round");
}
void translate_sign(Layer& layer) {
  one(layer, "sign");
}

// Small x: atanh(x / sqrt(1 + x^2)), where the logarithm would cancel; large x: the square would
// overflow, and log(2 |x|) is as exact.
void translate_asinh(Layer& layer) {
  layer.expect_inputs(1, 1);
  V x = layer.in();
  V size = layer.unary("abs", x);
  V root =
      layer.unary("sqrt", layer.b.op("add", {{"x", layer.binary("mul", x, x)}, {"y", number(1)}}));
  const auto log = [&](V v) { return layer.b.op("log", {{"x", v}, {"epsilon", number(0)}}); };
  V small = layer.unary("atanh", layer.binary("real_div", size, root));
  V middle = log(layer.binary("add", size, root));
  V large = layer.b.op("add", {{"x", log(size)}, {"y", number(0.693147181F)}});
  const auto choose = [&](float limit, V below, V above) {
    V is_below = layer.b.op("less", {{"x", size}, {"y", number(limit)}});
    return layer.b.op("select", {{"cond", is_below}, {"a", below}, {"b", above}});
  };
  V result = choose(0.5F, small, choose(1e5F, middle, large));
  layer.out(layer.binary("mul", result, layer.unary("sign", x)));
}

void translate_acosh(Layer& layer) {
  layer.expect_inputs(1, 1);
  V x = layer.in();
  const auto root = [&](float shift) {
    return layer.unary("sqrt", layer.b.op("add", {{"x", x}, {"y", number(shift)}}));
  };
  V sum = layer.binary("add", x, layer.binary("mul", root(-1), root(1)));
  layer.out(layer.b.op("log", {{"x", sum}, {"epsilon", number(0)}}));
}

void translate_clip(Layer& layer) {
  const auto& p = *layer.message.clip();
  layer.expect_inputs(1, 1);
  layer.out(layer.b.op(
      "clip", {{"x", layer.in()}, {"alpha", number(p.minVal)}, {"beta", number(p.maxVal)}}));
}

void translate_whereBroadcastable(Layer& layer) {
  layer.expect_inputs(3, 3);
  layer.out(layer.b.op(
      "select", {{"cond", layer.to_bool(layer.in(0))}, {"a", layer.in(1)}, {"b", layer.in(2)}}));
}

}  // namespace pome::frontend::network::layers

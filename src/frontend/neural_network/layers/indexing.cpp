// Gathering and scattering, masks, one-hot vectors, boxes.
#include <array>
#include <cmath>

#include "base/text.h"
#include "frontend/neural_network/layers/layers.h"

namespace pome::frontend::network::layers {

using base::cat;

namespace {

std::string_view scatter_mode(const Layer& layer, proto::ScatterMode mode) {
  constexpr std::array<std::string_view, 7> names{"update", "add", "sub", "mul",
                                                  "div",    "max", "min"};
  const auto which = static_cast<std::size_t>(mode);
  if (which >= names.size()) layer.fail(cat("mode ", which, " is not known"));
  return names[which];
}

}  // namespace

void translate_gather(Layer& layer) {
  layer.expect_inputs(2, 2);
  const std::int64_t axis =
      layer.axis(layer.message.gather()->axis, layer.expect_rank(layer.in(), 1));
  layer.out(layer.b.op(
      "gather",
      {{"x", layer.in()}, {"indices", layer.to_int(layer.in(1))}, {"axis", integer(axis)}}));
}

void translate_gatherND(Layer& layer) {
  layer.expect_inputs(2, 2);
  layer.out(layer.b.op("gather_nd", {{"x", layer.in()}, {"indices", layer.to_int(layer.in(1))}}));
}

void translate_gatherAlongAxis(Layer& layer) {
  layer.expect_inputs(2, 2);
  const std::int64_t axis =
      layer.axis(layer.message.gatherAlongAxis()->axis, layer.expect_rank(layer.in(), 1));
  layer.out(layer.b.op(
      "gather_along_axis",
      {{"x", layer.in()}, {"indices", layer.to_int(layer.in(1))}, {"axis", integer(axis)}}));
}

void translate_scatter(Layer& layer) {
  const auto& p = *layer.message.scatter();
  layer.expect_inputs(3, 3);
  const std::int64_t axis = layer.axis(p.axis, layer.expect_rank(layer.in(), 1));
  layer.out(layer.b.op("scatter", {{"data", layer.in(0)},
                                   {"indices", layer.to_int(layer.in(1))},
                                   {"updates", layer.in(2)},
                                   {"axis", integer(axis)},
                                   {"mode", text(scatter_mode(layer, p.mode))}}));
}

void translate_scatterND(Layer& layer) {
  layer.expect_inputs(3, 3);
  layer.out(layer.b.op("scatter_nd",
                       {{"data", layer.in(0)},
                        {"indices", layer.to_int(layer.in(1))},
                        {"updates", layer.in(2)},
                        {"mode", text(scatter_mode(layer, layer.message.scatterND()->mode))}}));
}

void translate_scatterAlongAxis(Layer& layer) {
  const auto& p = *layer.message.scatterAlongAxis();
  layer.expect_inputs(3, 3);
  const std::int64_t axis = layer.axis(p.axis, layer.expect_rank(layer.in(), 1));
  layer.out(layer.b.op("scatter_along_axis", {{"data", layer.in(0)},
                                              {"indices", layer.to_int(layer.in(1))},
                                              {"updates", layer.in(2)},
                                              {"axis", integer(axis)},
                                              {"mode", text(scatter_mode(layer, p.mode))}}));
}

void translate_whereNonZero(Layer& layer) {
  layer.expect_inputs(1, 1);
  layer.out(layer.to_float(layer.unary("non_zero", layer.in())));
}

void translate_matrixBandPart(Layer& layer) {
  const auto& p = *layer.message.matrixBandPart();
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 2);
  layer.out(layer.b.op(
      "band_part",
      {{"x", layer.in()}, {"lower", integer(p.numLower)}, {"upper", integer(p.numUpper)}}));
}

namespace {

V band(Layer& layer, V x, std::int64_t lower, std::int64_t upper) {
  return layer.b.op("band_part", {{"x", x}, {"lower", integer(lower)}, {"upper", integer(upper)}});
}

/// Everything but a band, the rest being 0 whatever it was.
V without_band(Layer& layer, V x, std::int64_t lower, std::int64_t upper) {
  V ones = layer.b.op("fill_like", {{"ref_tensor", x}, {"value", number(1)}});
  V inside = layer.b.op("not_equal", {{"x", band(layer, ones, lower, upper)}, {"y", number(0)}});
  V zeros = layer.b.op("fill_like", {{"ref_tensor", x}, {"value", number(0)}});
  return layer.b.op("select", {{"cond", inside}, {"a", zeros}, {"b", x}});
}

}  // namespace

void translate_upperTriangular(Layer& layer) {
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 2);
  const std::int64_t k = layer.message.upperTriangular()->k;
  layer.out(k <= 0 ? band(layer, layer.in(), -k, -1) : without_band(layer, layer.in(), -1, k - 1));
}

void translate_lowerTriangular(Layer& layer) {
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 2);
  const std::int64_t k = layer.message.lowerTriangular()->k;
  layer.out(k >= 0 ? band(layer, layer.in(), -1, k) : without_band(layer, layer.in(), -k - 1, -1));
}

void translate_oneHot(Layer& layer) {
  const auto& p = *layer.message.oneHot();
  layer.expect_inputs(1, 2);
  V x = layer.in();
  const std::int64_t axis = layer.axis(p.axis, layer.expect_rank(x, 0) + 1);
  ir::Binding size = layer.input_count() == 2
                         ? ir::Binding(layer.squeeze(layer.to_int(layer.in(1)), {0}))
                         : ir::Binding(integer(static_cast<std::int64_t>(p.oneHotVectorSize)));
  layer.out(layer.b.op("one_hot", {{"indices", layer.to_int(x)},
                                   {"one_hot_vector_size", std::move(size)},
                                   {"axis", integer(axis)},
                                   {"on_value", number(p.onValue)},
                                   {"off_value", number(p.offValue)}}));
}

void translate_NonMaximumSuppression(Layer& layer) {
  const auto& p = *layer.message.NonMaximumSuppression();
  layer.expect_inputs(2, 5);
  layer.expect_outputs(1, 4);
  const auto given = [&](std::size_t i, double otherwise) {
    if (layer.input_count() <= i) return otherwise;
    const auto* known = layer.b.known(layer.in(i));
    if (known == nullptr || known->dtype() != DataType::fp32)
      layer.fail("a threshold of it is known only when the network runs");
    return static_cast<double>(*static_cast<const float*>(known->view().data));
  };
  // A box that overlaps by just the threshold is suppressed here, and not by the operation.
  const float iou = std::nextafter(static_cast<float>(given(2, p.iouThreshold)), -1.0F);
  const auto outputs = layer.b.ops(
      "non_maximum_suppression",
      {{"boxes", layer.in(0)},
       {"scores", layer.in(1)},
       {"iou_threshold", number(iou)},
       {"score_threshold", number(static_cast<float>(given(3, p.scoreThreshold)))},
       {"max_boxes", integer(static_cast<std::int64_t>(given(4, static_cast<double>(p.maxBoxes))))},
       {"per_class_suppression", flag(p.perClassSuppression)}},
      4);
  for (std::size_t i = 0; i < layer.output_count(); ++i) layer.out(layer.to_float(outputs[i]), i);
}

}  // namespace pome::frontend::network::layers

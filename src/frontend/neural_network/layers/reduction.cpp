// Reductions, extremes and their places, sorting.
#include <array>

#include "base/text.h"
#include "frontend/neural_network/layers/layers.h"

namespace pome::frontend::network::layers {

using base::cat;

namespace {

template <typename Params>
void reduce(Layer& layer, const Params& p, std::string_view op) {
  layer.expect_inputs(1, 1);
  V x = layer.in();
  const std::int64_t rank = layer.expect_rank(x, 1);
  Ints axes;
  for (const auto one : p.axes) axes.push_back(layer.axis(one, rank));
  if (p.reduceAll) {
    axes.clear();
    for (std::int64_t i = 0; i < rank; ++i) axes.push_back(i);
  }
  layer.out(layer.b.op(op, {{"x", x}, {"axes", ints(axes)}, {"keep_dims", flag(p.keepDims)}}));
}

template <typename Params>
void arg_extreme(Layer& layer, const Params& p, std::string_view op) {
  layer.expect_inputs(1, 1);
  const std::int64_t axis = layer.axis(p.axis, layer.expect_rank(layer.in(), 1));
  layer.out(layer.to_float(layer.b.op(
      op, {{"x", layer.in()}, {"axis", integer(axis)}, {"keep_dims", flag(!p.removeDim)}})));
}

}  // namespace

void translate_reduce(Layer& layer) {
  const auto& p = *layer.message.reduce();
  layer.expect_inputs(1, 1);
  V x = layer.in();
  static const std::array<Ints, 5> axes_of{Ints{-3, -2, -1}, Ints{-2, -1}, Ints{-3}, Ints{-2},
                                           Ints{-1}};
  const auto which = static_cast<std::size_t>(p.axis);
  if (which >= axes_of.size()) layer.fail(cat("axis ", which, " is not known"));
  const Ints& axes = axes_of[which];
  layer.expect_rank(x, -axes.front());
  using Mode = proto::ReduceLayerParams_ReduceOperation;
  if (p.mode == Mode::ARGMAX) {
    if (axes.size() != 1) layer.fail("the place of a maximum is asked for over several axes");
    return layer.out(layer.to_float(layer.b.op(
        "reduce_argmax", {{"x", x}, {"axis", integer(axes[0])}, {"keep_dims", flag(true)}})));
  }
  const auto over = [&](std::string_view op, V of) {
    return layer.b.op(op, {{"x", of}, {"axes", ints(axes)}, {"keep_dims", flag(true)}});
  };
  if (p.mode == Mode::LOGSUM) {
    const float epsilon = p.epsilon == 0 ? 1e-6F : p.epsilon;
    V logs = layer.b.op("log", {{"x", x}, {"epsilon", number(epsilon)}});
    return layer.out(over("reduce_sum", logs));
  }
  constexpr std::array<std::string_view, 9> ops{
      "reduce_sum",     "reduce_mean",    "reduce_prod", "",          "reduce_sum_square",
      "reduce_l1_norm", "reduce_l2_norm", "reduce_max",  "reduce_min"};
  const auto mode = static_cast<std::size_t>(p.mode);
  if (mode >= ops.size()) layer.fail(cat("mode ", mode, " is not known"));
  layer.out(over(ops[mode], x));
}

void translate_reduceL1(Layer& layer) {
  reduce(layer, *layer.message.reduceL1(), "reduce_l1_norm");
}
void translate_reduceL2(Layer& layer) {
  reduce(layer, *layer.message.reduceL2(), "reduce_l2_norm");
}
void translate_reduceMax(Layer& layer) {
  reduce(layer, *layer.message.reduceMax(), "reduce_max");
}
void translate_reduceMin(Layer& layer) {
  reduce(layer, *layer.message.reduceMin(), "reduce_min");
}
void translate_reduceSum(Layer& layer) {
  reduce(layer, *layer.message.reduceSum(), "reduce_sum");
}
void translate_reduceProd(Layer& layer) {
  reduce(layer, *layer.message.reduceProd(), "reduce_prod");
}
void translate_reduceMean(Layer& layer) {
  reduce(layer, *layer.message.reduceMean(), "reduce_mean");
}
void translate_reduceLogSum(Layer& layer) {
  reduce(layer, *layer.message.reduceLogSum(), "reduce_log_sum");
}
void translate_reduceSumSquare(Layer& layer) {
  reduce(layer, *layer.message.reduceSumSquare(), "reduce_sum_square");
}
void translate_reduceLogSumExp(Layer& layer) {
  reduce(layer, *layer.message.reduceLogSumExp(), "reduce_log_sum_exp");
}

void translate_argMax(Layer& layer) {
  arg_extreme(layer, *layer.message.argMax(), "reduce_argmax");
}
void translate_argMin(Layer& layer) {
  arg_extreme(layer, *layer.message.argMin(), "reduce_argmin");
}

void translate_argSort(Layer& layer) {
  const auto& p = *layer.message.argSort();
  layer.expect_inputs(1, 1);
  const std::int64_t axis = layer.axis(p.axis, layer.expect_rank(layer.in(), 1));
  layer.out(layer.to_float(layer.b.op(
      "argsort",
      {{"x", layer.in()}, {"axis", integer(axis)}, {"ascending", flag(!p.descending)}})));
}

namespace {

/// The first k along an axis, where k is known only when the network runs.
void top_of_unknown_count(Layer& layer, std::int64_t axis, bool ascending) {
  V x = layer.in();
  V order =
      layer.b.op("argsort", {{"x", x}, {"axis", integer(axis)}, {"ascending", flag(ascending)}});
  V k = layer.reshape(layer.to_int(layer.in(1)), {1});
  const std::int64_t rank = Layer::rank(x);
  std::vector<ir::Binding> sizes;
  const auto ones = [&](std::int64_t n) {
    return layer.b.constant(ints(Ints(static_cast<std::size_t>(n), -1)));
  };
  if (axis > 0) sizes.emplace_back(ones(axis));
  sizes.emplace_back(k);
  if (axis + 1 < rank) sizes.emplace_back(ones(rank - axis - 1));
  V size = sizes.size() == 1
               ? k
               : layer.b.op("concat",
                            {{"values", sizes}, {"axis", integer(0)}, {"interleave", flag(false)}});
  V indices = layer.b.op(
      "slice_by_size",
      {{"x", order}, {"begin", ints(Ints(static_cast<std::size_t>(rank), 0))}, {"size", size}});
  layer.out(
      layer.b.op("gather_along_axis", {{"x", x}, {"indices", indices}, {"axis", integer(axis)}}),
      0);
  if (layer.output_count() > 1) layer.out(layer.to_float(indices), 1);
}

}  // namespace

void translate_topK(Layer& layer) {
  const auto& p = *layer.message.topK();
  layer.expect_inputs(1, 2);
  layer.expect_outputs(1, 2);
  const std::int64_t axis = layer.axis(p.axis, layer.expect_rank(layer.in(), 1));
  auto k = static_cast<std::int64_t>(p.K);
  if (layer.input_count() == 2) {
    const auto* known = layer.b.known(layer.to_int(layer.in(1)));
    if (known == nullptr) return top_of_unknown_count(layer, axis, p.useBottomK);
    k = *static_cast<const std::int32_t*>(known->view().data);
  }
  const auto both = layer.b.ops("topk",
                                {{"x", layer.in()},
                                 {"k", integer(k)},
                                 {"axis", integer(axis)},
                                 {"ascending", flag(p.useBottomK)}},
                                2);
  layer.out(both[0], 0);
  if (layer.output_count() > 1) layer.out(layer.to_float(both[1]), 1);
}

void translate_cumSum(Layer& layer) {
  const auto& p = *layer.message.cumSum();
  layer.expect_inputs(1, 2);
  std::int64_t axis = p.axis;
  if (layer.input_count() == 2) {
    const auto* known = layer.b.known(layer.to_int(layer.in(1)));
    if (known == nullptr) layer.fail("its axis is known only when the network runs");
    axis = *static_cast<const std::int32_t*>(known->view().data);
  }
  layer.out(
      layer.b.op("cumsum", {{"x", layer.in()},
                            {"axis", integer(layer.axis(axis, layer.expect_rank(layer.in(), 1)))},
                            {"exclusive", flag(p.excludeFinalSum)},
                            {"reverse", flag(p.reverse)}}));
}

}  // namespace pome::frontend::network::layers

// Layers that pick elements by number or by order.
#include <array>

#include "base/text.h"
#include "frontend/espresso/layer.h"

namespace pome::frontend::espresso {

using base::cat;

namespace {

void topk(Layer& layer) {
  layer.expect_bottoms(1, 2);
  layer.expect_tops(2, 2);
  proto::TopKLayerParams& out = layer.add_whole().make_topK();
  out.axis = layer.integer("axis", -1);
  out.K = layer.bottoms().size() == 2 ? layer.size("num_k") : layer.count("num_k");
  out.useBottomK = layer.flag("do_bottomk");
  layer.ignore("single_axis_topk");
}

void argsort(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  proto::ArgSortLayerParams& out = chain.next().make_argSort();
  out.axis = layer.integer("axis", -1);
  out.descending = !layer.flag("ascending");
}

void gather_nd(Layer& layer) {
  layer.expect_bottoms(2, 2);
  const std::int64_t mode = layer.integer("mode", 0);
  const std::int64_t axis = layer.integer("axis", 0);
  if (layer.number("batch_dims", 0) != 0) layer.unknown("'batch_dims' is not known");
  layer.ignore("allow_negative_indices");
  Chain chain(layer, 1);
  proto::NeuralNetworkLayer& message = chain.next();
  if (mode == 0) {
    message.make_gather().axis = axis;
  } else if (mode == 2) {
    message.make_gatherAlongAxis().axis = axis;
  } else {
    layer.unknown(cat("'mode' = ", mode, " is not known"));
  }
}

void scatter_nd(Layer& layer) {
  layer.expect_bottoms(3, 3);
  if (layer.integer("mode", 0) != 2) layer.unknown("another 'mode' than 2 is not known");
  if (layer.integer("accumulation_mode", 1) != 1)
    layer.unknown("another 'accumulation_mode' than 1 is not known");
  layer.ignore("allow_negative_indices");
  Chain chain(layer, 1);
  chain.next().make_scatterAlongAxis().axis = layer.integer("axis", 0);
}

void cumsum(Layer& layer) {
  layer.expect_bottoms(1, 2);
  Chain chain(layer, 1);
  proto::CumSumLayerParams& out = chain.next().make_cumSum();
  out.axis = layer.integer("axis", -1);
  out.excludeFinalSum = layer.flag("exclusive");
  out.reverse = layer.flag("reverse");
}

void nonzero(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  chain.next().make_whereNonZero();
}

constexpr std::array layers{
    LayerType{"topk", topk},           LayerType{"argsort", argsort},
    LayerType{"gather_nd", gather_nd}, LayerType{"scatter_nd", scatter_nd},
    LayerType{"cumsum", cumsum},       LayerType{"nonzero", nonzero},
};

}  // namespace

std::span<const LayerType> indexing_layers() {
  return layers;
}

}  // namespace pome::frontend::espresso

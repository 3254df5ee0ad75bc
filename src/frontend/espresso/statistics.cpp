// Normalizations and reductions.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "base/text.h"
#include "frontend/espresso/layer.h"

namespace pome::frontend::espresso {

using base::cat;

namespace {

using Message = proto::NeuralNetworkLayer;

// The four numbers of each channel lie together: factor, offset, mean, variance. An epsilon stands
// in the file only where means are computed; else the variances hold it.
void batchnorm(Layer& layer) {
  layer.expect_bottoms(1, 1);
  const std::uint64_t channels = layer.count("C");
  const auto id = layer.blob_id("blob_batchnorm_params");
  if (!id) layer.contradicts("'blob_batchnorm_params' is missing");
  const auto bytes = layer.blob(*id, "blob_batchnorm_params", layer.product({channels, 4}), 4);
  layer.budget().take(static_cast<std::int64_t>(bytes.size()), "the parameters of a normalization");
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  const bool computed = layer.flag("training");
  Chain chain(layer, 1);
  proto::BatchnormLayerParams& out = chain.next().make_batchnorm();
  out.channels = channels;
  out.computeMeanVar = computed;
  out.instanceNormalization = layer.flag("training_instancenorm");
  out.epsilon = computed ? layer.real("training_eps", 0) : layer.real("eps", 0);
  layer.ignore("training_eps");
  layer.ignore("training_momentum");
  layer.ignore("eps");
  const std::array parts{&out.gamma, &out.beta, &out.mean, &out.variance};
  std::vector<float> part(static_cast<std::size_t>(channels));
  for (std::size_t p = 0; p < (computed ? 2 : parts.size()); ++p) {
    for (std::size_t c = 0; c < part.size(); ++c) part[c] = values[4 * c + p];
    parts.at(p)->make().floatValue.assign(part);
  }
}

// Axes of this attribute count from the last one: width, height, channel, batch, sequence.
void softmax(Layer& layer) {
  layer.expect_bottoms(1, 1);
  const std::int64_t axis = layer.integer("C", 2, 0, 4);
  Chain chain(layer, 1);
  Message& message = chain.next();
  if (layer.exact_shapes()) {
    message.make_softmaxND().axis = -1 - axis;
  } else if (axis == 2) {
    message.make_softmax();
  } else {
    layer.unknown(cat("'C' = ", axis, " is not known, expected 2 (channels)"));
  }
}

void softmax_nd(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  chain.next().make_softmaxND().axis = layer.integer("nd_axis");
}

void lrn(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  proto::LRNLayerParams& out = chain.next().make_lrn();
  out.alpha = layer.real("alpha", 1);
  out.beta = layer.real("beta", 0.75);
  out.localSize = layer.count("local_size");
  out.k = layer.real("k", 1);
}

// Mode 0 divides by the length of a vector, mode 1 takes the mean away first and divides by the
// deviation. Over which axes that is in blobs with height and width is not known.
void l2_normalize(Layer& layer) {
  layer.expect_bottoms(1, 1);
  const std::int64_t mode = layer.integer("normalization_mode", 0, 0, 1);
  const std::int64_t axis = layer.integer("axis", 2);
  Chain chain(layer, 1);
  Message& message = chain.next();
  if (mode == 0) {
    message.make_l2normalize().epsilon = layer.real("eps", 0);
    return;
  }
  const auto dims = layer.needed_dims(layer.bottoms().front());
  const std::size_t rank = dims.size();
  if (axis != 2 || rank < 3 || dims[rank - 1] != 1 || dims[rank - 2] != 1)
    layer.unknown("it normalizes over other axes than the channels of single pixels");
  proto::MeanVarianceNormalizeLayerParams& out = message.make_mvn();
  out.acrossChannels = true;
  out.normalizeVariance = true;
  out.epsilon = layer.real("eps", 0);
}

void instancenorm_1d(Layer& layer) {
  layer.expect_bottoms(1, 1);
  const auto dims = layer.needed_dims(layer.bottoms().front());
  if (dims.empty()) layer.contradicts("it normalizes a single number");
  const auto width = static_cast<std::uint64_t>(dims.back());
  Chain chain(layer, 1);
  proto::LayerNormalizationLayerParams& out = chain.next().make_layerNormalization();
  out.normalizedShape = {dims.back()};
  out.eps = layer.real("eps", 1e-6);
  const auto gamma = layer.blob_id("wGamma");
  const auto beta = layer.blob_id("wBeta");
  if (!gamma || !beta) layer.contradicts("'wGamma' or 'wBeta' is missing");
  layer.weights(out.gamma.make(), *gamma, "wGamma", width, Stored::float32);
  layer.weights(out.beta.make(), *beta, "wBeta", width, Stored::float32);
}

// --- reductions ---

using Operation = proto::ReduceLayerParams_ReduceOperation;
using Axis = proto::ReduceLayerParams_ReduceAxis;

template <auto Make>
void reduce_axes(Message& message, std::vector<std::int64_t> axes, bool keep) {
  auto& out = (message.*Make)();
  out.axes = std::move(axes);
  out.keepDims = keep;
}

template <auto Make>
void find_place(Message& message, std::vector<std::int64_t> axes, bool keep) {
  auto& out = (message.*Make)();
  out.axis = axes.front();
  out.removeDim = !keep;
}

struct Reduction {
  std::int64_t mode;
  std::optional<Operation> operation;  ///< of five dimensions
  void (*exact)(Message& message, std::vector<std::int64_t> axes, bool keep);
  bool one_axis = false;
};

const std::array reductions{
    Reduction{0, Operation::SUM, reduce_axes<&Message::make_reduceSum>},
    Reduction{1, Operation::AVG, reduce_axes<&Message::make_reduceMean>},
    Reduction{2, Operation::PROD, reduce_axes<&Message::make_reduceProd>},
    Reduction{4, Operation::SUMSQUARE, reduce_axes<&Message::make_reduceSumSquare>},
    Reduction{5, Operation::L2, reduce_axes<&Message::make_reduceL2>},
    Reduction{8, Operation::L1, reduce_axes<&Message::make_reduceL1>},
    Reduction{9, Operation::MAX, reduce_axes<&Message::make_reduceMax>},
    Reduction{10, Operation::MIN, reduce_axes<&Message::make_reduceMin>},
    Reduction{11, Operation::ARGMAX, find_place<&Message::make_argMax>, true},
    Reduction{12, std::nullopt, find_place<&Message::make_argMin>, true},
};

// Axes are a sum of 1 (width), 2 (height) and 4 (channel).
struct Axes {
  std::int64_t mask;
  Axis axis;
};

constexpr std::array five_dimensional_axes{Axes{7, Axis::CHW}, Axes{3, Axis::HW}, Axes{4, Axis::C},
                                           Axes{2, Axis::H}, Axes{1, Axis::W}};

// That the axes are what we take them for is seen by what the shape file says of the result.
void check_reduced(const Layer& layer, std::int64_t mask) {
  const auto before = layer.dims(layer.bottoms().front());
  const auto after = layer.dims(layer.tops().front());
  if (!before || !after || before->size() != after->size()) return;
  for (std::size_t i = 0; i < before->size(); ++i) {
    const std::size_t from_last = before->size() - 1 - i;
    const bool reduced = from_last < 3 && (mask >> from_last & 1) != 0;
    if ((*after)[i] != (reduced ? 1 : (*before)[i]))
      layer.unknown(cat("'axis_mode' = ", mask, " does not fit the shapes of its blobs"));
  }
}

// In networks of exact shapes: one axis by its place, or the last three by the mask.
void reduce_exact(Layer& layer, const Reduction& reduction) {
  const auto before = layer.dims(layer.bottoms().front());
  const auto after = layer.dims(layer.tops().front());
  const bool keep = !before || !after || before->size() == after->size();
  std::vector<std::int64_t> axes;
  if (layer.flag("nd_mode")) {
    axes = {layer.integer("nd_axis", -1)};
    layer.ignore("axis_mode");
  } else {
    const std::int64_t mask = layer.integer("axis_mode", 7, 1, 7);
    if (!keep) layer.unknown("it drops dimensions, which is not known without 'nd_mode'");
    check_reduced(layer, mask);
    for (std::int64_t bit = 2; bit >= 0; --bit) {
      if ((mask >> bit & 1) != 0) axes.push_back(-1 - bit);
    }
    layer.ignore("nd_axis");
  }
  if (reduction.one_axis && axes.size() != 1)
    layer.unknown("a place along several axes is not known");
  Chain chain(layer, 1);
  reduction.exact(chain.next(), std::move(axes), keep);
}

void reduce(Layer& layer) {
  layer.expect_bottoms(1, 1);
  layer.expect_tops(1, 1);
  const std::int64_t mode = layer.integer("mode", 0);
  const auto reduction = std::find_if(reductions.begin(), reductions.end(),
                                      [&](const Reduction& one) { return one.mode == mode; });
  if (reduction == reductions.end()) layer.unknown(cat("the reduction ", mode, " is not known"));
  if (layer.exact_shapes()) return reduce_exact(layer, *reduction);
  const std::int64_t mask = layer.integer("axis_mode", 7);
  const auto axes = std::find_if(five_dimensional_axes.begin(), five_dimensional_axes.end(),
                                 [&](const Axes& one) { return one.mask == mask; });
  if (axes == five_dimensional_axes.end() || !reduction->operation)
    layer.unknown(cat("'axis_mode' = ", mask, " with 'mode' = ", mode, " is not known"));
  check_reduced(layer, mask);
  layer.ignore("nd_axis");
  Chain chain(layer, 1);
  proto::ReduceLayerParams& out = chain.next().make_reduce();
  out.mode = *reduction->operation;
  out.axis = axes->axis;
  out.epsilon = layer.real("eps", 0);
}

constexpr std::array layers{
    LayerType{"batchnorm", batchnorm},
    LayerType{"softmax", softmax},
    LayerType{"softmax_nd", softmax_nd},
    LayerType{"lrn", lrn},
    LayerType{"l2_normalize", l2_normalize},
    LayerType{"instancenorm_1d", instancenorm_1d},
    LayerType{"reduce", reduce},
};

}  // namespace

std::span<const LayerType> statistics_layers() {
  return layers;
}

}  // namespace pome::frontend::espresso

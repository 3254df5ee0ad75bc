// Layers that move or name elements without computing.
#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "base/text.h"
#include "frontend/espresso/layer.h"

namespace pome::frontend::espresso {

using base::cat;

namespace {

constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

// --- shapes ---

constexpr std::array<std::string_view, 5> target_keys{"dst_seq", "dst_n", "dst_k", "dst_h",
                                                      "dst_w"};

std::vector<std::int64_t> target_dims(Layer& layer, std::int64_t otherwise) {
  std::vector<std::int64_t> out(target_keys.size());
  std::transform(target_keys.begin(), target_keys.end(), out.begin(),
                 [&](std::string_view key) { return layer.integer(key, otherwise); });
  return out;
}

void reshape(Layer& layer) {
  layer.expect_bottoms(1, 1);
  if (layer.flag("dynamic_shape")) layer.unknown("a shape that is computed is not known here");
  std::vector<std::int64_t> target = target_dims(layer, 1);
  const std::int64_t mode = layer.integer("mode", 0, 0, 1);
  const std::int64_t rank = layer.integer("dst_nd_rank", 4, 0, 5);
  Chain chain(layer, 1);
  proto::NeuralNetworkLayer& message = chain.next();
  if (layer.exact_shapes()) {
    if (mode != 0) layer.unknown("'mode' = 1 is not known for exact shapes");
    target.erase(target.begin(), target.end() - rank);
    message.make_reshapeStatic().targetShape = std::move(target);
    return;
  }
  // The batch stays as it is.
  proto::ReshapeLayerParams& out = message.make_reshape();
  out.targetShape = {target[0], target[2], target[3], target[4]};
  out.mode = static_cast<proto::ReshapeLayerParams_ReshapeOrder>(mode);
}

void flatten(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  proto::NeuralNetworkLayer& message = chain.next();
  const std::int64_t axis = layer.integer("nd_axis", 1);
  const std::int64_t mode = layer.integer("mode", 0, 0, 1);
  if (layer.exact_shapes()) {
    if (mode != 0) layer.unknown("'mode' = 1 is not known for exact shapes");
    message.make_flattenTo2D().axis = axis;
  } else {
    message.make_flatten().mode = static_cast<proto::FlattenLayerParams_FlattenOrder>(mode);
  }
}

// The axes of the result, each with the number of the axis that it comes from. Numbers count from
// the last one: width, height, channel, batch, sequence.
constexpr std::array<std::string_view, 5> axis_keys{"axis_w", "axis_h", "axis_k", "axis_n",
                                                    "axis_seq"};

void transpose(Layer& layer) {
  layer.expect_bottoms(1, 1);
  std::vector<std::int64_t> from(axis_keys.size());
  for (std::size_t i = 0; i < from.size(); ++i)
    from[i] = layer.integer(axis_keys.at(i), static_cast<std::int64_t>(i), 0, 4);
  std::vector<std::int64_t> sorted = from;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    layer.contradicts("two axes of the result come from the same one");
  Chain chain(layer, 1);
  proto::NeuralNetworkLayer& message = chain.next();
  if (!layer.exact_shapes()) {
    if (from[3] != 3) layer.unknown("it moves the batch, which is not known");
    // Sequence, channel, height, width, by their numbers above.
    constexpr std::array<std::size_t, 4> order{4, 2, 1, 0};
    auto& axes = message.make_permute().axis;
    for (const std::size_t number : order) {
      const auto source = static_cast<std::size_t>(from[number]);
      axes.push_back(static_cast<std::uint64_t>(std::find(order.begin(), order.end(), source) -
                                                order.begin()));
    }
    return;
  }
  const std::size_t rank = layer.needed_dims(layer.bottoms().front()).size();
  auto& axes = message.make_transpose().axes;
  for (std::size_t i = 0; i < rank; ++i) {
    const auto source = static_cast<std::size_t>(from[rank - 1 - i]);
    if (source >= rank)
      layer.contradicts(cat("its axis ", source, " is outside a blob of ", rank, " dimensions"));
    axes.push_back(rank - 1 - source);
  }
}

void get_shape(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  chain.next().make_getShape();
}

std::vector<std::int64_t> listed_axes(Layer& layer) {
  const std::int64_t count = layer.integer("size_of_axes", 1, 1, 5);
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < count; ++i) out.push_back(layer.integer(cat("axes_", i)));
  layer.ignore("nd_axis");
  return out;
}

void expand_dims(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  chain.next().make_expandDims().axes = listed_axes(layer);
}

void squeeze(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  proto::SqueezeLayerParams& out = chain.next().make_squeeze();
  if (layer.has("axes_0")) {
    out.axes = listed_axes(layer);
  } else {
    out.squeezeAll = true;
    layer.ignore("size_of_axes");
    layer.ignore("nd_axis");
  }
}

// --- putting together and taking apart ---

void concat(Layer& layer) {
  layer.expect_bottoms(1, any_number);
  Chain chain(layer, 1);
  proto::NeuralNetworkLayer& message = chain.next();
  if (layer.has("axis") && layer.integer("axis") != 1)
    layer.unknown("'axis' of a concat is not known, expected 1");
  if (layer.exact_shapes()) {
    message.make_concatND().axis = -3;
  } else {
    message.make_concat();
  }
}

void sequence_concat(Layer& layer) {
  layer.expect_bottoms(1, any_number);
  if (layer.exact_shapes()) layer.unknown("it is not known in a network of exact shapes");
  layer.ignore("simple_concat");
  Chain chain(layer, 1);
  chain.next().make_concat().sequenceConcat = true;
}

void general_concat(Layer& layer) {
  layer.expect_bottoms(1, any_number);
  Chain chain(layer, 1);
  const std::int64_t axis = layer.has("nd_axis") ? layer.integer("nd_axis") : layer.integer("axis");
  layer.ignore("axis");
  chain.next().make_concatND().axis = axis;
}

void stack_nd(Layer& layer) {
  layer.expect_bottoms(1, any_number);
  Chain chain(layer, 1);
  chain.next().make_stack().axis = layer.integer("nd_axis");
}

// Sizes of the parts stand in the shape file alone.
void split_nd(Layer& layer) {
  layer.expect_bottoms(1, 1);
  const std::int64_t axis = layer.integer("nd_axis");
  constexpr int most_parts = 128;
  for (int i = 0; i < most_parts; ++i) {
    if (layer.integer(cat("begin_", i), 0) != 0) layer.unknown("parts that begin at given places");
  }
  proto::SplitNDLayerParams& out = layer.add_whole().make_splitND();
  out.axis = axis;
  out.numSplits = layer.tops().size();
  for (const std::string& top : layer.tops()) {
    const auto dims = layer.needed_dims(top);
    const auto rank = static_cast<std::int64_t>(dims.size());
    const std::int64_t place = axis < 0 ? axis + rank : axis;
    if (place < 0 || place >= rank)
      layer.contradicts(cat("'nd_axis' is ", axis, ", outside a blob of ", rank, " dimensions"));
    out.splitSizes.push_back(static_cast<std::uint64_t>(dims[static_cast<std::size_t>(place)]));
  }
}

// The axis counts from the last one, as in transpositions.
void slice(Layer& layer) {
  using Axis = proto::SliceLayerParams_SliceAxis;
  layer.expect_bottoms(1, 1);
  layer.expect_tops(1, 1);
  const std::int64_t number = layer.integer("axis", 2, 0, 4);
  const auto dims = layer.needed_dims(layer.bottoms().front());
  const auto rank = static_cast<std::int64_t>(dims.size());
  if (number >= rank)
    layer.contradicts(cat("'axis' is ", number, ", outside a blob of ", rank, " dimensions"));
  const auto place = static_cast<std::size_t>(rank - 1 - number);
  const std::int64_t start = layer.integer("start", 0);
  // An end behind the last element means the last element.
  const std::int64_t end = std::min(layer.integer("end", dims[place]), dims[place]);
  const std::uint64_t stride = layer.count("stride", 1);
  const auto result = layer.dims(layer.tops().front());
  for (std::size_t i = 0; result && result->size() == dims.size() && i < dims.size(); ++i) {
    if (i != place && (*result)[i] != dims[i])
      layer.unknown(cat("'axis' = ", number, " does not fit the shapes of its blobs"));
  }
  Chain chain(layer, 1);
  proto::NeuralNetworkLayer& message = chain.next();
  if (!layer.exact_shapes()) {
    constexpr std::array axes{Axis::WIDTH_AXIS, Axis::HEIGHT_AXIS, Axis::CHANNEL_AXIS};
    if (number >= 3) layer.unknown("a slice of batch or sequence is not known");
    proto::SliceLayerParams& out = message.make_slice();
    out.axis = axes.at(static_cast<std::size_t>(number));
    out.startIndex = start;
    out.endIndex = end;
    out.stride = stride;
    return;
  }
  proto::SliceStaticLayerParams& out = message.make_sliceStatic();
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const bool here = i == place;
    out.beginIds.push_back(here ? start : 0);
    out.endIds.push_back(here ? end : 0);
    out.beginMasks.push_back(!here);
    out.endMasks.push_back(!here);
    out.strides.push_back(here ? static_cast<std::int64_t>(stride) : 1);
    out.squeezeMasks.push_back(false);
  }
}

void tile(Layer& layer) {
  layer.expect_bottoms(1, 1);
  std::vector<std::int64_t> repeats = target_dims(layer, 1);
  if (!layer.exact_shapes()) layer.unknown("it is not known for blobs of five dimensions");
  const std::size_t rank = layer.needed_dims(layer.bottoms().front()).size();
  Chain chain(layer, 1);
  auto& out = chain.next().make_tile().reps;
  for (std::size_t i = repeats.size() - rank; i < repeats.size(); ++i) {
    if (repeats[i] < 1) layer.contradicts(cat(base::quoted(target_keys.at(i)), " is ", repeats[i]));
    out.push_back(static_cast<std::uint64_t>(repeats[i]));
  }
}

void load_constant(Layer& layer) {
  layer.expect_bottoms(0, 0);
  const std::array sizes{layer.count("n", 1), layer.count("k", 1), layer.count("h", 1),
                         layer.count("w", 1)};
  const auto rank = static_cast<std::size_t>(layer.integer("nd_rank", 4, 1, 4));
  const auto id = layer.blob_id("constant_blob");
  if (!id) layer.contradicts("'constant_blob' is missing");
  const std::uint64_t elements = layer.product({sizes[0], sizes[1], sizes[2], sizes[3]});
  proto::NeuralNetworkLayer& message = layer.add_whole();
  layer.expect_tops(1, 1);
  if (layer.exact_shapes()) {
    proto::LoadConstantNDLayerParams& out = message.make_loadConstantND();
    const auto first = sizes.end() - static_cast<std::ptrdiff_t>(rank);
    if (std::any_of(sizes.begin(), first, [](std::uint64_t size) { return size != 1; }))
      layer.contradicts(cat("'nd_rank' is ", rank, ", which its sizes do not fit in"));
    out.shape.assign(first, sizes.end());
    layer.weights(out.data.make(), *id, "constant_blob", elements, Stored::float32);
    return;
  }
  if (sizes[0] != 1) layer.unknown("a constant of several batches is not known");
  proto::LoadConstantLayerParams& out = message.make_loadConstant();
  out.shape = {sizes[1], sizes[2], sizes[3]};
  layer.weights(out.data.make(), *id, "constant_blob", elements, Stored::float32);
}

constexpr std::array layers{
    LayerType{"reshape", reshape},
    LayerType{"flatten", flatten},
    LayerType{"transpose", transpose},
    LayerType{"get_shape", get_shape},
    LayerType{"expand_dims", expand_dims},
    LayerType{"squeeze", squeeze},
    LayerType{"concat", concat},
    LayerType{"sequence_concat", sequence_concat},
    LayerType{"general_concat", general_concat},
    LayerType{"stack_nd", stack_nd},
    LayerType{"split_nd", split_nd},
    LayerType{"slice", slice},
    LayerType{"tile", tile},
    LayerType{"load_constant", load_constant},
};

}  // namespace

std::span<const LayerType> shape_layers() {
  return layers;
}

}  // namespace pome::frontend::espresso

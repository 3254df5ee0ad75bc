// Layers that arrange elements anew: reshapes, transposes, joins, slices, padding.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "frontend/neural_network/layers/layers.h"

namespace pome::frontend::network::layers {

using base::cat;

namespace {

template <typename T>
Ints wide(const Layer& layer, const std::vector<T>& values, std::string_view what) {
  Ints out;
  for (const auto value : values) {
    const auto number = static_cast<std::int64_t>(value);
    if (number > (std::int64_t{1} << 40) || number < -(std::int64_t{1} << 40))
      layer.fail(cat(what, " is ", number));
    out.push_back(number);
  }
  return out;
}

V concat(Layer& layer, const std::vector<V>& values, std::int64_t axis, bool interleave = false) {
  std::vector<ir::Binding> bindings(values.begin(), values.end());
  return layer.b.op(
      "concat",
      {{"values", std::move(bindings)}, {"axis", integer(axis)}, {"interleave", flag(interleave)}});
}

Ints iota(std::int64_t n) {
  Ints out;
  for (std::int64_t i = 0; i < n; ++i) out.push_back(i);
  return out;
}

}  // namespace

void translate_copy(Layer& layer) {
  layer.expect_inputs(1, 1);
  layer.expect_outputs(1, 1);
  layer.out(layer.in());
}

void translate_reshape(Layer& layer) {
  const auto& p = *layer.message.reshape();
  layer.expect_inputs(1, 1);
  V x = layer.in();
  layer.expect_rank(x, 3);
  Ints target = wide(layer, p.targetShape, "its target shape");
  if (target.size() != 3 && target.size() != 4)
    layer.fail(cat("its target shape has ", target.size(), " numbers, expected 3 or 4"));
  const bool last = p.mode == proto::ReshapeLayerParams_ReshapeOrder::CHANNEL_LAST;
  const auto turn = [&](V batch) {
    if (last) batch = layer.transpose(batch, {0, 2, 3, 1});
    Ints shape = target;
    if (target.size() == 3) shape.insert(shape.begin(), -1);
    if (last) shape = {shape[0], shape[2], shape[3], shape[1]};
    V y = layer.reshape(batch, shape);
    return last ? layer.transpose(y, {0, 3, 1, 2}) : y;
  };
  if (target.size() == 3) return layer.out(layer.with_batch(x, 3, turn));
  // The first number is the length of the sequence, so all of it is one block of memory.
  const std::int64_t rank = Layer::rank(x);
  V batch = rank == 4
                ? x
                : layer.reshape(x, {-1, Layer::dim(x, -3), Layer::dim(x, -2), Layer::dim(x, -1)});
  V y = turn(batch);
  layer.out(rank == 4 ? y : layer.expand(y, {1}));
}

void translate_flatten(Layer& layer) {
  const auto& p = *layer.message.flatten();
  layer.expect_inputs(1, 1);
  const bool last = p.mode == proto::FlattenLayerParams_FlattenOrder::CHANNEL_LAST;
  layer.expect_rank(layer.in(), 3);
  layer.out(layer.with_batch(layer.in(), 3, [&](V x) {
    if (last) x = layer.transpose(x, {0, 2, 3, 1});
    return layer.expand(layer.b.op("flatten2d", {{"x", x}, {"axis", integer(1)}}), {2, 3});
  }));
}

void translate_permute(Layer& layer) {
  const auto& p = *layer.message.permute();
  layer.expect_inputs(1, 1);
  V x = layer.in();
  const std::int64_t rank = layer.expect_rank(x, 4, 5);
  Ints axes = wide(layer, p.axis, "its axis");
  if (axes.empty()) axes = {0, 1, 2, 3};
  Ints sorted = axes;
  std::ranges::sort(sorted);
  if (sorted != iota(4)) layer.fail("its axes are no permutation of 0 to 3");
  if (rank == 4) return layer.out(layer.transpose(x, axes));
  // The batch, dimension 1, stays where it is.
  const auto place = [](std::int64_t axis) { return axis == 0 ? 0 : axis + 1; };
  layer.out(
      layer.transpose(x, {place(axes[0]), 1, place(axes[1]), place(axes[2]), place(axes[3])}));
}

void translate_transpose(Layer& layer) {
  layer.expect_inputs(1, 1);
  const std::int64_t rank = layer.expect_rank(layer.in(), 1);
  Ints axes;
  const Ints given = wide(layer, layer.message.transpose()->axes, "its axes");
  const auto n = static_cast<std::int64_t>(given.size());
  // Fewer axes than dimensions are those of the last ones: a picture's batch stays in front.
  const std::int64_t kept = std::max<std::int64_t>(0, rank - n);
  for (std::int64_t i = 0; i < kept; ++i) {
    if (Layer::dim(layer.in(), i) != 1)
      layer.fail(cat("it has ", n, " axes for an input of ", rank, " dimensions"));
    axes.push_back(i);
  }
  for (const auto one : given) axes.push_back(kept + layer.axis(one, rank - kept));
  Ints sorted = axes;
  std::ranges::sort(sorted);
  if (sorted != iota(rank))
    layer.fail(cat("its axes are no permutation of the ", rank, " dimensions of its input"));
  layer.out(layer.transpose(layer.in(), axes));
}

void translate_concat(Layer& layer) {
  layer.expect_inputs(1, 1 << 20);
  const bool sequence = layer.message.concat()->sequenceConcat;
  layer.expect_rank(layer.in(), sequence ? 5 : 3);
  layer.out(concat(layer, layer.all_inputs(), sequence ? -5 : -3));
}

void translate_concatND(Layer& layer) {
  const auto& p = *layer.message.concatND();
  layer.expect_inputs(1, 1 << 20);
  const std::int64_t axis = layer.axis(p.axis, layer.expect_rank(layer.in(), 1));
  layer.out(concat(layer, layer.all_inputs(), axis, p.interleave));
}

void translate_stack(Layer& layer) {
  layer.expect_inputs(1, 1 << 20);
  const auto values = layer.all_inputs();
  const std::int64_t axis =
      layer.axis(layer.message.stack()->axis, layer.expect_rank(values[0], 0) + 1);
  layer.out(layer.b.op("stack", {{"values", std::vector<ir::Binding>(values.begin(), values.end())},
                                 {"axis", integer(axis)}}));
}

namespace {

void split(Layer& layer, std::int64_t axis, const Ints& sizes) {
  const std::size_t count = sizes.empty() ? layer.output_count() : sizes.size();
  layer.expect_outputs(count, count);
  const std::int64_t length = Layer::dim(layer.in(), axis);
  const auto n = static_cast<std::int64_t>(count);
  if (sizes.empty() && length >= 0 && length < n)
    layer.fail(cat("it splits ", length, " elements into ", n, " parts"));
  std::vector<Arg> arguments{{"x", layer.in()}, {"axis", integer(axis)}};
  if (sizes.empty() && length >= 0 && length % n != 0) {
    // What is left over goes to the first parts, an element each.
    Ints parts(count, length / n);
    for (std::int64_t i = 0; i < length % n; ++i) ++parts[static_cast<std::size_t>(i)];
    arguments.emplace_back("split_sizes", ints(parts));
  } else if (sizes.empty()) {
    arguments.emplace_back("num_splits", integer(n));
  } else {
    arguments.emplace_back("split_sizes", ints(sizes));
  }
  const auto parts = layer.b.ops("split", std::move(arguments), count);
  for (std::size_t i = 0; i < parts.size(); ++i) layer.out(parts[i], i);
}

}  // namespace

void translate_split(Layer& layer) {
  layer.expect_inputs(1, 1);
  layer.expect_outputs(1, 1 << 20);
  layer.expect_rank(layer.in(), 3);
  const auto n = layer.message.split()->nOutputs;
  if (n != 0) layer.expect_outputs(n, n);
  const std::int64_t channels = Layer::dim(layer.in(), -3);
  if (channels >= 0 && channels % static_cast<std::int64_t>(layer.output_count()) != 0)
    layer.fail(
        cat("it splits ", channels, " channels into ", layer.output_count(), " equal parts"));
  split(layer, layer.expect_rank(layer.in(), 3) - 3, {});
}

void translate_splitND(Layer& layer) {
  const auto& p = *layer.message.splitND();
  layer.expect_inputs(1, 1);
  layer.expect_outputs(1, 1 << 20);
  const std::int64_t axis = layer.axis(p.axis, layer.expect_rank(layer.in(), 1));
  if (p.splitSizes.empty() && p.numSplits != 0) layer.expect_outputs(p.numSplits, p.numSplits);
  split(layer, axis, wide(layer, p.splitSizes, "its split sizes"));
}

void translate_sequenceRepeat(Layer& layer) {
  layer.expect_inputs(1, 1);
  const std::int64_t rank = layer.expect_rank(layer.in(), 5);
  Ints reps(static_cast<std::size_t>(rank), 1);
  const auto n = static_cast<std::int64_t>(layer.message.sequenceRepeat()->nRepetitions);
  reps[static_cast<std::size_t>(rank - 5)] = std::max<std::int64_t>(1, n);
  layer.out(layer.b.op("tile", {{"x", layer.in()}, {"reps", ints(reps)}}));
}

void translate_tile(Layer& layer) {
  layer.expect_inputs(1, 2);
  V reps = layer.input_count() == 2
               ? layer.to_int(layer.in(1))
               : layer.b.constant(ints(wide(layer, layer.message.tile()->reps, "its count")));
  layer.out(layer.b.op("tile", {{"x", layer.in()}, {"reps", reps}}));
}

void translate_reorganizeData(Layer& layer) {
  const auto& p = *layer.message.reorganizeData();
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 3);
  constexpr std::array ops{"space_to_depth", "depth_to_space", "pixel_shuffle"};
  const auto mode = static_cast<std::size_t>(p.mode);
  if (mode >= ops.size()) layer.fail(cat("mode ", mode, " is not known"));
  const auto block = static_cast<std::int64_t>(p.blockSize);
  if (block < 1) layer.fail(cat("its block size is ", block, ", expected above 0"));
  layer.out(layer.with_batch(layer.in(), 3, [&](V x) {
    return layer.b.op(ops[mode],
                      {{"x", x}, {mode == 2 ? "upscale_factor" : "block_size", integer(block)}});
  }));
}

void translate_squeeze(Layer& layer) {
  const auto& p = *layer.message.squeeze();
  layer.expect_inputs(1, 1);
  V x = layer.in();
  const std::int64_t rank = layer.expect_rank(x, 1);
  Ints axes;
  for (const auto one : p.axes) axes.push_back(layer.axis(one, rank));
  if (p.squeezeAll) {
    axes.clear();
    for (std::int64_t i = 0; i < rank; ++i) {
      if (Layer::dim(x, i) == 1) axes.push_back(i);
    }
  }
  layer.out(layer.squeeze(x, axes));
}

void translate_expandDims(Layer& layer) {
  layer.expect_inputs(1, 1);
  const auto& given = layer.message.expandDims()->axes;
  const std::int64_t rank =
      layer.expect_rank(layer.in(), 0) + static_cast<std::int64_t>(given.size());
  Ints axes;
  for (const auto one : given) axes.push_back(layer.axis(one, rank));
  std::ranges::sort(axes);
  layer.out(layer.expand(layer.in(), axes));
}

void translate_flattenTo2D(Layer& layer) {
  layer.expect_inputs(1, 1);
  const std::int64_t rank = layer.expect_rank(layer.in(), 1);
  const std::int64_t given = layer.message.flattenTo2D()->axis;
  const std::int64_t axis = given < 0 ? given + rank : given;
  if (axis < 0 || axis > rank) layer.fail(cat("axis ", given, " is outside of its input"));
  layer.out(layer.b.op("flatten2d", {{"x", layer.in()}, {"axis", integer(axis)}}));
}

void translate_reshapeStatic(Layer& layer) {
  layer.expect_inputs(1, 1);
  layer.out(layer.reshape(
      layer.in(), wide(layer, layer.message.reshapeStatic()->targetShape, "its target shape")));
}

void translate_reshapeLike(Layer& layer) {
  layer.expect_inputs(2, 2);
  layer.out(layer.b.op("reshape", {{"x", layer.in()}, {"shape", layer.shape_of(layer.in(1))}}));
}

void translate_reshapeDynamic(Layer& layer) {
  layer.expect_inputs(2, 2);
  layer.out(layer.b.op("reshape", {{"x", layer.in()}, {"shape", layer.to_int(layer.in(1))}}));
}

void translate_rankPreservingReshape(Layer& layer) {
  layer.expect_inputs(1, 1);
  V x = layer.in();
  Ints target = wide(layer, layer.message.rankPreservingReshape()->targetShape, "its target shape");
  layer.expect_rank(x, static_cast<std::int64_t>(target.size()),
                    static_cast<std::int64_t>(target.size()));
  bool known = true;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] != 0) continue;
    target[i] = x->type.dims[i];
    known &= target[i] >= 0;
  }
  if (known) return layer.out(layer.reshape(x, target));
  std::vector<V> parts;
  V shape = layer.shape_of(x);
  for (std::size_t i = 0; i < target.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const bool kept = layer.message.rankPreservingReshape()->targetShape[i] == 0;
    parts.push_back(kept
                        ? layer.b.op("slice_by_index",
                                     {{"x", shape}, {"begin", ints({at})}, {"end", ints({at + 1})}})
                        : layer.b.constant(ints({target[i]})));
  }
  layer.out(layer.b.op("reshape", {{"x", x}, {"shape", concat(layer, parts, 0)}}));
}

namespace {

/// A dimension's shape vector for broadcasting, made to `rank` dimensions by ones in front.
V broadcast_to(Layer& layer, V x, V shape) {
  V ones = layer.b.op("fill", {{"shape", shape}, {"value", number(1)}});
  return layer.binary("mul", x, ones);
}

}  // namespace

void translate_broadcastToStatic(Layer& layer) {
  layer.expect_inputs(1, 1);
  V shape = layer.b.constant(
      ints(wide(layer, layer.message.broadcastToStatic()->targetShape, "its target shape")));
  layer.out(broadcast_to(layer, layer.in(), shape));
}

void translate_broadcastToLike(Layer& layer) {
  layer.expect_inputs(2, 2);
  layer.out(broadcast_to(layer, layer.in(), layer.shape_of(layer.in(1))));
}

void translate_broadcastToDynamic(Layer& layer) {
  layer.expect_inputs(2, 2);
  layer.out(broadcast_to(layer, layer.in(), layer.to_int(layer.in(1))));
}

void translate_getShape(Layer& layer) {
  layer.expect_inputs(1, 1);
  layer.out(layer.to_float(layer.shape_of(layer.in())));
}

void translate_reverse(Layer& layer) {
  const auto& dims = layer.message.reverse()->reverseDim;
  layer.expect_inputs(1, 1);
  const std::int64_t rank = layer.expect_rank(layer.in(), 1);
  if (static_cast<std::int64_t>(dims.size()) != rank)
    layer.fail(cat("it has ", dims.size(), " flags for an input of ", rank, " dimensions"));
  Ints axes;
  for (std::int64_t i = 0; i < rank; ++i) {
    if (dims[static_cast<std::size_t>(i)] != 0) axes.push_back(i);
  }
  if (axes.empty()) return layer.out(layer.in());
  layer.out(layer.b.op("reverse", {{"x", layer.in()}, {"axes", ints(axes)}}));
}

void translate_reverseSeq(Layer& layer) {
  const auto& p = *layer.message.reverseSeq();
  layer.expect_inputs(2, 2);
  const std::int64_t rank = layer.expect_rank(layer.in(), 1);
  layer.out(
      layer.b.op("reverse_sequence", {{"x", layer.in()},
                                      {"lengths", layer.to_int(layer.in(1))},
                                      {"seq_axis", integer(layer.axis(p.sequenceAxis, rank))},
                                      {"batch_axis", integer(layer.axis(p.batchAxis, rank))}}));
}

namespace {

std::vector<bool> mask(const std::vector<std::uint8_t>& given, std::int64_t rank) {
  std::vector<bool> out(static_cast<std::size_t>(rank), false);
  for (std::size_t i = 0; i < given.size() && i < out.size(); ++i) out[i] = given[i] != 0;
  return out;
}

Ints edges_of(const Layer& layer, const proto::Box<proto::BorderAmounts>& amounts) {
  Ints out{0, 0, 0, 0};
  if (!amounts || amounts->borderAmounts.empty()) return out;
  if (amounts->borderAmounts.size() != 2)
    layer.fail(cat("it has ", amounts->borderAmounts.size(), " pairs of amounts, expected 2"));
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& one = amounts->borderAmounts[i];
    if (one.startEdgeSize > (1U << 30) || one.endEdgeSize > (1U << 30))
      layer.fail(cat("an amount is ", std::max(one.startEdgeSize, one.endEdgeSize)));
    out[2 * i] = static_cast<std::int64_t>(one.startEdgeSize);
    out[2 * i + 1] = static_cast<std::int64_t>(one.endEdgeSize);
  }
  return out;
}

V slice(Layer& layer, V x, const Ints& begin, const Ints& end, const Ints& stride,
        const std::vector<bool>& begin_mask, const std::vector<bool>& end_mask) {
  return layer.b.op("slice_by_index", {{"x", x},
                                       {"begin", ints(begin)},
                                       {"end", ints(end)},
                                       {"stride", ints(stride)},
                                       {"begin_mask", flags(begin_mask)},
                                       {"end_mask", flags(end_mask)}});
}

}  // namespace

void translate_slice(Layer& layer) {
  const auto& p = *layer.message.slice();
  layer.expect_inputs(1, 1);
  const auto which = static_cast<std::int64_t>(p.axis);
  if (which > 2) layer.fail(cat("axis ", which, " is not known"));
  const std::int64_t rank = layer.expect_rank(layer.in(), 3 - which);
  const auto axis = static_cast<std::size_t>(rank - 3 + which);
  const auto n = static_cast<std::size_t>(rank);
  Ints begin(n, 0), end(n, 0), stride(n, 1);
  std::vector<bool> begin_mask(n, true), end_mask(n, true);
  begin[axis] = p.startIndex;
  end[axis] = p.endIndex;
  stride[axis] = std::max<std::int64_t>(1, static_cast<std::int64_t>(p.stride));
  begin_mask[axis] = false;
  end_mask[axis] = false;
  layer.out(slice(layer, layer.in(), begin, end, stride, begin_mask, end_mask));
}

void translate_crop(Layer& layer) {
  const auto& p = *layer.message.crop();
  layer.expect_inputs(1, 2);
  V x = layer.in();
  const std::int64_t rank = layer.expect_rank(x, 3);
  const auto n = static_cast<std::size_t>(rank);
  Ints begin(n, 0), end(n, 0);
  std::vector<bool> begin_mask(n, true), end_mask(n, true);
  begin_mask[n - 2] = begin_mask[n - 1] = false;
  if (layer.input_count() == 1) {
    const Ints amounts = edges_of(layer, p.cropAmounts);
    for (std::size_t i = 0; i < 2; ++i) {
      begin[n - 2 + i] = amounts[2 * i];
      end[n - 2 + i] = -amounts[2 * i + 1];
      end_mask[n - 2 + i] = amounts[2 * i + 1] == 0;
      const std::int64_t size = Layer::dim(x, rank - 2 + static_cast<std::int64_t>(i));
      if (size >= 0 && amounts[2 * i] + amounts[2 * i + 1] > size)
        layer.fail(
            cat("it takes ", amounts[2 * i] + amounts[2 * i + 1], " off ", size, " elements"));
    }
    return layer.out(slice(layer, x, begin, end, Ints(n, 1), begin_mask, end_mask));
  }
  const Ints offset = wide(layer, p.offset, "its offset");
  if (!offset.empty() && offset.size() != 2)
    layer.fail(cat("its offset has ", offset.size(), " numbers, expected 2"));
  V reference = layer.in(1);
  layer.expect_rank(reference, 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t size = Layer::dim(reference, static_cast<std::int64_t>(i) - 2);
    if (size < 0) layer.fail("the size of its reference is known only when the network runs");
    begin[n - 2 + i] = offset.empty() ? 0 : offset[i];
    end[n - 2 + i] = begin[n - 2 + i] + size;
    end_mask[n - 2 + i] = false;
    const std::int64_t whole = Layer::dim(x, static_cast<std::int64_t>(i) - 2);
    if (whole >= 0 && end[n - 2 + i] > whole)
      layer.fail(cat("it takes elements up to ", end[n - 2 + i], " of ", whole));
  }
  layer.out(slice(layer, x, begin, end, Ints(n, 1), begin_mask, end_mask));
}

void translate_sliceStatic(Layer& layer) {
  const auto& p = *layer.message.sliceStatic();
  layer.expect_inputs(1, 1);
  const std::int64_t rank = layer.expect_rank(layer.in(), 1);
  const auto check = [&](std::size_t found, std::string_view what) {
    if (static_cast<std::int64_t>(found) != rank)
      layer.fail(cat(what, " has ", found, " numbers, its input has ", rank, " dimensions"));
  };
  check(p.beginIds.size(), "its begin");
  check(p.endIds.size(), "its end");
  Ints strides = wide(layer, p.strides, "its stride");
  if (strides.empty()) strides.assign(static_cast<std::size_t>(rank), 1);
  check(strides.size(), "its stride");
  layer.out(layer.b.op("slice_by_index", {{"x", layer.in()},
                                          {"begin", ints(wide(layer, p.beginIds, "its begin"))},
                                          {"end", ints(wide(layer, p.endIds, "its end"))},
                                          {"stride", ints(strides)},
                                          {"begin_mask", flags(mask(p.beginMasks, rank))},
                                          {"end_mask", flags(mask(p.endMasks, rank))},
                                          {"squeeze_mask", flags(mask(p.squeezeMasks, rank))}}));
}

void translate_sliceDynamic(Layer& layer) {
  const auto& p = *layer.message.sliceDynamic();
  layer.expect_inputs(2, 7);
  const std::int64_t rank = layer.expect_rank(layer.in(), 1);
  const auto n = static_cast<std::size_t>(rank);
  // Inputs after the second stand in for the parameters of the same place.
  const auto numbers_of = [&](std::size_t i, Ints given) -> ir::Binding {
    if (layer.input_count() > i) return layer.to_int(layer.in(i));
    // Converters write more numbers than there are dimensions; the first ones count.
    given.resize(n, 1);
    return ints(given);
  };
  const auto mask_of = [&](std::size_t i, const std::vector<std::uint8_t>& given) {
    if (layer.input_count() <= i) return flags(mask(given, rank));
    const auto* known = layer.b.known(layer.to_int(layer.in(i)));
    if (known == nullptr) layer.fail("a mask of it is known only when the network runs");
    std::vector<bool> out;
    for (std::int64_t k = 0; k < known->view().size(); ++k)
      out.push_back(static_cast<const std::int32_t*>(known->view().data)[k] != 0);
    return flags(out);
  };
  layer.out(
      layer.b.op("slice_by_index", {{"x", layer.in()},
                                    {"begin", layer.to_int(layer.in(1))},
                                    {"end", numbers_of(2, wide(layer, p.endIds, "its end"))},
                                    {"stride", numbers_of(3, wide(layer, p.strides, "its stride"))},
                                    {"begin_mask", mask_of(4, p.beginMasks)},
                                    {"end_mask", mask_of(5, p.endMasks)},
                                    {"squeeze_mask", mask_of(6, p.squeezeMasks)}}));
}

void translate_sliceBySize(Layer& layer) {
  const auto& p = *layer.message.sliceBySize();
  layer.expect_inputs(2, 2);
  const std::int64_t rank = layer.expect_rank(layer.in(), 1);
  const std::int64_t axis = layer.axis(p.axis, rank);
  std::vector<V> begin;
  const auto zeros = [&](std::int64_t n) {
    return layer.b.constant(ints(Ints(static_cast<std::size_t>(n), 0)));
  };
  if (axis > 0) begin.push_back(zeros(axis));
  begin.push_back(layer.reshape(layer.to_int(layer.in(1)), {1}));
  if (axis + 1 < rank) begin.push_back(zeros(rank - axis - 1));
  Ints size(static_cast<std::size_t>(rank), -1);
  size[static_cast<std::size_t>(axis)] = p.size;
  layer.out(layer.b.op("slice_by_size",
                       {{"x", layer.in()},
                        {"begin", begin.size() == 1 ? begin[0] : concat(layer, begin, 0)},
                        {"size", ints(size)}}));
}

void translate_slidingWindows(Layer& layer) {
  const auto& p = *layer.message.slidingWindows();
  layer.expect_inputs(1, 1);
  layer.out(layer.b.op(
      "sliding_windows",
      {{"x", layer.in()},
       {"axis", integer(layer.axis(p.axis, layer.expect_rank(layer.in(), 1)))},
       {"size", integer(static_cast<std::int64_t>(p.windowSize))},
       {"stride", integer(std::max<std::int64_t>(1, static_cast<std::int64_t>(p.step)))}}));
}

void translate_padding(Layer& layer) {
  const auto& p = *layer.message.padding();
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 3);
  std::string_view mode = "constant";
  float value = 0;
  if (p.constant() != nullptr) value = p.constant()->value;
  if (p.reflection() != nullptr) mode = "reflect";
  if (p.replication() != nullptr) mode = "replicate";
  const Ints amounts = edges_of(layer, p.paddingAmounts);
  layer.out(layer.b.op("pad", {{"x", layer.in()},
                               {"pad", ints(amounts)},
                               {"mode", text(mode)},
                               {"constant_val", number(value)}}));
}

void translate_constantPad(Layer& layer) {
  const auto& p = *layer.message.constantPad();
  layer.expect_inputs(1, 2);
  V x = layer.in();
  const std::int64_t rank = layer.expect_rank(x, 1);
  const auto pad = [&](ir::Binding amounts) {
    layer.out(layer.b.op("pad", {{"x", x},
                                 {"pad", std::move(amounts)},
                                 {"mode", text("constant")},
                                 {"constant_val", number(p.value)}}));
  };
  const bool dynamic = layer.input_count() == 2;
  if (dynamic && !p.padToGivenOutputSizeMode) return pad(layer.to_int(layer.in(1)));
  Ints amounts = wide(layer, p.padAmounts, "its amounts");
  if (dynamic) {
    const auto* known = layer.b.known(layer.to_int(layer.in(1)));
    if (known == nullptr) layer.fail("its amounts are known only when the network runs");
    amounts.clear();
    for (std::int64_t i = 0; i < known->view().size(); ++i)
      amounts.push_back(static_cast<const std::int32_t*>(known->view().data)[i]);
  }
  if (static_cast<std::int64_t>(amounts.size()) != 2 * rank)
    layer.fail(cat("it has ", amounts.size(), " amounts, expected ", 2 * rank));
  if (p.padToGivenOutputSizeMode) {
    for (std::int64_t i = 0; i < rank; ++i) {
      const std::int64_t size = Layer::dim(x, i);
      if (size < 0) layer.fail("the size of its input is known only when the network runs");
      for (std::size_t k = 0; k < 2; ++k) {
        auto& amount = amounts[static_cast<std::size_t>(2 * i) + k];
        amount = std::max<std::int64_t>(0, amount - size);
      }
    }
  }
  pad(ints(amounts));
}

}  // namespace pome::frontend::network::layers

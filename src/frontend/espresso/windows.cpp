// Pooling, padding, cropping, and changes of height and width.
#include <array>

#include "base/text.h"
#include "frontend/espresso/layer.h"

namespace pome::frontend::espresso {

using base::cat;

namespace {

using Pooling = proto::PoolingLayerParams;

constexpr std::array pool_types{proto::PoolingLayerParams_PoolingType::AVERAGE,
                                proto::PoolingLayerParams_PoolingType::MAX,
                                proto::PoolingLayerParams_PoolingType::L2};

// Amounts of the four edges, heights first.
void set_border(Layer& layer, proto::BorderAmounts& out, std::string_view top,
                std::string_view bottom, std::string_view left, std::string_view right) {
  auto& vertical = out.borderAmounts.emplace_back();
  vertical.startEdgeSize = layer.size(top);
  vertical.endEdgeSize = layer.size(bottom);
  auto& horizontal = out.borderAmounts.emplace_back();
  horizontal.startEdgeSize = layer.size(left);
  horizontal.endEdgeSize = layer.size(right);
}

// "pad_mode" is explicit, same or valid; "top_shape_style" 2 keeps the last window that has at
// least one pixel.
void set_pool_padding(Layer& layer, Pooling& out) {
  const std::int64_t mode = layer.integer("pad_mode", 0, 0, 2);
  const std::int64_t style = layer.integer("top_shape_style", 0, 0, 2);
  if (layer.number("pad_value", 0) != 0 || layer.number("pad_fill_mode", 0) != 0)
    layer.unknown("it pads with something else than zeros");
  if (style == 1 && mode != 1) layer.unknown("'top_shape_style' = 1 is not known");
  proto::BorderAmounts border;
  set_border(layer, border, "pad_t", "pad_b", "pad_l", "pad_r");
  if (mode == 1) {
    out.make_same();
  } else if (style == 2) {
    auto& amounts = out.make_includeLastPixel().paddingAmounts;
    for (const auto& edge : border.borderAmounts) {
      if (edge.startEdgeSize != edge.endEdgeSize)
        layer.unknown(
            "different paddings of opposite edges are not known with "
            "'top_shape_style' = 2");
      amounts.push_back(mode == 2 ? 0 : edge.startEdgeSize);
    }
  } else {
    proto::BorderAmounts& amounts = out.make_valid().paddingAmounts.make();
    if (mode == 0) amounts.borderAmounts = std::move(border.borderAmounts);
    amounts.borderAmounts.resize(2);
  }
}

void pool(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  Pooling& out = chain.next().make_pooling();
  out.type = pool_types.at(static_cast<std::size_t>(layer.integer("avg_or_max", 0, 0, 2)));
  out.globalPooling = layer.flag("is_global");
  out.avgPoolExcludePadding = layer.flag("average_count_exclude_padding");
  if (out.globalPooling) {
    for (const std::string_view key :
         {"size_x", "size_y", "stride_x", "stride_y", "pad_t", "pad_b", "pad_l", "pad_r",
          "pad_mode", "top_shape_style", "pad_value", "pad_fill_mode"}) {
      layer.ignore(key);
    }
    out.make_valid();
    return;
  }
  out.kernelSize = {layer.count("size_y"), layer.count("size_x")};
  out.stride = {layer.count("stride_y", 1), layer.count("stride_x", 1)};
  set_pool_padding(layer, out);
}

std::int32_t small(Layer& layer, std::string_view key, std::int64_t otherwise, std::int64_t least) {
  return static_cast<std::int32_t>(layer.integer(key, otherwise, least, 1 << 30));
}

void pool3d(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  const std::int64_t type = layer.integer("avg_or_max", 0, 0, 1);
  proto::NeuralNetworkLayer& message = chain.next();
  proto::Pooling3DLayerParams& out = message.make_pooling3d();
  out.type = type == 0 ? proto::Pooling3DLayerParams_PoolingType3D::AVERAGE
                       : proto::Pooling3DLayerParams_PoolingType3D::MAX;
  out.kernelDepth = small(layer, "size_t", 1, 1);
  out.kernelHeight = small(layer, "size_y", 1, 1);
  out.kernelWidth = small(layer, "size_x", 1, 1);
  out.strideDepth = small(layer, "stride_t", 1, 1);
  out.strideHeight = small(layer, "stride_y", 1, 1);
  out.strideWidth = small(layer, "stride_x", 1, 1);
  out.paddingType = proto::Pooling3DLayerParams_Pooling3DPaddingType::CUSTOM;
  out.customPaddingFront = small(layer, "pad_front", 0, 0);
  out.customPaddingBack = small(layer, "pad_back", 0, 0);
  out.customPaddingTop = small(layer, "pad_t", 0, 0);
  out.customPaddingBottom = small(layer, "pad_b", 0, 0);
  out.customPaddingLeft = small(layer, "pad_l", 0, 0);
  out.customPaddingRight = small(layer, "pad_r", 0, 0);
  out.countExcludePadding = layer.flag("average_count_exclude_padding");
}

void padding(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  proto::PaddingLayerParams& out = chain.next().make_padding();
  // The older name of the mode counts only where the newer one is absent.
  const std::int64_t older = layer.integer("pad_fill_mode", 0);
  const std::int64_t mode = layer.integer("pad_pad_mode", older, 0, 2);
  const float value = layer.real("pad_value", 0);
  if (mode == 0) out.make_constant().value = value;
  if (mode == 1) out.make_reflection();
  if (mode == 2) out.make_replication();
  set_border(layer, out.paddingAmounts.make(), "pad_t", "pad_b", "pad_l", "pad_r");
}

void crop(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  set_border(layer, chain.next().make_crop().cropAmounts.make(), "t", "b", "l", "r");
}

void upsample(Layer& layer) {
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  proto::UpsampleLayerParams& out = chain.next().make_upsample();
  const bool bilinear = layer.integer("mode", 0, 0, 1) == 1;
  out.mode = bilinear ? proto::UpsampleLayerParams_InterpolationMode::BILINEAR
                      : proto::UpsampleLayerParams_InterpolationMode::NN;
  const float fractional_y = layer.real("fractional_scaling_factor_y", 1);
  const float fractional_x = layer.real("fractional_scaling_factor_x", 1);
  out.scalingFactor = {layer.count("scaling_factor_y", 1), layer.count("scaling_factor_x", 1)};
  if (layer.flag("use_fractional_scale_factors")) {
    out.scalingFactor.clear();
    out.fractionalScalingFactor.assign(std::array{fractional_y, fractional_x});
  }
  // The first versions have no word on corners; later ones call that the legacy mode.
  const bool legacy = !layer.has("align_corners") || layer.flag("is_legacy_mode");
  layer.ignore("is_legacy_mode");
  const bool aligned = layer.flag("align_corners");
  if (!bilinear || legacy) return;
  out.linearUpsampleMode = aligned
                               ? proto::UpsampleLayerParams_LinearUpsampleMode::ALIGN_CORNERS_TRUE
                               : proto::UpsampleLayerParams_LinearUpsampleMode::ALIGN_CORNERS_FALSE;
}

// With one blob it is a resize; the boxes of a second one are in a form that is not known.
void crop_and_resize(Layer& layer) {
  if (layer.bottoms().size() != 1)
    layer.unknown(cat("it reads ", layer.bottoms().size(), " blobs, known is one"));
  Chain chain(layer, 1);
  proto::ResizeBilinearLayerParams& out = chain.next().make_resizeBilinear();
  out.targetSize = {layer.count("target_size_h"), layer.count("target_size_w")};
  out.mode.make().samplingMethod =
      static_cast<proto::SamplingMode_Method>(layer.integer("grid_sampling_mode", 0, 0, 3));
  if (layer.integer("mode", 1) != 1) layer.unknown("'mode' is not bilinear");
  if (layer.number("spatial_scale", 1) != 1) layer.unknown("'spatial_scale' is not 1");
  layer.ignore("crop_index_mode");
  layer.ignore("normalized_coordinates");
}

void space_to_depth(Layer& layer) {
  using Type = proto::ReorganizeDataLayerParams_ReorganizationType;
  layer.expect_bottoms(1, 1);
  Chain chain(layer, 1);
  proto::ReorganizeDataLayerParams& out = chain.next().make_reorganizeData();
  out.blockSize = layer.count("block_size");
  const bool reverse = layer.flag("reverse");
  const bool shuffle = layer.flag("pixel_shuffle");
  if (shuffle && !reverse && layer.has("reverse"))
    layer.unknown("'pixel_shuffle' without 'reverse' is not known");
  out.mode = shuffle ? Type::PIXEL_SHUFFLE : reverse ? Type::DEPTH_TO_SPACE : Type::SPACE_TO_DEPTH;
}

constexpr std::array layers{
    LayerType{"pool", pool},
    LayerType{"pool3d", pool3d},
    LayerType{"padding", padding},
    LayerType{"general_padding", padding},
    LayerType{"crop", crop},
    LayerType{"upsample", upsample},
    LayerType{"crop_and_resize", crop_and_resize},
    LayerType{"space_to_depth", space_to_depth},
};

}  // namespace

std::span<const LayerType> window_layers() {
  return layers;
}

}  // namespace pome::frontend::espresso

// Pictures brought to other sizes.
#include <array>

#include "base/text.h"
#include "frontend/neural_network/layers/layers.h"

namespace pome::frontend::network::layers {

using base::cat;

namespace {

std::string_view sampling(const Layer& layer, const proto::Box<proto::SamplingMode>& mode) {
  constexpr std::array<std::string_view, 4> names{"STRICT_ALIGN_CORNERS", "ALIGN_CORNERS",
                                                  "DEFAULT", "OFFSET_CORNERS"};
  const auto which = mode ? static_cast<std::size_t>(mode->samplingMethod) : 0;
  if (which >= names.size()) layer.fail(cat("sampling method ", which, " is not known"));
  return names[which];
}

std::array<std::int64_t, 2> target(const Layer& layer, const std::vector<std::uint64_t>& given) {
  if (given.empty()) return {1, 1};
  if (given.size() != 2)
    layer.fail(cat("its target size has ", given.size(), " numbers, expected 2"));
  for (const auto size : given) {
    if (size == 0 || size > (1U << 30)) layer.fail(cat("its target size is ", size));
  }
  return {static_cast<std::int64_t>(given[0]), static_cast<std::int64_t>(given[1])};
}

}  // namespace

void translate_resizeBilinear(Layer& layer) {
  const auto& p = *layer.message.resizeBilinear();
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 3);
  const auto size = target(layer, p.targetSize);
  layer.out(layer.with_batch(layer.in(), 3, [&](V x) {
    return layer.b.op("resize_bilinear", {{"x", x},
                                          {"target_size_height", integer(size[0])},
                                          {"target_size_width", integer(size[1])},
                                          {"sampling_mode", text(sampling(layer, p.mode))}});
  }));
}

void translate_upsample(Layer& layer) {
  const auto& p = *layer.message.upsample();
  layer.expect_inputs(1, 1);
  layer.expect_rank(layer.in(), 3);
  std::array<ir::ConstantPtr, 2> factors{integer(1), integer(1)};
  const bool fractional = !p.fractionalScalingFactor.empty();
  const std::size_t count = fractional ? p.fractionalScalingFactor.size() : p.scalingFactor.size();
  if (count != 0 && count != 2)
    layer.fail(cat("its scaling factor has ", count, " numbers, expected 2"));
  for (std::size_t i = 0; i < count; ++i) {
    if (fractional) {
      factors[i] = number(p.fractionalScalingFactor[i]);
      if (!(p.fractionalScalingFactor[i] > 0)) layer.fail("its scaling factor is not positive");
    } else {
      if (p.scalingFactor[i] == 0) layer.fail("its scaling factor is 0");
      factors[i] = integer(static_cast<std::int64_t>(p.scalingFactor[i]));
    }
  }
  using Interpolation = proto::UpsampleLayerParams_InterpolationMode;
  using Linear = proto::UpsampleLayerParams_LinearUpsampleMode;
  layer.out(layer.with_batch(layer.in(), 3, [&](V x) {
    std::vector<Arg> arguments{
        {"x", x}, {"scale_factor_height", factors[0]}, {"scale_factor_width", factors[1]}};
    if (p.mode == Interpolation::NN)
      return layer.b.op("upsample_nearest_neighbor", std::move(arguments));
    const bool corners = p.linearUpsampleMode == Linear::ALIGN_CORNERS_TRUE;
    arguments.emplace_back("align_corners", flag(corners));
    if (!corners)
      arguments.emplace_back("half_pixel_centers",
                             flag(p.linearUpsampleMode == Linear::ALIGN_CORNERS_FALSE));
    return layer.b.op("upsample_bilinear", std::move(arguments));
  }));
}

void translate_cropResize(Layer& layer) {
  const auto& p = *layer.message.cropResize();
  layer.expect_inputs(2, 2);
  layer.expect_rank(layer.in(0), 5, 5);
  layer.expect_rank(layer.in(1), 5, 5);
  constexpr std::array<std::string_view, 4> orders{"CORNERS_HEIGHT_FIRST", "CORNERS_WIDTH_FIRST",
                                                   "CENTER_SIZE_HEIGHT_FIRST",
                                                   "CENTER_SIZE_WIDTH_FIRST"};
  const auto order = p.boxIndicesMode ? static_cast<std::size_t>(p.boxIndicesMode->boxMode) : 0;
  if (order >= orders.size()) layer.fail(cat("box mode ", order, " is not known"));
  const auto size = target(layer, p.targetSize);
  layer.out(layer.b.op("crop_resize",
                       {{"x", layer.squeeze(layer.in(0), {0})},
                        {"roi", layer.in(1)},
                        {"target_height", integer(size[0])},
                        {"target_width", integer(size[1])},
                        {"normalized_coordinates", flag(p.normalizedCoordinates)},
                        {"spatial_scale", number(p.spatialScale == 0 ? 1 : p.spatialScale)},
                        {"box_coordinate_mode", text(orders[order])},
                        {"sampling_mode", text(sampling(layer, p.mode))}}));
}

}  // namespace pome::frontend::network::layers

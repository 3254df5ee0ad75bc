// Custom layers as operations.
#pragma once

#include <memory>

#include "ops/custom.h"
#include "pome/custom_layer.h"
#include "proto/NeuralNetwork.pb.h"

namespace pome::runtime {

/// The operation of a custom layer, with the layer that `layers` makes for it; its weights are
/// copied. Throws Error{custom_layer} naming class and description.
std::shared_ptr<const ops::CustomOperation> custom_operation(
    const CustomLayers& layers, const proto::CustomLayerParams& message, std::string_view name);

}  // namespace pome::runtime

// Layers of neural networks, from their messages and from espresso's JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "proto/Model.pb.h"

namespace pome::cli {

/// Layers of a neural network, classifier or regressor; null for all other types.
const std::vector<proto::NeuralNetworkLayer>* layers_of(const proto::Model& model) noexcept;

/// Name of a layer's type: "convolution", or "layer type 9999" for an unknown number.
std::string layer_type(const proto::NeuralNetworkLayer& layer);

/// Networks nested in a layer (branch, loop) with what they are: "if", "else", "condition", "body".
std::vector<std::pair<std::string, const proto::NeuralNetwork*>> nested_networks(
    const proto::NeuralNetworkLayer& layer);

/// Calls `visit` for every layer, nested ones after the layer that holds them.
void for_each_layer(const std::vector<proto::NeuralNetworkLayer>& layers,
                    const std::function<void(const proto::NeuralNetworkLayer&)>& visit);

/// Adds the bytes of a layer's weights to `bytes`, by how they are stored: "fp32", "fp16",
/// "8 bits (linear)", "4 bits (table)".
void add_weight_bytes(const proto::NeuralNetworkLayer& layer,
                      std::map<std::string, std::int64_t>& bytes);

/// A layer of a compiled network.
struct EspressoLayer {
  std::string name;
  std::string type;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

/// The layers in espresso's JSON. Throws Error{io} when it has none.
std::vector<EspressoLayer> espresso_layers(const nlohmann::json& network);

}  // namespace pome::cli

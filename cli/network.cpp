#include "network.h"

#include "base/text.h"
#include "format/json.h"
#include "format/layer_names.h"
#include "pome/error.h"

namespace pome::cli {

using base::cat;

namespace {

using Layers = std::vector<proto::NeuralNetworkLayer>;
using WeightBytes = std::map<std::string, std::int64_t>;

void add_bytes(WeightBytes& out, const std::string& kind, std::size_t size) {
  if (size != 0) out[kind] += static_cast<std::int64_t>(size);
}

void add(WeightBytes& out, const proto::WeightParams& weight) {
  add_bytes(out, "fp32", weight.floatValue.bytes().size());
  add_bytes(out, "fp16", weight.float16Value.size());
  const std::size_t raw = weight.rawValue.size() + weight.int8RawValue.size();
  if (raw == 0) return;
  if (!weight.quantization) {
    add_bytes(out, "raw", raw);
    return;
  }
  const bool is_table = weight.quantization->lookupTableQuantization() != nullptr;
  const std::uint64_t bits = weight.quantization->numberOfBits;
  add_bytes(out, cat(bits, bits == 1 ? " bit" : " bits", is_table ? " (table)" : " (linear)"), raw);
}

void add(WeightBytes& out, const proto::Box<proto::WeightParams>& weight) {
  if (weight) add(out, *weight);
}

template <typename... Weights>
void add_all(WeightBytes& out, const Weights&... weights) {
  (add(out, weights), ...);
}

void add(WeightBytes& out, const proto::LSTMWeightParams& w) {
  add_all(out, w.inputGateWeightMatrix, w.forgetGateWeightMatrix, w.blockInputWeightMatrix,
          w.outputGateWeightMatrix, w.inputGateRecursionMatrix, w.forgetGateRecursionMatrix,
          w.blockInputRecursionMatrix, w.outputGateRecursionMatrix, w.inputGateBiasVector,
          w.forgetGateBiasVector, w.blockInputBiasVector, w.outputGateBiasVector,
          w.inputGatePeepholeVector, w.forgetGatePeepholeVector, w.outputGatePeepholeVector);
}

void add(WeightBytes& out, const proto::GRULayerParams& w) {
  add_all(out, w.updateGateWeightMatrix, w.resetGateWeightMatrix, w.outputGateWeightMatrix,
          w.updateGateRecursionMatrix, w.resetGateRecursionMatrix, w.outputGateRecursionMatrix,
          w.updateGateBiasVector, w.resetGateBiasVector, w.outputGateBiasVector);
}

void add_activation(WeightBytes& out, const proto::ActivationParams& activation) {
  if (const auto* prelu = activation.PReLU()) add(out, prelu->alpha);
  if (const auto* softplus = activation.parametricSoftplus())
    add_all(out, softplus->alpha, softplus->beta);
}

// Layers with a matrix or kernel and a bias.
template <typename Layer>
void add_weights_and_bias(WeightBytes& out, const Layer* layer) {
  if (layer != nullptr) add_all(out, layer->weights, layer->bias);
}

void add_recurrent(WeightBytes& out, const proto::NeuralNetworkLayer& layer) {
  if (const auto* simple = layer.simpleRecurrent())
    add_all(out, simple->weightMatrix, simple->recursionMatrix, simple->biasVector);
  if (const auto* gru = layer.gru()) add(out, *gru);
  if (const auto* lstm = layer.uniDirectionalLSTM(); lstm != nullptr && lstm->weightParams)
    add(out, *lstm->weightParams);
  if (const auto* lstm = layer.biDirectionalLSTM()) {
    for (const auto& direction : lstm->weightParams) add(out, direction);
  }
}

std::vector<std::string> split_names(const std::string& text) {
  std::vector<std::string> out;
  std::string_view rest = text;
  while (!rest.empty()) {  // espresso joins names by commas
    const std::size_t comma = std::min(rest.find(','), rest.size());
    out.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return out;
}

}  // namespace

const Layers* layers_of(const proto::Model& model) noexcept {
  if (const auto* network = model.neuralNetwork()) return &network->layers;
  if (const auto* network = model.neuralNetworkClassifier()) return &network->layers;
  if (const auto* network = model.neuralNetworkRegressor()) return &network->layers;
  return nullptr;
}

std::string layer_type(const proto::NeuralNetworkLayer& layer) {
  const std::string_view known = format::layer_name(layer.layer.which());
  if (layer.layer.which() == 0) return "unknown layer";
  return known.empty() ? cat("layer type ", layer.layer.which()) : std::string(known);
}

std::vector<std::pair<std::string, const proto::NeuralNetwork*>> nested_networks(
    const proto::NeuralNetworkLayer& layer) {
  std::vector<std::pair<std::string, const proto::NeuralNetwork*>> out;
  if (const auto* branch = layer.branch()) {
    if (branch->ifBranch) out.emplace_back("if", branch->ifBranch.get());
    if (branch->elseBranch) out.emplace_back("else", branch->elseBranch.get());
  }
  if (const auto* loop = layer.loop()) {
    if (loop->conditionNetwork) out.emplace_back("condition", loop->conditionNetwork.get());
    if (loop->bodyNetwork) out.emplace_back("body", loop->bodyNetwork.get());
  }
  return out;
}

void for_each_layer(const Layers& layers,
                    const std::function<void(const proto::NeuralNetworkLayer&)>& visit) {
  std::vector<const Layers*> waiting{&layers};
  while (!waiting.empty()) {
    const Layers& level = *waiting.back();
    waiting.pop_back();
    for (const auto& layer : level) {
      visit(layer);
      for (const auto& [what, network] : nested_networks(layer))
        waiting.push_back(&network->layers);
    }
  }
}

void add_weight_bytes(const proto::NeuralNetworkLayer& layer, WeightBytes& bytes) {
  add_weights_and_bias(bytes, layer.convolution());
  add_weights_and_bias(bytes, layer.convolution3d());
  add_weights_and_bias(bytes, layer.innerProduct());
  add_weights_and_bias(bytes, layer.embedding());
  add_weights_and_bias(bytes, layer.embeddingND());
  add_weights_and_bias(bytes, layer.batchedMatmul());
  if (const auto* norm = layer.batchnorm())
    add_all(bytes, norm->gamma, norm->beta, norm->mean, norm->variance);
  if (const auto* norm = layer.layerNormalization()) add_all(bytes, norm->gamma, norm->beta);
  if (const auto* scale = layer.scale()) add_all(bytes, scale->scale, scale->bias);
  if (const auto* bias = layer.bias()) add(bytes, bias->bias);
  if (const auto* constant = layer.loadConstant()) add(bytes, constant->data);
  if (const auto* constant = layer.loadConstantND()) add(bytes, constant->data);
  if (const auto* activation = layer.activation()) add_activation(bytes, *activation);
  if (const auto* custom = layer.custom()) {
    for (const auto& weight : custom->weights) add(bytes, weight);
  }
  add_recurrent(bytes, layer);
}

std::vector<EspressoLayer> espresso_layers(const nlohmann::json& network) {
  const auto found = network.find("layers");
  if (found == network.end() || !found->is_array())
    throw Error(ErrorCode::io, "'model.espresso.net' has no list of layers");
  std::vector<EspressoLayer> out;
  for (const nlohmann::json& layer : *found) {
    if (!layer.is_object()) continue;
    out.push_back({format::text_member(layer, "name"), format::text_member(layer, "type"),
                   split_names(format::text_member(layer, "bottom")),
                   split_names(format::text_member(layer, "top"))});
  }
  return out;
}

}  // namespace pome::cli

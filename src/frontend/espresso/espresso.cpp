#include "frontend/espresso/espresso.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/text.h"
#include "frontend/espresso/layer.h"
#include "pome/error.h"

namespace pome::frontend {

using base::cat;

namespace {

using espresso::Layer;
using espresso::LayerType;
using espresso::Network;

// What the messages look at.
struct Held {
  espresso::Texts texts;
  format::EspressoNetwork network;
  std::shared_ptr<const void> weights;
};

const LayerType* find_type(std::string_view name) {
  for (const auto table :
       {espresso::product_layers(), espresso::window_layers(), espresso::elementwise_layers(),
        espresso::statistics_layers(), espresso::shape_layers(), espresso::indexing_layers()}) {
    const auto found = std::find_if(table.begin(), table.end(),
                                    [&](const LayerType& type) { return type.name == name; });
    if (found != table.end()) return &*found;
  }
  return nullptr;
}

// Layers that only say what the inputs are.
bool is_input(const format::EspressoLayer& layer) {
  return layer.type == "input" || layer.type == "input_layer";
}

void translate(const format::EspressoLayer& message, Network& network) {
  Layer layer(message, network);
  const LayerType* type = find_type(message.type);
  if (type == nullptr) layer.unknown("layers of this type are not known to this version");
  if (message.tops.empty()) layer.contradicts("it makes no blob");
  type->translate(layer);
  layer.check_all_read();
}

void translate_transforms(const format::EspressoNetwork& network, Network& out) {
  for (const auto& [input, transform] : network.transforms) {
    if (transform.center_mean)
      throw Error(ErrorCode::unsupported,
                  cat("the input ", base::quoted(input), " is centered, which is not known"));
    proto::NeuralNetworkPreprocessing& message = out.messages.preprocessing.emplace_back();
    message.featureName = out.keep(input);
    proto::NeuralNetworkImageScaler& scaler = message.make_scaler();
    scaler.channelScale = static_cast<float>(transform.scale);
    scaler.redBias = static_cast<float>(transform.bias_r);
    scaler.greenBias = static_cast<float>(transform.bias_g);
    scaler.blueBias = static_cast<float>(transform.bias_b);
    scaler.grayBias = static_cast<float>(transform.bias_a);
  }
}

}  // namespace

EspressoMessages import_espresso(const format::EspressoNetwork& network,
                                 const format::EspressoShapes& shapes,
                                 const format::EspressoWeights& weights, base::Budget& budget) {
  EspressoMessages out;
  auto held = std::make_shared<Held>();
  held->network = network;
  held->weights = weights.owner();
  const bool exact = std::any_of(shapes.begin(), shapes.end(),
                                 [](const auto& entry) { return entry.second.rank >= 0; });
  Network translation{shapes, weights, budget, out.network, held->texts, exact, {}};
  for (const auto& layer : held->network.layers) {
    translation.blobs.insert(layer.bottoms.begin(), layer.bottoms.end());
    translation.blobs.insert(layer.tops.begin(), layer.tops.end());
  }
  if (exact) {
    out.network.arrayInputShapeMapping =
        proto::NeuralNetworkMultiArrayShapeMapping::EXACT_ARRAY_MAPPING;
    out.network.imageInputShapeMapping = proto::NeuralNetworkImageShapeMapping::RANK4_IMAGE_MAPPING;
  }
  translate_transforms(held->network, translation);
  budget.take(static_cast<std::int64_t>(held->network.layers.size() * 1024),
              "the network's messages");
  for (const auto& layer : held->network.layers) {
    if (!is_input(layer)) translate(layer, translation);
  }
  out.owner = std::move(held);
  return out;
}

}  // namespace pome::frontend

// Networks of Apple's compiled bundles (espresso) as messages of the neural-network specification.
#pragma once

#include <memory>

#include "base/budget.h"
#include "format/espresso.h"
#include "proto/NeuralNetwork.pb.h"

namespace pome::frontend {

/// A network that says the same as an espresso one. Its layers have the names that the espresso
/// layers have; where one becomes several, the later ones have "#2", "#3" ... behind the name.
struct EspressoMessages {
  proto::NeuralNetwork network;
  std::shared_ptr<const void> owner;  ///< of the texts and weights that the messages look at
};

/// Translates a network. Weights stay where they are in memory, except for the scales of quantized
/// ones. Throws Error naming the layer and its type: unsupported (a type, attribute or mode that is
/// not known), io (a layer that contradicts itself, its weights or the shapes).
EspressoMessages import_espresso(const format::EspressoNetwork& network,
                                 const format::EspressoShapes& shapes,
                                 const format::EspressoWeights& weights, base::Budget& budget);

}  // namespace pome::frontend

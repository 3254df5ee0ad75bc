// Neural networks of the specification as MIL programs.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/budget.h"
#include "ir/program.h"
#include "pome/description.h"
#include "proto/Model.pb.h"

namespace pome::frontend {

/// The parts that networks, classifiers and regressors have in common. What they point to has to
/// outlive the translation only.
struct NetworkParts {
  const std::vector<proto::NeuralNetworkLayer>* layers = nullptr;
  const std::vector<proto::NeuralNetworkPreprocessing>* preprocessing = nullptr;
  bool exact_arrays = false;  ///< array inputs keep their rank; else they become [S, B, C, H, W]
  bool rank4_images = false;  ///< images are [1, C, H, W]; else [1, 1, C, H, W]
};

/// Of a model that is a neural network of one of the three kinds; `layers` is null for others.
NetworkParts network_parts(const proto::Model& model) noexcept;

/// Name of the program's output for a feature that is an input as well.
std::string output_name(std::string_view feature);

/// Translates a network into a program of one function, `main`. Its inputs have the names of the
/// described features, of element type fp32; so have its outputs, but for what a classifier makes
/// of them: `probabilities` (the name of a blob, or empty for none) is an output too. Operations
/// carry the name and the type of the layer that they come from. Weights stay views into the
/// message's buffer, which `owner` keeps alive, but for quantized ones.
/// Throws Error: parameters or io (the network contradicts itself; the message names the layer),
/// unsupported or custom_layer (a layer that cannot run here, named), out_of_memory.
std::unique_ptr<ir::Program> import_network(const NetworkParts& parts,
                                            const ModelDescription& description,
                                            const std::string& probabilities,
                                            const std::shared_ptr<const void>& owner,
                                            base::Budget& budget);

}  // namespace pome::frontend

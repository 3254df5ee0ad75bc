// From the specification's messages to a ModelDescription.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/budget.h"
#include "format/asset.h"
#include "pome/description.h"

namespace pome::runtime {

/// Reads the description of an asset of any model type: features, metadata, functions, and the
/// class labels of classifiers that keep them in the specification (an ML Program keeps them in
/// its program). Of several functions the default one is described. Weights are passed over.
/// Throws Error{io} when a message is damaged.
ModelDescription describe(const format::Asset& asset, base::Budget& budget);

/// The same description with the features of another function.
/// Throws Error{parameters} for a name that the model lacks.
ModelDescription describe_function(const ModelDescription& model, std::string_view function_name);

}  // namespace pome::runtime

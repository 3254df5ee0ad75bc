// From the specification's messages to a ModelDescription.
#pragma once

#include <string_view>

#include "pome/description.h"
#include "proto/Model.pb.h"

namespace pome::runtime {

/// The description of a model of any type: features, metadata, functions, and the class labels of
/// classifiers that keep them in the specification (an ML Program keeps them in its program). Of
/// several functions the default one is described.
ModelDescription describe(const proto::Model& model);

/// The same from the description alone, as compiled models keep it: without type and version.
ModelDescription describe(const proto::ModelDescription& message);

/// The same description with the features of another function.
/// Throws Error{parameters} for a name that the model lacks.
ModelDescription describe_function(const ModelDescription& model, std::string_view function_name);

}  // namespace pome::runtime

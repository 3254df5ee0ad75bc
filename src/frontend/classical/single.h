// The one input and the one output that feature transformers have.
#pragma once

#include <initializer_list>

#include "frontend/classical/predictor.h"

namespace pome::classical {

/// The only input, or output, of a description, checked to be of one of these types.
/// Throws Error{parameters} naming the feature.
const FeatureDescription& single_input(const Source& source,
                                       std::initializer_list<FeatureType> allowed);
const FeatureDescription& single_output(const Source& source,
                                        std::initializer_list<FeatureType> allowed);

/// The value of an input that must be there. Throws Error{feature_type} naming it.
const FeatureValue& require(const FeatureProvider& inputs, const FeatureDescription& feature);

/// One value under the name of an output, converted as features::convert does.
FeatureProvider provide(const FeatureDescription& feature, const FeatureValue& value);

}  // namespace pome::classical

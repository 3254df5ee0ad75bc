// Feature values in exactly the form that a description declares.
#pragma once

#include "pome/description.h"
#include "pome/feature.h"

namespace pome::features {

/// `value`, which has passed `feature.check_value`, as the declared type: numbers, and arrays of
/// one element, become the declared kind of number; a number becomes an array of one element;
/// arrays get the declared element type. Everything else, and an undefined value, is handed on as
/// it is.
FeatureValue convert(const FeatureDescription& feature, const FeatureValue& value);

}  // namespace pome::features

// Between feature values and an executable's tensors.
#pragma once

#include <cstdint>
#include <vector>

#include "base/budget.h"
#include "base/tensor.h"
#include "compiler/executable.h"
#include "pome/description.h"
#include "pome/feature.h"

namespace pome::runtime {

/// Inputs of one prediction: tensors that look into the caller's memory wherever it can be read as
/// it is, and what was converted, kept alive.
struct BoundInputs {
  std::vector<compiler::InputTensor> tensors;
  std::vector<FeatureValue> kept;
};

/// Adds the tensor for one operand. `value` has passed FeatureDescription::check_value; null or
/// undefined stands for an optional input, which becomes its declared default (0 where none is
/// declared) in its default shape. Conversions are booked against `budget`.
/// Throws Error{feature_type} when the value cannot become a tensor of the operand's rank.
void bind_input(const FeatureDescription& feature, const compiler::Operand& operand,
                const FeatureValue* value, base::Budget& budget, BoundInputs& out);

/// The feature value that an output tensor becomes: an array (a scalar as an array of shape 1), a
/// picture, or a number, as described. Takes the tensor's memory over where the types agree.
/// Throws Error{parameters} when the tensor cannot be what the description says.
FeatureValue to_feature(const FeatureDescription& feature, base::HostTensor tensor);

/// The tensor as an array that owns it. Throws Error{parameters} for strings and the like.
MultiArray to_array(base::HostTensor tensor);

}  // namespace pome::runtime

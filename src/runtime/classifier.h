// Classifier ML Programs: `classify`, the operation that names classes, belongs to the runtime.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "features/classes.h"
#include "ir/program.h"
#include "pome/description.h"
#include "pome/feature.h"
#include "proto/Model.pb.h"

namespace pome::runtime {

/// What a function's `classify` operation says.
struct Classifier {
  std::string label_output;          ///< feature that gets the label of the likeliest class
  std::string dictionary_output;     ///< feature that gets the probability of every class
  std::string probabilities_output;  ///< output of the rewritten function that has the tensor
  ClassLabels labels;                ///< one for each element of that tensor
};

/// The labels of a function's `classify` operation; monostate where there is none.
/// Throws Error{parameters} when its classes are not a constant list of strings or int64s.
ClassLabels class_labels(const ir::Function& function);

/// Takes the `classify` operation out of the function and gives its probabilities in place of its
/// two results, so that what is compiled computes on tensors alone. Nothing where there is none.
/// Throws Error{parameters} when the operation is not one that can be taken out: nested in a block,
/// more than one, used by another operation, or of constant probabilities.
std::optional<Classifier> take_classifier(ir::Function& function);

/// The blob of a neural-network classifier that holds the probability of each class; empty for all
/// other models.
std::string network_probabilities(const proto::Model& message);

/// What a neural-network classifier makes of that blob; nothing for all other models.
std::optional<Classifier> network_classifier(const proto::Model& message,
                                             const ModelDescription& description);

/// The label and the dictionary of one prediction, as features::classify makes them.
features::Classification classify(const MultiArray& probabilities, const ClassLabels& labels);

}  // namespace pome::runtime

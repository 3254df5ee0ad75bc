// What regressors and classifiers give, in the features that their description names.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "frontend/classical/predictor.h"

namespace pome::classical {

/// The output of a regressor: a double, or an array where there are several numbers or the
/// description says so.
class RegressorOutput {
 public:
  /// Throws Error{parameters} where the description has no output that can hold `dimensions`
  /// numbers.
  RegressorOutput(const ModelDescription& description, std::size_t dimensions);
  FeatureProvider make(std::span<const double> values) const;

 private:
  FeatureDescription feature_;
  std::vector<std::int64_t> shape_;  // of an array
};

/// The outputs of a classifier: a label and, where described, the probability of every class.
class ClassifierOutput {
 public:
  /// Throws Error{parameters} where there are no labels, or the described outputs cannot hold them.
  explicit ClassifierOutput(const ModelDescription& description);

  std::size_t classes() const noexcept { return classes_; }
  const ClassLabels& labels() const noexcept { return labels_; }
  bool wants_probabilities() const noexcept { return !dictionary_.empty(); }

  /// With the likeliest class as label; of equal ones the first.
  FeatureProvider make(std::span<const double> probabilities) const;
  /// With this class as label. `probabilities` may be empty where they are not wanted.
  FeatureProvider make(std::span<const double> probabilities, std::size_t label) const;
  /// With a label that may be none of the classes.
  FeatureProvider make(std::span<const double> probabilities, FeatureValue label) const;

 private:
  ClassLabels labels_;
  std::size_t classes_;
  std::string label_;  // names of features, empty where there is none
  std::string dictionary_;
};

}  // namespace pome::classical

// What a classical model becomes: a small predictor on feature values.
#pragma once

#include <memory>
#include <stop_token>
#include <string_view>

#include "base/budget.h"
#include "pome/description.h"
#include "pome/feature.h"
#include "proto/Model.pb.h"

namespace pome::classical {

/// What travels with one prediction.
struct Call {
  std::stop_token stop;
  base::Budget& budget;
};

/// A model that was validated and laid out. Immutable: any number of threads may predict at once.
class Predictor {
 public:
  Predictor() = default;
  Predictor(const Predictor&) = delete;
  Predictor& operator=(const Predictor&) = delete;
  virtual ~Predictor() = default;

  /// `inputs` holds the model's inputs by name, each of the declared type (features::convert); what
  /// is optional may be missing or undefined. The result holds at least the described outputs.
  /// Throws Error: feature_type (a value that the model cannot take), out_of_memory,
  /// prediction_cancelled.
  virtual FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const = 0;
};

using PredictorPtr = std::shared_ptr<const Predictor>;

/// What a predictor is made of. Nothing of it is kept: predictors copy what they need.
struct Source {
  const proto::Model& model;
  const ModelDescription& description;
  base::Budget& budget;
};

/// True for the model types ("glmRegressor", ...) that `make_predictor` makes.
bool is_classical(std::string_view model_type) noexcept;

/// Validates a model and makes its predictor. `description.model_type` must be a classical type.
/// Throws Error: parameters (the model contradicts itself; the message starts with the model type),
/// out_of_memory.
PredictorPtr make_predictor(const Source& source);

}  // namespace pome::classical

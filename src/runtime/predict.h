// One prediction: features in, tensors through the executable, features out.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "cache/session.h"
#include "compiler/executable.h"
#include "frontend/classical/predictor.h"
#include "pome/model.h"
#include "runtime/classifier.h"

namespace pome::runtime {

/// One function of a model, compiled.
struct LoadedFunction {
  std::shared_ptr<const compiler::Executable> executable;
  std::optional<Classifier> classifier;
};

/// Where an output feature comes from.
struct OutputSource {
  enum class Kind : std::uint8_t { tensor, label, dictionary };
  Kind kind = Kind::tensor;
  std::size_t tensor = 0;  ///< index among the executable's outputs
};

/// What a Model holds. Immutable once connected, but for what `first_use` guards.
struct ModelData {
  Configuration configuration;
  ModelDescription description;
  /// Of an ML Program. Replaced within `first_use` when the cache entry proves damaged.
  mutable LoadedFunction function;
  classical::PredictorPtr predictor;  ///< of every other model type, where `function` is empty
  std::vector<const FeatureDescription*> inputs;  ///< one an operand, into `description`
  std::vector<OutputSource> outputs;              ///< one an output of `description`
  LoadReport load_report;
  std::unique_ptr<cache::Session> session;  ///< of the load; null: without the cache
  /// Makes the function without the cache, from the model's files.
  std::function<LoadedFunction()> rebuild;
  mutable std::once_flag first_use;  ///< of packs from the cache, which are checked by then
};

/// What a State holds.
struct StateData {
  std::shared_ptr<const ModelData> model;
  std::shared_ptr<compiler::StateSet> set;  ///< null for a model without states
};

/// State::read and State::write.
MultiArray read_state(const StateData& state, std::string_view name);
void write_state(const StateData& state, std::string_view name, const MultiArray& value);

/// Joins the description's features with the executable's operands, once. Throws Error{parameters}
/// where one has an input or output that the other lacks.
void connect(ModelData& model);

/// Model::predict. `state` is null for a prediction without one.
FeatureProvider predict(const std::shared_ptr<const ModelData>& model,
                        const FeatureProvider& inputs, StateData* state,
                        const PredictionOptions& options);

}  // namespace pome::runtime

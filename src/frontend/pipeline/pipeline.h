// Pipelines: models in a row, with features routed by name.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "frontend/classical/predictor.h"

namespace pome::pipeline {

/// One model of a pipeline, made.
struct Stage {
  std::string name;  ///< for messages: "model 2 ('scaler')"
  ModelDescription description;
  classical::PredictorPtr predictor;
};

/// The messages of the models in a pipeline of any of the three types; null for other models.
const proto::Pipeline* pipeline_of(const proto::Model& model) noexcept;

/// What to call the model at `index`, of which `type` is the model type.
std::string stage_name(const proto::Pipeline& pipeline, std::size_t index, std::string_view type);

/// Joins stages. Each takes the inputs that its description names from the inputs of the pipeline
/// and the outputs of the stages before it (of equal names the latest counts), and is checked as a
/// model of its own. Throws Error{parameters} where an input of a stage or an output of the
/// pipeline comes from nowhere.
classical::PredictorPtr make_pipeline(const ModelDescription& description,
                                      std::vector<Stage> stages);

}  // namespace pome::pipeline

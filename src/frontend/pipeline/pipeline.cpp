#include "frontend/pipeline/pipeline.h"

#include <set>
#include <utility>

#include "base/text.h"
#include "features/convert.h"
#include "pome/error.h"

namespace pome::pipeline {

using base::cat;

namespace {

class Pipeline final : public classical::Predictor {
 public:
  Pipeline(const ModelDescription& description, std::vector<Stage> stages)
      : outputs_(description.outputs), stages_(std::move(stages)) {
    for (const FeatureDescription& feature : description.inputs) {
      if (feature.type == FeatureType::double_) inputs_.push_back(feature.name);
    }
    if (inputs_.size() != description.inputs.size()) inputs_.clear();
    std::set<std::string, std::less<>> known;
    for (const FeatureDescription& feature : description.inputs) known.insert(feature.name);
    for (const Stage& stage : stages_) {
      for (const FeatureDescription& feature : stage.description.inputs) {
        if (!known.contains(feature.name) && !feature.is_optional)
          throw Error(
              ErrorCode::parameters,
              cat(stage.name, ": its input ", base::quoted(feature.name),
                  " is neither an input of the pipeline nor an output of an earlier model"));
      }
      for (const FeatureDescription& feature : stage.description.outputs)
        known.insert(feature.name);
    }
    for (const FeatureDescription& feature : outputs_) {
      if (!known.contains(feature.name))
        throw Error(ErrorCode::parameters,
                    cat("output ", base::quoted(feature.name), " comes from none of its models"));
    }
  }

  FeatureProvider predict(const FeatureProvider& inputs,
                          const classical::Call& call) const override {
    FeatureProvider table = inputs;
    for (const Stage& stage : stages_) {
      if (call.stop.stop_requested())
        throw Error(ErrorCode::prediction_cancelled, "the prediction was cancelled");
      try {
        run(stage, call, table);
      } catch (Error& error) {
        throw error.within(stage.name);
      }
    }
    FeatureProvider out;
    for (const FeatureDescription& feature : outputs_)
      out.set(feature.name, features::convert(feature, table.at(feature.name)));
    return out;
  }

  // Doubles that are put side by side, in their order, for a model that takes rows of them.
  std::shared_ptr<const classical::RowPredictor> rows(base::Budget& budget) const override {
    if (stages_.size() != 2) return nullptr;
    const auto joined = stages_[0].predictor->joined();
    const auto& given = stages_[0].description.outputs;
    const auto& taken = stages_[1].description.inputs;
    const bool fits = !joined.empty() && joined == inputs_ && given.size() == 1 &&
                      taken.size() == 1 && given[0].name == taken[0].name;
    return fits ? stages_[1].predictor->rows(budget) : nullptr;
  }

 private:
  static void run(const Stage& stage, const classical::Call& call, FeatureProvider& table) {
    FeatureProvider mine;
    for (const FeatureDescription& feature : stage.description.inputs) {
      const FeatureValue* value = table.find(feature.name);
      if (value == nullptr) continue;
      feature.check_value(*value);
      mine.set(feature.name, features::convert(feature, *value));
    }
    const FeatureProvider given = stage.predictor->predict(mine, call);
    for (const auto& [name, value] : given) table.set(name, value);
  }

  std::vector<std::string> inputs_;  // names; empty where one is no double
  std::vector<FeatureDescription> outputs_;
  std::vector<Stage> stages_;
};

}  // namespace

const proto::Pipeline* pipeline_of(const proto::Model& model) noexcept {
  if (const auto* classifier = model.pipelineClassifier()) return classifier->pipeline.get();
  if (const auto* regressor = model.pipelineRegressor()) return regressor->pipeline.get();
  return model.pipeline();
}

std::string stage_name(const proto::Pipeline& pipeline, std::size_t index, std::string_view type) {
  const bool is_named = index < pipeline.names.size() && !pipeline.names[index].empty();
  return cat("model ", index, " (",
             is_named ? base::quoted(pipeline.names[index]) : std::string(type),
             ") of the pipeline");
}

classical::PredictorPtr make_pipeline(const ModelDescription& description,
                                      std::vector<Stage> stages) {
  if (stages.empty()) throw Error(ErrorCode::parameters, "the pipeline has no models");
  return std::make_shared<Pipeline>(description, std::move(stages));
}

}  // namespace pome::pipeline

// Descriptions and messages of small models.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "frontend/classical/predictor.h"
#include "pome/error.h"

namespace pome::classical {

inline FeatureDescription number(std::string name) {
  FeatureDescription out;
  out.name = std::move(name);
  out.type = FeatureType::double_;
  return out;
}
inline FeatureDescription integer(std::string name) {
  FeatureDescription out = number(std::move(name));
  out.type = FeatureType::int64;
  return out;
}
inline FeatureDescription text(std::string name) {
  FeatureDescription out = number(std::move(name));
  out.type = FeatureType::string;
  return out;
}
/// An array of doubles; of any length where `shape` is empty.
inline FeatureDescription array(std::string name, std::vector<std::int64_t> shape = {}) {
  FeatureDescription out = number(std::move(name));
  out.type = FeatureType::multi_array;
  out.multi_array_constraint.emplace();
  out.multi_array_constraint->data_type = DataType::fp64;
  if (!shape.empty())
    out.multi_array_constraint->shape_constraint.type = ShapeConstraintType::fixed;
  out.multi_array_constraint->shape = std::move(shape);
  return out;
}
inline FeatureDescription dictionary(std::string name, FeatureType key) {
  FeatureDescription out = number(std::move(name));
  out.type = FeatureType::dictionary;
  out.dictionary_constraint = DictionaryConstraint{key};
  return out;
}
inline FeatureDescription sequence(std::string name, FeatureType element) {
  FeatureDescription out = number(std::move(name));
  out.type = FeatureType::sequence;
  out.sequence_constraint = SequenceConstraint{element, {}};
  return out;
}

inline ModelDescription describe(std::string type, std::vector<FeatureDescription> inputs,
                                 std::vector<FeatureDescription> outputs) {
  ModelDescription out;
  out.model_type = std::move(type);
  out.inputs = std::move(inputs);
  out.outputs = std::move(outputs);
  return out;
}

/// A classifier of the inputs with outputs "label" (int64) and "p".
inline ModelDescription classifier(std::string type, std::vector<FeatureDescription> inputs,
                                   std::vector<std::int64_t> labels) {
  ModelDescription out = describe(std::move(type), std::move(inputs),
                                  {integer("label"), dictionary("p", FeatureType::int64)});
  out.predicted_feature_name = "label";
  out.predicted_probabilities_name = "p";
  out.class_labels = std::move(labels);
  return out;
}

inline PredictorPtr make(const proto::Model& model, const ModelDescription& description) {
  base::Budget budget;
  return make_predictor({model, description, budget});
}

inline FeatureProvider run(const Predictor& predictor, const FeatureProvider& inputs) {
  base::Budget budget;
  return predictor.predict(inputs, {{}, budget});
}

inline FeatureProvider run(const proto::Model& model, const ModelDescription& description,
                           const FeatureProvider& inputs) {
  return run(*make(model, description), inputs);
}

inline MultiArray doubles(std::vector<double> values) {
  const std::vector<std::int64_t> shape{static_cast<std::int64_t>(values.size())};
  return MultiArray::copy_of(std::span<const double>(values), shape);
}

inline std::vector<double> values_of(const FeatureValue& value) {
  const auto elements = value.multi_array_value().elements<double>();
  return {elements.begin(), elements.end()};
}

inline std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace pome::classical

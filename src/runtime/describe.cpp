#include "runtime/describe.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "format/model_type.h"
#include "frontend/pipeline/pipeline.h"
#include "image/tensor.h"
#include "pome/error.h"

namespace pome::runtime {

using base::cat;

namespace {

std::int64_t to_size(std::uint64_t value) noexcept {
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(std::min(value, largest));
}

// An upper bound below zero is none.
SizeRange describe(const proto::SizeRange& message) {
  return {to_size(message.lowerBound), std::max<std::int64_t>(message.upperBound, -1)};
}

SizeRange describe(const proto::Box<proto::SizeRange>& message) {
  return message ? describe(*message) : SizeRange{0, 0};
}

DataType describe(proto::ArrayFeatureType_ArrayDataType type) noexcept {
  using Type = proto::ArrayFeatureType_ArrayDataType;
  switch (type) {
    case Type::FLOAT16: return DataType::fp16;
    case Type::FLOAT32: return DataType::fp32;
    case Type::DOUBLE: return DataType::fp64;
    case Type::INT8: return DataType::int8;
    case Type::INT32: return DataType::int32;
    default: return DataType::invalid;
  }
}

MultiArrayShapeConstraint describe_shapes(const proto::ArrayFeatureType& message) {
  MultiArrayShapeConstraint out;
  if (!message.shape.empty()) out.type = ShapeConstraintType::fixed;
  if (const auto* listed = message.enumeratedShapes()) {
    out.type = ShapeConstraintType::enumerated;
    for (const auto& one : listed->shapes) out.enumerated_shapes.push_back(one.shape);
  }
  if (const auto* ranged = message.shapeRange()) {
    out.type = ShapeConstraintType::range;
    for (const auto& one : ranged->sizeRanges)
      out.size_range_for_dimension.push_back(describe(one));
  }
  return out;
}

MultiArrayConstraint describe(const proto::ArrayFeatureType& message) {
  MultiArrayConstraint out;
  out.data_type = describe(message.dataType);
  out.shape = message.shape;
  out.shape_constraint = describe_shapes(message);
  if (out.shape.empty()) {
    // The default of a flexible shape is the first of the list, or the smallest in range.
    const auto& shapes = out.shape_constraint;
    if (!shapes.enumerated_shapes.empty()) out.shape = shapes.enumerated_shapes.front();
    for (const SizeRange& range : shapes.size_range_for_dimension) out.shape.push_back(range.lower);
  }
  if (const auto value = message.intDefaultValue()) out.default_optional_value = *value;
  if (const auto value = message.floatDefaultValue()) out.default_optional_value = *value;
  if (const auto value = message.doubleDefaultValue()) out.default_optional_value = *value;
  return out;
}

ColorSpace describe(proto::ImageFeatureType_ColorSpace space) noexcept {
  using Space = proto::ImageFeatureType_ColorSpace;
  switch (space) {
    case Space::GRAYSCALE: return ColorSpace::grayscale;
    case Space::RGB: return ColorSpace::rgb;
    case Space::BGR: return ColorSpace::bgr;
    case Space::GRAYSCALE_FLOAT16: return ColorSpace::grayscale_float16;
    default: return ColorSpace::invalid;
  }
}

ImageConstraint describe(const proto::ImageFeatureType& message) {
  ImageConstraint out;
  out.pixels_wide = message.width;
  out.pixels_high = message.height;
  out.color_space = describe(message.colorSpace);
  out.pixel_format = image::pixel_format(out.color_space);
  ImageSizeConstraint& sizes = out.size_constraint;
  const bool has_size = out.pixels_wide > 0 && out.pixels_high > 0;
  if (has_size) sizes.type = ShapeConstraintType::fixed;
  ImageSize otherwise;  // the default of a flexible size that writes none
  if (const auto* listed = message.enumeratedSizes()) {
    sizes.type = ShapeConstraintType::enumerated;
    for (const auto& one : listed->sizes)
      sizes.enumerated_image_sizes.push_back({to_size(one.width), to_size(one.height)});
    if (!sizes.enumerated_image_sizes.empty()) otherwise = sizes.enumerated_image_sizes.front();
  }
  if (const auto* ranged = message.imageSizeRange()) {
    sizes.type = ShapeConstraintType::range;
    sizes.pixels_wide_range = describe(ranged->widthRange);
    sizes.pixels_high_range = describe(ranged->heightRange);
    otherwise = {sizes.pixels_wide_range.lower, sizes.pixels_high_range.lower};
  }
  if (!has_size) {
    out.pixels_wide = otherwise.width;
    out.pixels_high = otherwise.height;
  }
  return out;
}

DictionaryConstraint describe(const proto::DictionaryFeatureType& message) {
  if (message.int64KeyType() != nullptr) return {FeatureType::int64};
  return {message.stringKeyType() != nullptr ? FeatureType::string : FeatureType::invalid};
}

SequenceConstraint describe(const proto::SequenceFeatureType& message) {
  SequenceConstraint out;
  if (message.int64Type() != nullptr) out.element_type = FeatureType::int64;
  if (message.stringType() != nullptr) out.element_type = FeatureType::string;
  if (message.sizeRange) out.count_range = describe(*message.sizeRange);
  return out;
}

StateConstraint describe(const proto::StateFeatureType& message) {
  const auto* array = message.arrayType();
  if (array == nullptr) return {};
  return {describe(array->dataType), array->shape};
}

void describe_type(const proto::FeatureType& message, FeatureDescription& out) {
  out.is_optional = message.isOptional;
  // The numbers of the choices are Core ML's numbers of feature types.
  out.type = static_cast<FeatureType>(message.Type.which());
  if (const auto* image = message.imageType()) out.image_constraint = describe(*image);
  if (const auto* array = message.multiArrayType()) out.multi_array_constraint = describe(*array);
  if (const auto* bag = message.dictionaryType()) out.dictionary_constraint = describe(*bag);
  if (const auto* row = message.sequenceType()) out.sequence_constraint = describe(*row);
  if (const auto* state = message.stateType()) out.state_constraint = describe(*state);
}

std::vector<FeatureDescription> describe(const std::vector<proto::FeatureDescription>& messages) {
  std::vector<FeatureDescription> out;
  out.reserve(messages.size());
  for (const auto& message : messages) {
    FeatureDescription& feature = out.emplace_back();
    feature.name = message.name;
    feature.short_description = message.shortDescription;
    if (message.type) describe_type(*message.type, feature);
  }
  return out;
}

FunctionDescription describe(const proto::FunctionDescription& message) {
  FunctionDescription out;
  out.name = message.name;
  out.inputs = describe(message.input);
  out.outputs = describe(message.output);
  out.states = describe(message.state);
  out.predicted_feature_name = message.predictedFeatureName;
  out.predicted_probabilities_name = message.predictedProbabilitiesName;
  return out;
}

Metadata describe(const proto::Metadata& message) {
  Metadata out;
  out.author = message.author;
  out.license = message.license;
  out.version = message.versionString;
  out.short_description = message.shortDescription;
  for (const auto& [key, value] : message.userDefined)
    out.creator_defined.insert_or_assign(std::string(key), std::string(value));
  return out;
}

template <typename Message>
ClassLabels labels_of(const Message& message) {
  if (const auto* texts = message.stringClassLabels())
    return std::vector<std::string>(texts->vector.begin(), texts->vector.end());
  if (const auto* numbers = message.int64ClassLabels())
    return std::vector<std::int64_t>(numbers->vector.begin(), numbers->vector.end());
  return {};
}

ClassLabels labels_of(const proto::StringVector* texts) {
  if (texts == nullptr) return {};
  return std::vector<std::string>(texts->vector.begin(), texts->vector.end());
}

ClassLabels labels_of_model(const proto::Model& model) {
  if (const auto* m = model.neuralNetworkClassifier()) return labels_of(*m);
  if (const auto* m = model.glmClassifier()) return labels_of(*m);
  if (const auto* m = model.supportVectorClassifier()) return labels_of(*m);
  if (const auto* m = model.treeEnsembleClassifier()) return labels_of(*m);
  if (const auto* m = model.kNearestNeighborsClassifier()) return labels_of(*m);
  if (const auto* m = model.nonMaximumSuppression()) return labels_of(*m);
  if (const auto* m = model.textClassifier()) return labels_of(m->stringClassLabels());
  if (const auto* m = model.gazetteer()) return labels_of(m->stringClassLabels());
  // The labels of a pipeline are those of its last classifier. Pipelines in pipelines are walked
  // one level deep for each call; the reader of messages has bounded their depth.
  ClassLabels out;
  if (const auto* pipeline = pipeline::pipeline_of(model)) {
    for (const auto& part : pipeline->models) {
      ClassLabels found = labels_of_model(part);
      if (!std::holds_alternative<std::monostate>(found)) out = std::move(found);
    }
  }
  return out;
}

// Puts the features of the function that is described by default at the top.
void select_default_function(ModelDescription& model) {
  if (model.functions.empty()) return;
  const auto found = std::find_if(model.functions.begin(), model.functions.end(),
                                  [&](const FunctionDescription& function) {
                                    return function.name == model.default_function_name;
                                  });
  const std::string name =
      found != model.functions.end() ? found->name : model.functions.front().name;
  model = describe_function(model, name);
}

}  // namespace

ModelDescription describe(const proto::ModelDescription& message) {
  ModelDescription out;
  out.inputs = describe(message.input);
  out.outputs = describe(message.output);
  out.states = describe(message.state);
  out.training_inputs = describe(message.trainingInput);
  out.predicted_feature_name = message.predictedFeatureName;
  out.predicted_probabilities_name = message.predictedProbabilitiesName;
  for (const auto& function : message.functions) out.functions.push_back(describe(function));
  out.default_function_name = message.defaultFunctionName;
  if (message.metadata) out.metadata = describe(*message.metadata);
  select_default_function(out);
  return out;
}

ModelDescription describe(const proto::Model& model) {
  ModelDescription out;
  if (model.description) out = describe(*model.description);
  out.model_type = format::model_type_name(static_cast<std::uint32_t>(model.Type.which()));
  out.specification_version = model.specificationVersion;
  out.is_updatable = model.isUpdatable;
  out.class_labels = labels_of_model(model);
  return out;
}

ModelDescription describe_function(const ModelDescription& model, std::string_view function_name) {
  for (const FunctionDescription& function : model.functions) {
    if (function.name != function_name) continue;
    ModelDescription out = model;
    out.function_name = function.name;
    out.inputs = function.inputs;
    out.outputs = function.outputs;
    out.states = function.states;
    out.predicted_feature_name = function.predicted_feature_name;
    out.predicted_probabilities_name = function.predicted_probabilities_name;
    return out;
  }
  if (model.functions.empty() && (function_name.empty() || function_name == "main")) return model;
  std::vector<std::string_view> names;
  names.reserve(model.functions.size());
  for (const FunctionDescription& function : model.functions) names.emplace_back(function.name);
  if (names.empty()) names.emplace_back("main");
  throw Error(ErrorCode::parameters, cat("the model has no function ", base::quoted(function_name),
                                         ", expected ", base::list_text(names)));
}

}  // namespace pome::runtime

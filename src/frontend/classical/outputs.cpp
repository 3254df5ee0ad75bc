#include "frontend/classical/outputs.h"

#include "base/checked.h"
#include "base/text.h"
#include "features/classes.h"
#include "features/convert.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

[[noreturn]] void fail(std::string_view message) {
  throw Error(ErrorCode::parameters, std::string(message));
}

const FeatureDescription& predicted_feature(const ModelDescription& description) {
  const std::string& name = description.predicted_feature_name;
  if (name.empty()) {
    if (description.outputs.empty()) fail("the description has no output");
    return description.outputs.front();
  }
  const FeatureDescription* feature = description.output(name);
  if (feature == nullptr)
    fail(cat("the predicted feature ", base::quoted(name), " is not an output of the description"));
  return *feature;
}

}  // namespace

RegressorOutput::RegressorOutput(const ModelDescription& description, std::size_t dimensions)
    : feature_(predicted_feature(description)) {
  if (feature_.multi_array_constraint) {
    const auto size = static_cast<std::int64_t>(dimensions);
    shape_ = feature_.multi_array_constraint->shape;
    if (base::element_count(shape_) != size) {
      const auto type = feature_.multi_array_constraint->shape_constraint.type;
      if (type == ShapeConstraintType::fixed)
        fail(cat("output ", base::quoted(feature_.name), " is described as ", feature_.type_text(),
                 ", and the model gives ", dimensions, " numbers"));
      shape_ = {size};
    }
    return;
  }
  if (feature_.type != FeatureType::double_ && feature_.type != FeatureType::int64)
    fail(cat("output ", base::quoted(feature_.name), " is described as ", feature_.type_text(),
             ", and a regressor gives numbers"));
  if (dimensions != 1)
    fail(cat("output ", base::quoted(feature_.name), " is described as ", feature_.type_text(),
             ", and the model gives ", dimensions, " numbers"));
}

FeatureProvider RegressorOutput::make(std::span<const double> values) const {
  FeatureProvider out;
  FeatureValue value = shape_.empty() && !feature_.multi_array_constraint
                           ? FeatureValue(values[0])
                           : FeatureValue(MultiArray::copy_of(values, shape_));
  out.set(feature_.name, features::convert(feature_, value));
  return out;
}

ClassifierOutput::ClassifierOutput(const ModelDescription& description)
    : labels_(description.class_labels), classes_(features::count(labels_)) {
  if (classes_ == 0) fail("there are no class labels");
  const FeatureDescription& label = predicted_feature(description);
  const FeatureType type = features::label_at(labels_, 0).type();
  if (label.type != type)
    fail(cat("output ", base::quoted(label.name), " is described as ", label.type_text(),
             ", and the class labels are ", name(type), "s"));
  label_ = label.name;
  const std::string& probabilities = description.predicted_probabilities_name;
  if (probabilities.empty()) return;
  const FeatureDescription* dictionary = description.output(probabilities);
  if (dictionary == nullptr)
    fail(cat("the feature of probabilities ", base::quoted(probabilities),
             " is not an output of the description"));
  if (!dictionary->dictionary_constraint || dictionary->dictionary_constraint->key_type != type)
    fail(cat("output ", base::quoted(probabilities), " is described as ", dictionary->type_text(),
             ", expected a dictionary with the class labels as keys"));
  dictionary_ = probabilities;
}

FeatureProvider ClassifierOutput::make(std::span<const double> probabilities) const {
  return make(probabilities, features::likeliest(probabilities));
}

FeatureProvider ClassifierOutput::make(std::span<const double> probabilities,
                                       std::size_t label) const {
  return make(probabilities, features::label_at(labels_, label));
}

FeatureProvider ClassifierOutput::make(std::span<const double> probabilities,
                                       FeatureValue label) const {
  FeatureProvider out;
  out.set(label_, std::move(label));
  if (wants_probabilities())
    out.set(dictionary_, features::probability_dictionary(probabilities, labels_));
  return out;
}

}  // namespace pome::classical

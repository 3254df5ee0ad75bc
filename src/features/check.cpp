// Inputs against the description, before anything runs. The sentences are for people who call a
// model: which feature, what came, what is allowed. Two phrases are Core ML's own, because callers
// match them: "was not in enumerated set of allowed shapes" and "is not in allowed range".
#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.h"
#include "features/element.h"
#include "features/shape_text.h"
#include "pome/description.h"
#include "pome/error.h"

namespace pome {

using base::cat;

namespace {

[[noreturn]] void fail(const FeatureDescription& feature, std::string_view message) {
  throw Error(ErrorCode::feature_type, cat("feature ", base::quoted(feature.name), ": ", message));
}

[[noreturn]] void fail_type(const FeatureDescription& feature, const FeatureValue& value) {
  fail(feature, cat(value.text(), " was given, expected ", feature.type_text()));
}

void check_enumerated(const FeatureDescription& feature, std::span<const std::int64_t> shape,
                      const MultiArrayConstraint& constraint) {
  const auto& allowed = constraint.shape_constraint.enumerated_shapes;
  const bool found = std::any_of(allowed.begin(), allowed.end(), [&](const auto& one) {
    return std::equal(one.begin(), one.end(), shape.begin(), shape.end());
  });
  if (!found)
    fail(feature,
         cat("MultiArray Shape (", features::shape_text(shape),
             ") was not in enumerated set of allowed shapes; expected ", feature.type_text()));
}

void check_ranges(const FeatureDescription& feature, std::span<const std::int64_t> shape,
                  const std::vector<SizeRange>& ranges) {
  if (shape.size() != ranges.size())
    fail(feature, cat("MultiArray Shape (", features::shape_text(shape), ") has ", shape.size(),
                      " dimensions; expected ", ranges.size(), ": ", feature.type_text()));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (!ranges[i].contains(shape[i]))
      fail(feature, cat("Size (", shape[i], ") of dimension (", i, ") is not in allowed range (",
                        ranges[i].text(), ")"));
  }
}

void check_shape(const FeatureDescription& feature, std::span<const std::int64_t> shape,
                 const MultiArrayConstraint& constraint) {
  switch (constraint.shape_constraint.type) {
    case ShapeConstraintType::unspecified: return;
    case ShapeConstraintType::fixed: {
      const auto& allowed = constraint.shape;
      if (std::equal(shape.begin(), shape.end(), allowed.begin(), allowed.end())) return;
      // A number stands for an array of one element, whatever its rank is written as.
      const auto is_one = [](std::int64_t size) { return size == 1; };
      if (shape.size() <= 1 && allowed.size() <= 1 &&
          std::all_of(shape.begin(), shape.end(), is_one) &&
          std::all_of(allowed.begin(), allowed.end(), is_one))
        return;
      fail(feature,
           cat("MultiArray Shape (", features::shape_text(shape), ") does not match the shape (",
               features::shape_text(allowed), ") of the model description"));
    }
    case ShapeConstraintType::enumerated: return check_enumerated(feature, shape, constraint);
    case ShapeConstraintType::range:
      return check_ranges(feature, shape, constraint.shape_constraint.size_range_for_dimension);
  }
}

// Wide integers must fit the declared integer type: a token number cut short is never meant.
void check_fits(const FeatureDescription& feature, const MultiArray& array, DataType declared) {
  const DataType given = array.data_type();
  if (!is_integer(given) || given == declared || bits(given) < bits(declared)) return;
  if (declared != DataType::int32 && declared != DataType::int8) return;
  const std::int64_t highest = (std::int64_t{1} << (bits(declared) - 1)) - 1;
  const MultiArray values =
      array.converted_to(DataType::int64);  // uint64 saturates: still too large
  std::int64_t position = 0;
  for (const std::int64_t value : values.elements<std::int64_t>()) {
    if (value < -highest - 1 || value > highest)
      fail(feature, cat("element ", position, " of the ", name(given), " array is ", value,
                        ", which ", name(declared), " cannot hold"));
    ++position;
  }
}

void check_array(const FeatureDescription& feature, const FeatureValue& value) {
  const MultiArrayConstraint& constraint = *feature.multi_array_constraint;
  switch (value.type()) {
    case FeatureType::int64:
    case FeatureType::double_: {
      constexpr std::int64_t one[] = {1};
      check_shape(feature, one, constraint);
      if (value.type() == FeatureType::int64)
        check_fits(feature, MultiArray::copy_of({value.int64_value()}, {1}), constraint.data_type);
      return;
    }
    case FeatureType::multi_array:
      check_shape(feature, value.multi_array_value().shape(), constraint);
      return check_fits(feature, value.multi_array_value(), constraint.data_type);
    default: fail_type(feature, value);
  }
}

void check_image(const FeatureDescription& feature, const FeatureValue& value) {
  if (value.type() != FeatureType::image) fail_type(feature, value);
  const ImageConstraint& constraint = *feature.image_constraint;
  const PixelBuffer& picture = value.image_buffer_value();
  const ImageSize size{picture.width(), picture.height()};
  const auto& allowed = constraint.size_constraint;
  switch (allowed.type) {
    case ShapeConstraintType::unspecified: return;
    case ShapeConstraintType::fixed:
      if (size == ImageSize{constraint.pixels_wide, constraint.pixels_high}) return;
      fail(feature, cat("Image size (", size.width, " x ", size.height, ") is not ",
                        constraint.pixels_wide, " x ", constraint.pixels_high,
                        " (width x height); pictures are not resized unasked"));
    case ShapeConstraintType::enumerated:
      if (std::find(allowed.enumerated_image_sizes.begin(), allowed.enumerated_image_sizes.end(),
                    size) == allowed.enumerated_image_sizes.end())
        fail(feature, cat("Image size (", size.width, " x ", size.height,
                          ") was not in enumerated set of allowed image sizes; expected ",
                          feature.type_text()));
      return;
    case ShapeConstraintType::range:
      if (!allowed.pixels_wide_range.contains(size.width))
        fail(feature, cat("Image width (", size.width, ") is not in allowed range (",
                          allowed.pixels_wide_range.text(), ")"));
      if (!allowed.pixels_high_range.contains(size.height))
        fail(feature, cat("Image height (", size.height, ") is not in allowed range (",
                          allowed.pixels_high_range.text(), ")"));
      return;
  }
}

// The value as a number: an int64, a double or an array of one element.
std::optional<double> number(const FeatureValue& value) {
  if (value.type() == FeatureType::int64) return static_cast<double>(value.int64_value());
  if (value.type() == FeatureType::double_) return value.double_value();
  if (value.type() != FeatureType::multi_array) return std::nullopt;
  const MultiArray& array = value.multi_array_value();
  if (array.count() != 1) return std::nullopt;
  const std::vector<std::int64_t> first(array.shape().size(), 0);
  return array.at(first);
}

void check_number(const FeatureDescription& feature, const FeatureValue& value) {
  const auto given = number(value);
  if (!given) fail_type(feature, value);
  if (feature.type == FeatureType::int64 && value.type() != FeatureType::int64) {
    const double limit = std::ldexp(1.0, 63);
    if (std::trunc(*given) != *given || *given < -limit || *given >= limit)
      fail(feature, cat("the number ", *given, " was given, expected an Int64"));
  }
}

void check_sequence(const FeatureDescription& feature, const FeatureValue& value) {
  const SequenceConstraint& constraint = *feature.sequence_constraint;
  if (value.type() != FeatureType::sequence) fail_type(feature, value);
  const std::size_t count = value.key_type() == FeatureType::string
                                ? value.string_sequence_value().size()
                                : value.int64_sequence_value().size();
  if (count != 0 && value.key_type() != constraint.element_type) fail_type(feature, value);
  if (!constraint.count_range.contains(static_cast<std::int64_t>(count)))
    fail(feature, cat("Size (", count, ") of the sequence is not in allowed range (",
                      constraint.count_range.text(), ")"));
}

void check_dictionary(const FeatureDescription& feature, const FeatureValue& value) {
  if (value.type() != FeatureType::dictionary) fail_type(feature, value);
  const bool is_empty = value.key_type() == FeatureType::string
                            ? value.string_dictionary_value().empty()
                            : value.int64_dictionary_value().empty();
  if (!is_empty && value.key_type() != feature.dictionary_constraint->key_type)
    fail_type(feature, value);
}

std::vector<std::string_view> names_of(const std::vector<FeatureDescription>& features) {
  std::vector<std::string_view> names;
  names.reserve(features.size());
  for (const FeatureDescription& feature : features) names.emplace_back(feature.name);
  return names;
}

void check_names(const ModelDescription& model, const FeatureProvider& values) {
  for (const auto& [given, value] : values) {
    if (model.input(given) != nullptr) continue;
    const std::vector<std::string_view> names = names_of(model.inputs);
    const std::string_view near = base::nearest(given, names);
    std::string hint = cat("the model's inputs are ", base::list_text(names));
    if (names.empty()) hint = "the model has no inputs";
    if (!near.empty()) hint = cat("did you mean ", base::quoted(near), "?");
    throw Error(ErrorCode::feature_type,
                cat("feature ", base::quoted(given), " is not an input of the model; ", hint));
  }
}

}  // namespace

void FeatureDescription::check_value(const FeatureValue& value) const {
  if (value.is_undefined()) {
    if (is_optional) return;
    fail(*this, cat("no value was given, expected ", type_text()));
  }
  if (multi_array_constraint) return check_array(*this, value);
  if (image_constraint) return check_image(*this, value);
  if (sequence_constraint) return check_sequence(*this, value);
  if (dictionary_constraint) return check_dictionary(*this, value);
  switch (type) {
    case FeatureType::int64:
    case FeatureType::double_: return check_number(*this, value);
    case FeatureType::string:
      if (value.type() != FeatureType::string) fail_type(*this, value);
      return;
    default: fail(*this, cat("a feature of type ", pome::name(type), " takes no value"));
  }
}

bool FeatureDescription::is_allowed_value(const FeatureValue& value) const noexcept {
  try {
    check_value(value);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void ModelDescription::check_inputs(const FeatureProvider& values) const {
  check_names(*this, values);
  for (const FeatureDescription& feature : inputs) {
    const FeatureValue* value = values.find(feature.name);
    if (value != nullptr) {
      feature.check_value(*value);
    } else if (!feature.is_optional) {
      throw Error(ErrorCode::feature_type,
                  cat("feature ", base::quoted(feature.name), " is missing; the model needs it as ",
                      feature.type_text()));
    }
  }
}

}  // namespace pome

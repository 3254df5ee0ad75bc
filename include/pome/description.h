// Descriptions: what a model is, and which feature values it takes and gives.
//
// Everything here is plain data that a model's description is read into; constraints say what
// values are allowed, with Core ML's words for them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pome/data_type.h"
#include "pome/export.h"
#include "pome/feature.h"
#include "pome/pixel_buffer.h"

namespace pome {

/// Sizes that are allowed, both ends included. An upper end of -1 is unbounded.
struct SizeRange {
  std::int64_t lower = 0;
  std::int64_t upper = -1;

  bool contains(std::int64_t size) const noexcept {
    return size >= lower && (upper < 0 || size <= upper);
  }
  /// "3..5", or "3..<unbounded>".
  POME_API std::string text() const;
  friend bool operator==(const SizeRange&, const SizeRange&) = default;
};

/// How the shape of an array or the size of an image may vary.
enum class ShapeConstraintType : std::uint8_t {
  unspecified,  ///< nothing declared: any shape of the right element count is up to the model
  fixed,        ///< exactly the declared shape
  enumerated,   ///< one of a list
  range,        ///< a range for each dimension
};

/// "unspecified", "fixed", "enumerated" or "range".
POME_API std::string_view name(ShapeConstraintType type) noexcept;

/// MLMultiArrayShapeConstraint.
struct MultiArrayShapeConstraint {
  ShapeConstraintType type = ShapeConstraintType::unspecified;
  std::vector<std::vector<std::int64_t>> enumerated_shapes;  ///< when `enumerated`
  std::vector<SizeRange> size_range_for_dimension;           ///< when `range`
};

/// MLMultiArrayConstraint.
struct MultiArrayConstraint {
  DataType data_type = DataType::invalid;  ///< fp16, fp32, fp64, int32 or int8
  std::vector<std::int64_t> shape;         ///< the only, or the default shape; may be empty
  MultiArrayShapeConstraint shape_constraint;
  std::optional<double> default_optional_value;  ///< fills an optional input that is not given
};

/// Colour spaces that images are declared in; they give the order of channels in the tensor.
enum class ColorSpace : std::uint8_t { invalid, grayscale, rgb, bgr, grayscale_float16 };

/// "Grayscale", "RGB", "BGR", "GrayscaleFloat16" or "Invalid".
POME_API std::string_view name(ColorSpace space) noexcept;

struct ImageSize {
  std::int64_t width = 0;
  std::int64_t height = 0;
  friend bool operator==(const ImageSize&, const ImageSize&) = default;
};

/// MLImageSizeConstraint.
struct ImageSizeConstraint {
  ShapeConstraintType type = ShapeConstraintType::unspecified;
  std::vector<ImageSize> enumerated_image_sizes;  ///< when `enumerated`
  SizeRange pixels_wide_range;                    ///< when `range`
  SizeRange pixels_high_range;                    ///< when `range`
};

/// MLImageConstraint. A picture of any pixel format is taken and converted; its size must fit.
struct ImageConstraint {
  std::int64_t pixels_wide = 0;  ///< the only, or the default width; 0 when not declared
  std::int64_t pixels_high = 0;
  ColorSpace color_space = ColorSpace::invalid;
  PixelFormat pixel_format = PixelFormat::rgba8;  ///< the format in which outputs come
  ImageSizeConstraint size_constraint;
};

/// MLDictionaryConstraint: the type of the keys, `string` or `int64`. Values are doubles.
struct DictionaryConstraint {
  FeatureType key_type = FeatureType::invalid;
};

/// MLSequenceConstraint: the type of the elements, `string` or `int64`, and how many there may be.
struct SequenceConstraint {
  FeatureType element_type = FeatureType::invalid;
  SizeRange count_range;
};

/// MLStateConstraint: the buffer behind a state.
struct StateConstraint {
  DataType data_type = DataType::invalid;
  std::vector<std::int64_t> buffer_shape;
};

/// MLFeatureDescription: one input, output or state. The constraint that belongs to `type` is set,
/// the others are not.
struct POME_API FeatureDescription {
  std::string name;
  FeatureType type = FeatureType::invalid;
  std::string short_description;
  bool is_optional = false;
  std::optional<MultiArrayConstraint> multi_array_constraint;
  std::optional<ImageConstraint> image_constraint;
  std::optional<DictionaryConstraint> dictionary_constraint;
  std::optional<SequenceConstraint> sequence_constraint;
  std::optional<StateConstraint> state_constraint;

  /// True when a model takes `value` for this feature (converting numbers and element types as
  /// `check_value` says).
  bool is_allowed_value(const FeatureValue& value) const noexcept;

  /// Throws Error{feature_type} when `value` is not allowed; the message says which feature, what
  /// came and what is allowed. Arrays of every number type are taken for an array; an int64 or
  /// double is taken for an array of one element, for a double, and, where it is a whole number,
  /// for an int64; images must have an allowed size, their pixel format is converted.
  void check_value(const FeatureValue& value) const;

  /// What is allowed, in one line: "MultiArray (fp32, 1 x 3 x 224 x 224)", "Image (RGB, 224 x
  /// 224)".
  std::string type_text() const;
};

/// Labels of a classifier, in the order of its probabilities: none, strings or int64s.
using ClassLabels =
    std::variant<std::monostate, std::vector<std::string>, std::vector<std::int64_t>>;

/// Features of one function of a model.
struct FunctionDescription {
  std::string name;
  std::vector<FeatureDescription> inputs;
  std::vector<FeatureDescription> outputs;
  std::vector<FeatureDescription> states;
  std::string predicted_feature_name;        ///< classifiers and regressors; else empty
  std::string predicted_probabilities_name;  ///< classifiers that give a dictionary; else empty
};

/// Author, licence and the like, as the model's maker wrote them.
struct Metadata {
  std::string author;
  std::string license;
  std::string version;
  std::string short_description;
  std::map<std::string, std::string> creator_defined;  ///< MLModelMetadataKey.creatorDefined
};

/// MLModelDescription.
struct POME_API ModelDescription {
  std::string model_type;  ///< "mlProgram", "neuralNetworkClassifier", ... as the format names it
  std::int64_t specification_version = 0;
  bool is_updatable = false;
  Metadata metadata;

  /// The features of the function that this describes (of a model with several functions: the one
  /// that was asked for, or the default one).
  std::vector<FeatureDescription> inputs;
  std::vector<FeatureDescription> outputs;
  std::vector<FeatureDescription> states;
  std::vector<FeatureDescription> training_inputs;
  std::string predicted_feature_name;
  std::string predicted_probabilities_name;
  ClassLabels class_labels;

  std::string function_name;          ///< the function described; empty where there is only one
  std::string default_function_name;  ///< of a model with several functions
  std::vector<FunctionDescription> functions;  ///< empty where there is only one

  /// Input, output or state of this name, or null.
  const FeatureDescription* input(std::string_view feature) const noexcept;
  const FeatureDescription* output(std::string_view feature) const noexcept;
  const FeatureDescription* state(std::string_view feature) const noexcept;

  /// Checks a whole set of inputs: unknown names, missing inputs that are not optional, and each
  /// value by FeatureDescription::check_value. Throws Error{feature_type} for the first finding.
  void check_inputs(const FeatureProvider& values) const;
};

}  // namespace pome

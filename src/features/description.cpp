#include "pome/description.h"

#include <algorithm>

#include "base/text.h"
#include "features/shape_text.h"

namespace pome {

using base::cat;

std::string SizeRange::text() const {
  return upper < 0 ? cat(lower, "..<unbounded>") : cat(lower, "..", upper);
}

std::string_view name(ShapeConstraintType type) noexcept {
  switch (type) {
    case ShapeConstraintType::unspecified: return "unspecified";
    case ShapeConstraintType::fixed: return "fixed";
    case ShapeConstraintType::enumerated: return "enumerated";
    case ShapeConstraintType::range: return "range";
  }
  return "unspecified";
}

std::string_view name(ColorSpace space) noexcept {
  switch (space) {
    case ColorSpace::invalid: return "Invalid";
    case ColorSpace::grayscale: return "Grayscale";
    case ColorSpace::rgb: return "RGB";
    case ColorSpace::bgr: return "BGR";
    case ColorSpace::grayscale_float16: return "GrayscaleFloat16";
  }
  return "Invalid";
}

namespace {

// Dimensions of a shape constraint: sizes that are fixed as numbers, others as ranges.
std::string range_text(const std::vector<SizeRange>& ranges) {
  std::string out;
  for (const SizeRange& range : ranges) {
    if (!out.empty()) out += " x ";
    out += range.lower == range.upper ? cat(range.lower) : range.text();
  }
  return out;
}

std::string array_text(const MultiArrayConstraint& constraint) {
  const auto& shapes = constraint.shape_constraint;
  std::string shape;
  switch (shapes.type) {
    case ShapeConstraintType::unspecified: break;
    case ShapeConstraintType::fixed:
      shape = cat(", ", features::shape_text(constraint.shape));
      break;
    case ShapeConstraintType::range:
      shape = cat(", ", range_text(shapes.size_range_for_dimension));
      break;
    case ShapeConstraintType::enumerated:
      for (std::size_t i = 0; i < shapes.enumerated_shapes.size(); ++i) {
        if (i == 4 && shapes.enumerated_shapes.size() > 5) {
          shape += cat(" or ", shapes.enumerated_shapes.size() - i, " more");
          break;
        }
        shape += cat(i == 0 ? ", " : " or ", features::shape_text(shapes.enumerated_shapes[i]));
      }
      break;
  }
  return cat("MultiArray (", name(constraint.data_type), shape, ")");
}

std::string image_text(const ImageConstraint& constraint) {
  const auto& sizes = constraint.size_constraint;
  std::string size;
  switch (sizes.type) {
    case ShapeConstraintType::unspecified: break;
    case ShapeConstraintType::fixed:
      size = cat(", ", constraint.pixels_wide, " x ", constraint.pixels_high);
      break;
    case ShapeConstraintType::range:
      size = cat(", ", range_text({sizes.pixels_wide_range, sizes.pixels_high_range}));
      break;
    case ShapeConstraintType::enumerated:
      for (const ImageSize& one : sizes.enumerated_image_sizes)
        size += cat(size.empty() ? ", " : " or ", one.width, " x ", one.height);
      break;
  }
  return cat("Image (", name(constraint.color_space), size, ")");
}

}  // namespace

std::string FeatureDescription::type_text() const {
  if (multi_array_constraint) return array_text(*multi_array_constraint);
  if (image_constraint) return image_text(*image_constraint);
  if (dictionary_constraint)
    return cat("Dictionary (", pome::name(dictionary_constraint->key_type), " to double)");
  if (sequence_constraint)
    return cat("Sequence (", pome::name(sequence_constraint->element_type), ", ",
               sequence_constraint->count_range.text(), " elements)");
  if (state_constraint)
    return cat("State (", pome::name(state_constraint->data_type), ", ",
               features::shape_text(state_constraint->buffer_shape), ")");
  switch (type) {
    case FeatureType::int64: return "Int64";
    case FeatureType::double_: return "Double";
    case FeatureType::string: return "String";
    default: return std::string(pome::name(type));
  }
}

namespace {

const FeatureDescription* find(const std::vector<FeatureDescription>& features,
                               std::string_view name) noexcept {
  const auto found =
      std::find_if(features.begin(), features.end(),
                   [&](const FeatureDescription& feature) { return feature.name == name; });
  return found == features.end() ? nullptr : &*found;
}

}  // namespace

const FeatureDescription* ModelDescription::input(std::string_view feature) const noexcept {
  return find(inputs, feature);
}
const FeatureDescription* ModelDescription::output(std::string_view feature) const noexcept {
  return find(outputs, feature);
}
const FeatureDescription* ModelDescription::state(std::string_view feature) const noexcept {
  return find(states, feature);
}

}  // namespace pome

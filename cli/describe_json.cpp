#include "describe_json.h"

namespace pome::cli {

namespace {

Json range_json(const SizeRange& range) {
  Json out = Json::array({range.lower, range.upper});
  if (range.upper < 0) out[1] = nullptr;  // unbounded
  return out;
}

Json array_json(const MultiArrayConstraint& array) {
  Json out;
  out["data_type"] = name(array.data_type);
  out["shape"] = array.shape;
  const MultiArrayShapeConstraint& shapes = array.shape_constraint;
  out["shape_constraint"] = name(shapes.type);
  if (shapes.type == ShapeConstraintType::enumerated)
    out["enumerated_shapes"] = shapes.enumerated_shapes;
  if (shapes.type == ShapeConstraintType::range) {
    out["shape_range"] = Json::array();
    for (const SizeRange& range : shapes.size_range_for_dimension)
      out["shape_range"].push_back(range_json(range));
  }
  if (array.default_optional_value) out["default"] = *array.default_optional_value;
  return out;
}

Json image_json(const ImageConstraint& image) {
  Json out;
  out["color_space"] = name(image.color_space);
  out["width"] = image.pixels_wide;
  out["height"] = image.pixels_high;
  const ImageSizeConstraint& sizes = image.size_constraint;
  out["size_constraint"] = name(sizes.type);
  if (sizes.type == ShapeConstraintType::enumerated) {
    out["enumerated_sizes"] = Json::array();
    for (const ImageSize& size : sizes.enumerated_image_sizes)
      out["enumerated_sizes"].push_back(Json::array({size.width, size.height}));
  }
  if (sizes.type == ShapeConstraintType::range) {
    out["width_range"] = range_json(sizes.pixels_wide_range);
    out["height_range"] = range_json(sizes.pixels_high_range);
  }
  return out;
}

}  // namespace

Json feature_json(const FeatureDescription& feature) {
  Json out;
  out["name"] = feature.name;
  out["type"] = name(feature.type);
  if (feature.multi_array_constraint) out.update(array_json(*feature.multi_array_constraint));
  if (feature.image_constraint) out.update(image_json(*feature.image_constraint));
  if (feature.dictionary_constraint)
    out["key_type"] = name(feature.dictionary_constraint->key_type);
  if (feature.sequence_constraint) {
    out["element_type"] = name(feature.sequence_constraint->element_type);
    out["count_range"] = range_json(feature.sequence_constraint->count_range);
  }
  if (feature.state_constraint) {
    out["data_type"] = name(feature.state_constraint->data_type);
    out["shape"] = feature.state_constraint->buffer_shape;
  }
  out["optional"] = feature.is_optional;
  if (!feature.short_description.empty()) out["description"] = feature.short_description;
  return out;
}

Json features_json(const std::vector<FeatureDescription>& features) {
  Json out = Json::array();
  for (const FeatureDescription& feature : features) out.push_back(feature_json(feature));
  return out;
}

Json metadata_json(const Metadata& metadata) {
  Json out = Json::object();
  const auto put = [&](const char* key, const std::string& value) {
    if (!value.empty()) out[key] = value;
  };
  put("description", metadata.short_description);
  put("author", metadata.author);
  put("license", metadata.license);
  put("version", metadata.version);
  if (!metadata.creator_defined.empty()) out["user_defined"] = metadata.creator_defined;
  return out;
}

std::string json_text(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace pome::cli

#include "runtime/describe.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/text.h"
#include "format/model_type.h"
#include "image/tensor.h"
#include "pome/error.h"
#include "runtime/wire.h"

namespace pome::runtime {

using base::cat;
using wire::Field;
using wire::Message;

namespace {

std::int64_t to_size(std::uint64_t value) noexcept {
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(std::min(value, largest));
}

// SizeRange: an upper bound below zero is none.
SizeRange read_range(Message message) {
  SizeRange out{0, 0};
  wire::for_each(message, [&](const Field& field) {
    if (field.number == 1) out.lower = to_size(field.unsigned_value());
    if (field.number == 2) out.upper = std::max<std::int64_t>(field.signed_value(), -1);
  });
  return out;
}

std::vector<SizeRange> read_ranges(Message message) {
  std::vector<SizeRange> out;
  wire::for_each(message, [&](const Field& field) {
    if (field.number == 1) out.push_back(read_range(field.message()));
  });
  return out;
}

std::vector<std::vector<std::int64_t>> read_shapes(Message message) {
  std::vector<std::vector<std::int64_t>> out;
  wire::for_each(message, [&](const Field& field) {
    if (field.number != 1) return;
    std::vector<std::int64_t> shape;
    wire::for_each(field.message(), [&](const Field& inner) {
      if (inner.number == 1) inner.append_to(shape);
    });
    out.push_back(std::move(shape));
  });
  return out;
}

DataType array_type(std::int64_t code) noexcept {
  switch (code) {
    case 0x10010: return DataType::fp16;
    case 0x10020: return DataType::fp32;
    case 0x10040: return DataType::fp64;
    case 0x20008: return DataType::int8;
    case 0x20020: return DataType::int32;
    default: return DataType::invalid;
  }
}

// The default shape where a flexible array does not write one: the first of the list, or the
// smallest in range.
void fill_default_shape(MultiArrayConstraint& out) {
  const MultiArrayShapeConstraint& shapes = out.shape_constraint;
  if (!out.shape.empty()) return;
  if (!shapes.enumerated_shapes.empty()) out.shape = shapes.enumerated_shapes.front();
  for (const SizeRange& range : shapes.size_range_for_dimension) out.shape.push_back(range.lower);
}

MultiArrayConstraint read_array(Message message) {
  MultiArrayConstraint out;
  MultiArrayShapeConstraint& shapes = out.shape_constraint;
  wire::for_each(message, [&](const Field& field) {
    switch (field.number) {
      case 1: field.append_to(out.shape); break;
      case 2: out.data_type = array_type(field.signed_value()); break;
      case 21: shapes = {ShapeConstraintType::enumerated, read_shapes(field.message()), {}}; break;
      case 31: shapes = {ShapeConstraintType::range, {}, read_ranges(field.message())}; break;
      case 41: out.default_optional_value = static_cast<double>(field.signed_value()); break;
      case 51: out.default_optional_value = field.float_value(); break;
      case 61: out.default_optional_value = field.double_value(); break;
      default: break;
    }
  });
  if (shapes.type == ShapeConstraintType::unspecified && !out.shape.empty())
    shapes.type = ShapeConstraintType::fixed;
  fill_default_shape(out);
  return out;
}

ColorSpace color_space(std::int64_t code) noexcept {
  switch (code) {
    case 10: return ColorSpace::grayscale;
    case 20: return ColorSpace::rgb;
    case 30: return ColorSpace::bgr;
    case 40: return ColorSpace::grayscale_float16;
    default: return ColorSpace::invalid;
  }
}

std::vector<ImageSize> read_image_sizes(Message message) {
  std::vector<ImageSize> out;
  wire::for_each(message, [&](const Field& field) {
    if (field.number != 1) return;
    ImageSize size;
    wire::for_each(field.message(), [&](const Field& inner) {
      if (inner.number == 1) size.width = to_size(inner.unsigned_value());
      if (inner.number == 2) size.height = to_size(inner.unsigned_value());
    });
    out.push_back(size);
  });
  return out;
}

void read_image_ranges(Message message, ImageSizeConstraint& out) {
  out.type = ShapeConstraintType::range;
  wire::for_each(message, [&](const Field& field) {
    if (field.number == 1) out.pixels_wide_range = read_range(field.message());
    if (field.number == 2) out.pixels_high_range = read_range(field.message());
  });
}

ImageConstraint read_image(Message message) {
  ImageConstraint out;
  ImageSizeConstraint& sizes = out.size_constraint;
  wire::for_each(message, [&](const Field& field) {
    switch (field.number) {
      case 1: out.pixels_wide = field.signed_value(); break;
      case 2: out.pixels_high = field.signed_value(); break;
      case 3: out.color_space = color_space(field.signed_value()); break;
      case 21:
        sizes.type = ShapeConstraintType::enumerated;
        sizes.enumerated_image_sizes = read_image_sizes(field.message());
        break;
      case 31: read_image_ranges(field.message(), sizes); break;
      default: break;
    }
  });
  out.pixel_format = image::pixel_format(out.color_space);
  const bool has_size = out.pixels_wide > 0 && out.pixels_high > 0;
  if (sizes.type == ShapeConstraintType::unspecified && has_size)
    sizes.type = ShapeConstraintType::fixed;
  if (!has_size && !sizes.enumerated_image_sizes.empty()) {
    out.pixels_wide = sizes.enumerated_image_sizes.front().width;
    out.pixels_high = sizes.enumerated_image_sizes.front().height;
  } else if (!has_size && sizes.type == ShapeConstraintType::range) {
    out.pixels_wide = sizes.pixels_wide_range.lower;
    out.pixels_high = sizes.pixels_high_range.lower;
  }
  return out;
}

DictionaryConstraint read_dictionary(Message message) {
  DictionaryConstraint out;
  wire::for_each(message, [&](const Field& field) {
    if (field.number == 1) out.key_type = FeatureType::int64;
    if (field.number == 2) out.key_type = FeatureType::string;
  });
  return out;
}

SequenceConstraint read_sequence(Message message) {
  SequenceConstraint out;
  wire::for_each(message, [&](const Field& field) {
    if (field.number == 1) out.element_type = FeatureType::int64;
    if (field.number == 3) out.element_type = FeatureType::string;
    if (field.number == 101) out.count_range = read_range(field.message());
  });
  return out;
}

StateConstraint read_state(Message message) {
  StateConstraint out;
  wire::for_each(message, [&](const Field& field) {
    if (field.number != 1) return;
    MultiArrayConstraint array = read_array(field.message());
    out.data_type = array.data_type;
    out.buffer_shape = std::move(array.shape);
  });
  return out;
}

void read_type(Message message, FeatureDescription& out) {
  wire::for_each(message, [&](const Field& field) {
    if (field.number >= 1 && field.number <= 8) out.type = static_cast<FeatureType>(field.number);
    switch (field.number) {
      case 4: out.image_constraint = read_image(field.message()); break;
      case 5: out.multi_array_constraint = read_array(field.message()); break;
      case 6: out.dictionary_constraint = read_dictionary(field.message()); break;
      case 7: out.sequence_constraint = read_sequence(field.message()); break;
      case 8: out.state_constraint = read_state(field.message()); break;
      case 1000: out.is_optional = field.unsigned_value() != 0; break;
      default: break;
    }
  });
}

FeatureDescription read_feature(Message message) {
  FeatureDescription out;
  wire::for_each(message, [&](const Field& field) {
    switch (field.number) {
      case 1: out.name = field.text(); break;
      case 2: out.short_description = field.text(); break;
      case 3: read_type(field.message(), out); break;
      default: break;
    }
  });
  return out;
}

FunctionDescription read_function(Message message) {
  FunctionDescription out;
  wire::for_each(message, [&](const Field& field) {
    switch (field.number) {
      case 1: out.name = field.text(); break;
      case 2: out.inputs.push_back(read_feature(field.message())); break;
      case 3: out.outputs.push_back(read_feature(field.message())); break;
      case 4: out.predicted_feature_name = field.text(); break;
      case 5: out.predicted_probabilities_name = field.text(); break;
      case 6: out.states.push_back(read_feature(field.message())); break;
      default: break;
    }
  });
  return out;
}

Metadata read_metadata(Message message) {
  Metadata out;
  wire::for_each(message, [&](const Field& field) {
    switch (field.number) {
      case 1: out.short_description = field.text(); break;
      case 2: out.version = field.text(); break;
      case 3: out.author = field.text(); break;
      case 4: out.license = field.text(); break;
      case 100: {
        std::string key;
        std::string value;
        wire::for_each(field.message(), [&](const Field& entry) {
          if (entry.number == 1) key = entry.text();
          if (entry.number == 2) value = entry.text();
        });
        out.creator_defined.insert_or_assign(std::move(key), std::move(value));
        break;
      }
      default: break;
    }
  });
  return out;
}

void read_description(Message message, ModelDescription& out) {
  wire::for_each(message, [&](const Field& field) {
    switch (field.number) {
      case 1: out.inputs.push_back(read_feature(field.message())); break;
      case 10: out.outputs.push_back(read_feature(field.message())); break;
      case 11: out.predicted_feature_name = field.text(); break;
      case 12: out.predicted_probabilities_name = field.text(); break;
      case 13: out.states.push_back(read_feature(field.message())); break;
      case 20: out.functions.push_back(read_function(field.message())); break;
      case 21: out.default_function_name = field.text(); break;
      case 50: out.training_inputs.push_back(read_feature(field.message())); break;
      case 100: out.metadata = read_metadata(field.message()); break;
      default: break;
    }
  });
}

// Fields of a Model message, which a pipeline nests.
struct ModelParts {
  std::int64_t specification_version = 0;
  bool is_updatable = false;
  Message description;
  std::uint32_t type = 0;  // field number of the model's type
  Message content;         // of that field
};

ModelParts read_parts(Message message) {
  ModelParts out;
  wire::for_each(message, [&](const Field& field) {
    switch (field.number) {
      case 1: out.specification_version = field.signed_value(); break;
      case 2: out.description = field.message(); break;
      case 10: out.is_updatable = field.unsigned_value() != 0; break;
      default:
        if (field.number < 200) break;
        out.type = field.number;
        out.content = field.message();
    }
  });
  return out;
}

// StringVector and Int64Vector.
void read_label_vector(Message message, bool is_text, ClassLabels& out) {
  std::vector<std::string> texts;
  std::vector<std::int64_t> numbers;
  wire::for_each(message, [&](const Field& field) {
    if (field.number != 1) return;
    if (is_text) {
      texts.emplace_back(field.text());
    } else {
      field.append_to(numbers);
    }
  });
  if (is_text) {
    out = std::move(texts);
  } else {
    out = std::move(numbers);
  }
}

// Where a model type keeps its labels: the fields of the string and the int64 vector.
struct LabelFields {
  std::uint32_t text = 0;
  std::uint32_t number = 0;
};

LabelFields label_fields(std::uint32_t type) noexcept {
  switch (type) {
    case 400:  // linear, support vector, tree, neural-network and nearest-neighbour classifiers
    case 401:
    case 402:
    case 403:
    case 404:
    case 610: return {100, 101};  // non-maximum suppression
    case 2000:                    // text classifier
    case 2004: return {200, 0};   // gazetteer
    default: return {};
  }
}

// Pipelines may hold pipelines; nothing real is deeper than two.
constexpr int max_pipeline_depth = 8;

ClassLabels read_labels(const ModelParts& model, int depth);

// The labels of a pipeline are those of its last classifier.
ClassLabels read_pipeline_labels(Message pipeline, int depth) {
  ClassLabels out;
  if (depth >= max_pipeline_depth) return out;
  wire::for_each(pipeline, [&](const Field& field) {
    if (field.number != 1) return;
    ClassLabels found = read_labels(read_parts(field.message()), depth + 1);
    if (!std::holds_alternative<std::monostate>(found)) out = std::move(found);
  });
  return out;
}

ClassLabels read_labels(const ModelParts& model, int depth) {
  ClassLabels out;
  if (model.type == format::model_type::pipeline) return read_pipeline_labels(model.content, depth);
  const bool wraps_pipeline = model.type == format::model_type::pipeline_classifier;
  const LabelFields fields = label_fields(model.type);
  if (!wraps_pipeline && fields.text == 0) return out;
  wire::for_each(model.content, [&](const Field& field) {
    if (wraps_pipeline) {
      if (field.number == 1) out = read_pipeline_labels(field.message(), depth);
    } else if (field.number == fields.text || field.number == fields.number) {
      read_label_vector(field.message(), field.number == fields.text, out);
    }
  });
  return out;
}

void set_type(ModelDescription& out, std::uint32_t type) {
  const std::string_view known = format::model_type_name(type);
  out.model_type = known.empty() ? cat("type ", type) : std::string(known);
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

ModelDescription describe(const format::Asset& asset, base::Budget& budget) {
  const bool is_whole = asset.spec() != nullptr;
  const auto& source = is_whole ? asset.spec() : asset.description();
  if (source == nullptr)
    throw Error(ErrorCode::io,
                cat(base::quoted(asset.name()), ": there is no description of the model in it"));
  ModelDescription out;
  try {
    std::vector<std::byte> held;
    Message message = source->memory();
    if (message.empty()) {
      held = base::read_all(*source, budget);
      message = held;
    }
    if (is_whole) {
      const ModelParts parts = read_parts(message);
      if (parts.type == 0)
        throw Error(ErrorCode::io, "the specification holds no model, only its description");
      read_description(parts.description, out);
      out.specification_version = parts.specification_version;
      out.is_updatable = parts.is_updatable;
      set_type(out, parts.type);
      out.class_labels = read_labels(parts, 0);
    } else {
      read_description(message, out);
    }
    if (const format::CoreMlData* head = asset.compiled(); head != nullptr && !is_whole) {
      out.specification_version = head->specification_version;
      set_type(out, head->model_type);
    }
    budget.give_back(static_cast<std::int64_t>(held.size()));
  } catch (Error& error) {
    throw error.within(base::quoted(asset.name()));
  }
  select_default_function(out);
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

// `metadata.json` of a compiled model: what a person wants to know, computed when it was compiled.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/budget.h"
#include "base/file.h"

namespace pome::format {

/// An input, output or state as metadata.json describes it. All texts are for people.
struct FeatureMetadata {
  std::string name;
  std::string type;            ///< "MultiArray", "Image", "Double", ...
  std::string formatted_type;  ///< "MultiArray (Float32 1 × 576)"
  std::string data_type;       ///< "Float32"
  std::string shape;           ///< "[1, 576]"
  std::string description;
  bool is_optional = false;
  bool has_shape_flexibility = false;
};

using TextPairs = std::vector<std::pair<std::string, std::string>>;

/// The parts of metadata.json that Pome shows or writes; absent ones are empty.
struct CompiledMetadata {
  std::string class_name;         ///< generatedClassName
  std::string model_type;         ///< "mlProgram": the last part of modelType's name
  std::string storage_precision;  ///< "Mixed (Float16, Float32)"
  std::string compute_precision;
  std::string short_description;
  std::string author;
  std::string version;
  std::string license;
  std::int64_t specification_version = 0;
  bool is_updatable = false;
  std::vector<FeatureMetadata> inputs;
  std::vector<FeatureMetadata> outputs;
  std::vector<FeatureMetadata> states;
  std::vector<std::pair<std::string, std::int64_t>> operations;  ///< how often each occurs
  TextPairs availability;                                        ///< "macOS" -> "12.0"
  TextPairs user_defined;
};

/// Reads metadata.json. Unknown keys are passed over, so are values of another type than expected:
/// nothing that Pome computes depends on them. Throws Error{io} when the file is not JSON or holds
/// no object.
CompiledMetadata read_metadata_json(const base::ByteSource& source, base::Budget& budget);

/// The text of a metadata.json, with keys in alphabetical order.
std::string write_metadata_json(const CompiledMetadata& metadata);

}  // namespace pome::format

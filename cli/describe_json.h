// Descriptions as JSON, for --json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "pome/description.h"

namespace pome::cli {

/// Keys stay in the order in which they are written.
using Json = nlohmann::ordered_json;

/// {"name", "type", "text", ...} with the constraint that belongs to the type.
Json feature_json(const FeatureDescription& feature);

/// A list of features.
Json features_json(const std::vector<FeatureDescription>& features);

/// Author, license, version, description and the maker's own keys; empty ones left out.
Json metadata_json(const Metadata& metadata);

/// Text of a JSON value as the program prints it: indented, invalid UTF-8 replaced, a line end.
std::string json_text(const Json& value);

}  // namespace pome::cli

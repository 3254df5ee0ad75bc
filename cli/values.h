// Feature values from what a user types or names: files, JSON, numbers, text.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "image/image_file.h"
#include "npy.h"
#include "pome/description.h"
#include "pome/feature.h"

namespace pome::cli {

/// How values are read.
struct ValueOptions {
  CropAndScale image_mode = CropAndScale::center_crop;
};

/// A value of `feature` from VALUE as `--input name=VALUE` has it. Throws Error{feature_type, io}
/// that names the feature.
FeatureValue value_from_text(const FeatureDescription& feature, const std::string& text,
                             const ValueOptions& options, base::Budget& budget);

/// From an array of an .npy or .npz file: also numbers, texts, pictures (height x width x channels)
/// and dictionaries as JSON text. Throws Error{feature_type}.
FeatureValue value_from_array(const FeatureDescription& feature, const NpyValue& array,
                              base::Budget& budget);

/// From JSON: nested lists for arrays, objects for dictionaries. Throws Error{feature_type}.
FeatureValue value_from_json(const FeatureDescription& feature, const nlohmann::json& json);

/// Reads a JSON file, or JSON from the command line. Throws Error{io}.
nlohmann::json read_json(const std::filesystem::path& path, base::Budget& budget);
nlohmann::json parse_json_text(std::string_view text, std::string_view name, base::Budget& budget);

/// The numbers of nested lists with their shape; "NaN", "Infinity" and "-Infinity" are numbers.
/// Whole numbers give an int64 array, others fp64. Throws Error{feature_type} when the lists are
/// uneven or hold something else; `place` begins the message.
MultiArray array_from_json(const nlohmann::json& json, std::string_view place);

/// A number, or nothing when the text is not just one.
std::optional<double> parse_number(std::string_view text);

/// True when the text ends like a file of this suffix, in any case: has_suffix(t, ".npy").
bool has_suffix(std::string_view text, std::string_view suffix);

}  // namespace pome::cli

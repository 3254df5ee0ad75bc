// Outputs of predictions: as text, JSON and .npz entries.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "describe_json.h"
#include "npy.h"
#include "pome/feature.h"
#include "terminal.h"

namespace pome::cli {

/// Outputs as aligned lines: small arrays whole, large ones by range, mean and first elements,
/// dictionaries as their `top` likeliest entries with bars (0: five of them).
std::string outputs_text(const FeatureProvider& outputs, std::size_t top, const Terminal& terminal);

/// One value as JSON: nested lists for arrays, an object for a dictionary (its `top` likeliest
/// entries when not 0). NaN and infinities are the texts "NaN", "Infinity" and "-Infinity".
Json value_json(const FeatureValue& value, std::size_t top = 0);

/// The numbers of a value as an array (pictures: height x width x channels); nothing for text and
/// dictionaries.
std::optional<MultiArray> number_array(const FeatureValue& value);

/// Adds one output to the entries of an .npz: texts as NumPy's text, a dictionary as "name.keys"
/// and "name.values" (in the order of the keys). An undefined value adds nothing.
void add_entries(const std::string& name, const FeatureValue& value, NpzEntries& entries);

/// Entries of a dictionary, the largest first (of equal ones: in the order of the keys).
std::vector<std::pair<std::string, double>> ranked(const FeatureValue& dictionary);

/// A number in few digits: "0.0123", "-3", "1.5e-07".
std::string number_text(double value);

}  // namespace pome::cli

// From `--input` arguments to the predictions that are to be made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/budget.h"
#include "pome/description.h"
#include "pome/feature.h"
#include "values.h"

namespace pome::cli {

/// Inputs of one prediction.
struct Case {
  std::string label;  ///< "cat.jpg", "row 3"; empty where there is only one
  FeatureProvider inputs;
};

/// Collects inputs: NAME=VALUE, or a VALUE for the model's only input, or a file that names inputs
/// itself (.npz, a JSON object, CSV with a header). A feature that is given several values (several
/// pictures, rows of a CSV file) makes as many predictions; the others hold for all of them.
class InputCollector {
 public:
  InputCollector(const ModelDescription& description, ValueOptions options, base::Budget& budget)
      : description_(description), options_(options), budget_(budget) {}

  /// Throws Error{feature_type} for an unknown name (the nearest is proposed) or a wrong value,
  /// Error{io} for a file that cannot be read.
  void add(const std::string& argument);

  /// Fills the required inputs that were not given with random values within what is declared, the
  /// same for the same seed.
  void fill_random(std::uint64_t seed);

  /// The predictions, at least one. Throws Error{feature_type} when features have different
  /// numbers of values.
  std::vector<Case> cases() const;

 private:
  struct Value {
    std::string label;
    FeatureValue value;
  };
  struct Given {
    const FeatureDescription* feature;
    std::vector<Value> values;
  };

  const FeatureDescription& feature(std::string_view name, std::string_view place) const;
  const FeatureDescription& only_input(const std::string& argument) const;
  void put(const FeatureDescription& feature, std::string label, FeatureValue value);
  void add_value(const FeatureDescription& feature, const std::string& text);
  bool is_output_only(const std::string& name) const;
  bool add_unnamed_file(const std::string& text);
  void add_csv(const std::string& path, const FeatureDescription* only);
  void add_csv_columns(const std::string& path, const std::vector<std::vector<std::string>>& rows);
  FeatureValue cell_value(const FeatureDescription& feature, const std::string& cell,
                          const std::string& place) const;

  const ModelDescription& description_;
  ValueOptions options_;
  base::Budget& budget_;
  std::vector<Given> given_;
};

/// A random value of a feature: the default shape, floating-point elements uniform in [0, 1),
/// integers uniform in 0..9, random pixels, short texts. Depends on seed and name only.
FeatureValue random_value(const FeatureDescription& feature, std::uint64_t seed);

}  // namespace pome::cli

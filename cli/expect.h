// Comparison with expected outputs: `predict --expect`.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/budget.h"
#include "describe_json.h"
#include "npy.h"
#include "pome/description.h"
#include "pome/feature.h"
#include "terminal.h"

namespace pome::cli {

/// An element agrees when |got - expected| <= absolute + relative * |expected|; NaN agrees with
/// NaN.
struct Tolerance {
  double relative = 1e-3;
  double absolute = 1e-4;
};

/// What came of one output.
struct Comparison {
  std::string output;
  std::size_t elements = 0;
  std::size_t wrong = 0;    ///< elements that do not agree
  double max_absolute = 0;  ///< largest |got - expected|
  double max_relative = 0;  ///< largest |got - expected| / |expected|, where expected is not 0
  std::string worst;        ///< where: "[0, 3]", or a key
  std::string got;          ///< there
  std::string expected;
  std::string problem;  ///< "shape [2] instead of [3]"; empty where elements were compared

  bool agrees() const noexcept { return wrong == 0 && problem.empty(); }
};

/// What a dictionary is compared with; whole-number keys are written as text.
using NumberByKey = std::map<std::string, double>;

/// Expected outputs of one or several predictions, by output name. Entries that are named like an
/// input are passed over, so one file may hold inputs and outputs.
class Golden {
 public:
  /// Reads an .npz (entries by output name, of several predictions "0.name", "1.name", ...; of a
  /// dictionary "name.keys" and "name.values", or a JSON text) or JSON (an object by output name, a
  /// list of such objects, or what `predict --json` prints).
  /// Throws Error{io} for a file that is neither, Error{feature_type} for a name that is no output
  /// or another number of predictions.
  Golden(const std::filesystem::path& path, const ModelDescription& description,
         std::size_t predictions, base::Budget& budget);

  /// Compares prediction number `index`.
  std::vector<Comparison> compare(std::size_t index, const FeatureProvider& outputs,
                                  const Tolerance& tolerance) const;

 private:
  using Value = std::variant<MultiArray, TextArray, NumberByKey>;
  using Expected = std::map<std::string, Value>;
  struct Halves;
  void read_archive(const std::filesystem::path& path, base::Budget& budget);
  void read_json_file(const std::filesystem::path& path, base::Budget& budget);
  void add_archive_entry(const std::string& entry, NpyValue value, Halves& halves,
                         base::Budget& budget);
  void add(std::size_t index, std::string name, Value value);
  bool is_output(const std::string& name) const;
  bool is_dictionary(std::string_view name) const;
  std::string place(const std::string& name) const;
  Value json_value(const nlohmann::json& json, const std::string& name) const;
  NumberByKey dictionary(const nlohmann::json& json, const std::string& name) const;
  NumberByKey joined(const std::string& name, const NpyValue& keys, const NpyValue& values) const;
  static Comparison compare_value(const std::string& name, const FeatureValue& got,
                                  const Value& expected, const Tolerance& tolerance);

  const ModelDescription& description_;
  std::string place_;
  std::vector<Expected> expected_;
};

/// The comparisons as a table.
std::string comparisons_text(const std::vector<Comparison>& comparisons, const Terminal& terminal);
Json comparisons_json(const std::vector<Comparison>& comparisons);

}  // namespace pome::cli

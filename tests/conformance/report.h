// The tables that a run of a corpus prints, and its exit status.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "run.h"

namespace pome::conformance {

/// What the folder has that was not run.
struct Coverage {
  std::vector<std::filesystem::path> without_case;  ///< folders with a model and no case.json
};

/// Prints failures and a table by model type and operation. `known`: a file that lists failing
/// cases by name ("" for none). True when every case was run and passed, but for the listed ones.
bool report(const std::vector<Outcome>& outcomes, const Coverage& coverage,
            const std::string& known);

nlohmann::json to_json(const std::vector<Outcome>& outcomes);

/// The operation that a case is about: of those in its program the longest that its test's name
/// has, else the one that the fewest programs of the run have. By outcome; "" for other models.
std::vector<std::string> main_operations(const std::vector<Outcome>& outcomes);

}  // namespace pome::conformance

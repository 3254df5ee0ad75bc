// Running the cases of a corpus.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace pome::conformance {

/// What became of one case.
struct Outcome {
  std::string name, test, type;
  std::set<std::string> operations;  ///< of an ML Program
  std::string not_run;               ///< why this build cannot run models of the type; else empty
  bool passed = false;
  std::size_t steps = 0;
  std::set<std::size_t> failed_steps;
  double worst = 0;              ///< error in units of the case's tolerance, where it passed
  bool zeros_would_pass = true;  ///< zeros pass for every compared output
  std::string reason;            ///< of the failure
  bool excusable = true;         ///< what failed is a comparison with the expected value

  // A program with float16 values, beside the reference device in exact numerics.
  bool has_f16 = false;
  bool f16_compared = false;
  double f16_worst = 0;        ///< error in units of the derived bound; over 1 is a failure
  bool zeros_in_bound = true;  ///< zeros lie within the bound of every output

  // Shapes of all results of the program's body, inferred against run.
  std::int64_t shapes = 0;
};

struct RunOptions {
  std::string device;         ///< empty: the default
  bool with_program = false;  ///< also the float16 bound and the shapes
};

/// Runs one case; what goes wrong is in the outcome.
Outcome run_case(const std::filesystem::path& file, const RunOptions& options);

/// All of them, on as many threads as the machine has. Outcomes stand in the order of the files.
std::vector<Outcome> run_all(const std::vector<std::filesystem::path>& files,
                             const RunOptions& options);

}  // namespace pome::conformance

// Runs one operation as a data file describes it, through everything a definition takes part in.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "ir/program.h"

namespace pome::ops::testing {

/// One case of a data file (tests/ops/make_cases.py describes the format).
struct Case {
  std::string name;  ///< "<file> <number>: <operation> (<note>)"
  nlohmann::json json;
};

/// The names of all data files, sorted, without folder and ending.
std::vector<std::string> case_files();
/// The cases of one of these files.
std::vector<Case> load_cases(const std::string& file);
/// The cases of all data files.
std::vector<Case> all_cases();

/// Evaluates the operation of a case; results in their storage types. Throws what it throws.
std::vector<base::HostTensor> evaluate_case(const nlohmann::json& test);

/// A case as a program: a function "main" of its one operation, whose results are its outputs.
struct CaseProgram {
  std::shared_ptr<ir::Program> program;
  std::vector<base::HostTensor> inputs;  ///< in their storage types, in order of the inputs
  std::vector<base::HostTensor> expected;
  double relative = 0, absolute = 0;  ///< tolerances
};
/// With `weights` every argument but those of the signature's first parameter is a constant, as the
/// weights of a model are.
CaseProgram program_of(const nlohmann::json& test, bool weights);

/// Whether an evaluation that returned nothing but zeros would pass the case.
bool zeros_would_pass(const Case& test);

/// Builds a function of the one operation; resolves it, infers types, evaluates and compares.
/// Reports failures through gtest. Checked for a case with outputs:
/// - evaluation gives the expected types, shapes and elements,
/// - inference with every argument known, and with only the float ones not known, gives exactly
///   the evaluated shapes (unless the case says that they depend on data),
/// - inference with nothing known but ranks, and without those, agrees with the result.
/// A case with an `error` must fail with a sentence that contains it and names the operation.
void run_case(const Case& test);

}  // namespace pome::ops::testing

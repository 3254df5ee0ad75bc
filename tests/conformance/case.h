// One case of a conformance corpus: a model, inputs and the outputs that others computed.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace pome::conformance {

/// How an output is compared.
struct Tolerance {
  std::string function;  ///< "assert_allclose", "rel_error", "SNR", "==", ...
  double rtol = 1e-7, atol = 0;
  double delta = 0, snr = 0, psnr = 0;
  int decimal = 6;
  bool dictionary = false;  ///< the expected value is JSON text
  bool derived = false;     ///< of a view: compared when the element counts agree
};

struct Step {
  std::filesystem::path inputs, expected;
  std::map<std::string, std::string> kinds;  ///< by input: "array", "float", "image:RGB", ...
  std::map<std::string, Tolerance> tolerances;
  bool state = false;
};

struct Case {
  std::string name;  ///< folder's name
  std::string test;  ///< coremltools' id
  std::string type;  ///< "mlProgram", ...
  std::filesystem::path model;
  std::string function;
  std::vector<Step> steps;
};

/// Reads a `case.json`. Throws Error{io} when it is not one.
Case read_case(const std::filesystem::path& file);

/// All cases below a folder, by path. Throws Error{io}.
std::vector<std::filesystem::path> find_cases(const std::filesystem::path& folder);

}  // namespace pome::conformance

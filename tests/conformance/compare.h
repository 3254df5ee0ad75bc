// Comparing what came out with what was expected, as the corpus' README defines it.
#pragma once

#include <string>

#include "case.h"
#include "npy.h"
#include "pome/feature.h"

namespace pome::conformance {

struct Comparison {
  bool passed = false;
  double worst = 0;  ///< error in units of the tolerance; above 1 is a failure
  bool zeros_would_pass = false;
  std::string reason;  ///< of a failure
};

Comparison compare(const FeatureValue& got, const cli::NpyValue& expected,
                   const Tolerance& tolerance);

}  // namespace pome::conformance

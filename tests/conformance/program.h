// What can be said of a case's ML Program beside its outputs: its operations, whether inference
// gives the shapes that a run has, and how far float32 kernels may be from float64 ones.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "pome/model.h"

namespace pome::conformance {

/// Of one function of a program.
struct ProgramFacts {
  std::set<std::string> operations;  ///< types, without `const`
  bool has_f16 = false;              ///< some value is declared float16
  bool random = false;               ///< some operation draws numbers
  bool classifies = false;           ///< it ends in `classify`
};

/// Reads an ML Program. Throws Error.
ProgramFacts read_facts(const Asset& asset, const std::string& function);

/// Every value of a program in a run of the reference device, in exact numerics.
struct FullRun {
  std::int64_t values = 0;         ///< results whose shapes were compared
  std::vector<std::string> wrong;  ///< one sentence a value whose shape is not the inferred one
  double greatest = 0;             ///< of the absolute finite values, inputs included
  double terms = 0;                ///< roundings behind one element, at most, over all calls
};

/// Runs programs so that every result of the body becomes an output, and compares the shape of each
/// with what type inference says of the program as the file has it: for the types that the
/// program declares (unknown dimensions agree with any) and for the dimensions of the inputs.
class FullRunner {
 public:
  FullRunner(Asset asset, const std::string& function);
  ~FullRunner();
  FullRun run(const FeatureProvider& inputs);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pome::conformance

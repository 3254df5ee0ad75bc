// What `pome info` knows of a model, as plain data.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model_file.h"

namespace pome::cli {

/// Kinds with how often each occurs, the most frequent first.
using Counts = std::vector<std::pair<std::string, std::size_t>>;

/// Bytes of weights stored in one way.
struct PrecisionShare {
  std::string type;  ///< "fp16", "uint4", "8 bits (linear)"
  std::int64_t bytes = 0;
};

/// Something that keeps a model from running.
struct Obstacle {
  std::string place;  ///< "operation 'x' (foo)"; empty for the model as a whole
  std::string kind;   ///< the operation's type; empty where it is none
  std::string reason;
};

struct FunctionReport {
  std::string name;
  std::string opset;
  Counts operations;  ///< constants left out
  std::size_t constants = 0;
};

/// A model inside a pipeline.
struct SubmodelReport {
  std::string name;
  std::string type;
  Counts layers;
  std::vector<SubmodelReport> submodels;
};

struct Report {
  std::vector<FunctionReport> functions;                   ///< ML Programs
  Counts layers;                                           ///< neural networks
  std::vector<SubmodelReport> submodels;                   ///< pipelines
  std::vector<PrecisionShare> precision;                   ///< most bytes first
  std::vector<std::pair<std::string, std::string>> facts;  ///< of classical models: "trees" -> "12"
  ClassLabels class_labels;
  std::vector<Obstacle> obstacles;
};

/// Computes the report. Of a program, operations are resolved and types inferred on the way, which
/// changes it. What is wrong inside a model ends up among the obstacles.
Report make_report(ModelFile& model);

/// "iOS15" for "CoreML5" and "ios15"; an unknown opset stays as it is written.
std::string opset_text(const std::string& opset);

/// "iOS 15, macOS 12, watchOS 8, tvOS 15"; empty for an unknown specification version.
std::string minimum_systems(std::int64_t specification_version);

}  // namespace pome::cli

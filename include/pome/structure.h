// What a model is made of, and where its parts would run: MLModelStructure and MLComputePlan.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pome/export.h"
#include "pome/model.h"

namespace pome {

/// A name with MIL's spelling of its type: "tensor<fp16, [1, 3]>".
struct NamedValueType {
  std::string name;
  std::string type;
};

struct BlockStructure;

/// MLModelStructure.Program.Operation.
struct OperationStructure {
  std::string operator_name;  ///< "conv", "const", "constexpr_lut_to_dense", ...
  /// Parameters in alphabetical order; each with what is bound to it: the name of a value, or an
  /// empty text for a constant that is written in its place.
  std::vector<std::pair<std::string, std::vector<std::string>>> inputs;
  std::vector<NamedValueType> outputs;
  std::vector<BlockStructure> blocks;  ///< of `cond` and `while_loop`
};

/// MLModelStructure.Program.Block.
struct BlockStructure {
  std::vector<NamedValueType> inputs;
  std::vector<OperationStructure> operations;  ///< in the order of the file, constants included
  std::vector<std::string> output_names;
};

/// MLModelStructure.Program.Function: its inputs are those of its block.
struct FunctionStructure {
  std::string name;
  BlockStructure block;
};

/// MLModelStructure.NeuralNetwork.Layer.
struct LayerStructure {
  std::string name;
  std::string type;  ///< "convolution"; "elementwise" for sums, products and unary functions
  std::vector<std::string> input_names;
  std::vector<std::string> output_names;
};

/// MLModelStructure. At most one part is there; none for models that are neither.
struct ModelStructure {
  std::optional<std::vector<FunctionStructure>> program;
  std::optional<std::vector<LayerStructure>> neural_network;
  std::optional<std::vector<std::pair<std::string, ModelStructure>>> pipeline;

  /// Reads no weights. Throws Error: io, unsupported (a compiled model in a form that is not read).
  POME_API static ModelStructure of(const Asset& asset);
};

/// MLComputePlan: what each operation of a loaded ML Program would cost, and where it would run.
struct ComputePlan {
  struct Operation {
    std::string device;  ///< "cpu", "reference": preferred
    double weight = 0;   ///< estimated part of the whole time, 0 to 1; all together at most 1
  };
  /// By the name of an operation's first output. Operations that were computed or folded away when
  /// the model was loaded are not in it.
  std::map<std::string, Operation, std::less<>> operations;

  /// The function that the model was opened with. Empty for models that are no ML Programs.
  POME_API static ComputePlan of(const Model& model);
};

}  // namespace pome

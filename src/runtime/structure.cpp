#include "pome/structure.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "compiler/executable.h"
#include "compiler/lowered.h"
#include "format/layer_names.h"
#include "frontend/pipeline/pipeline.h"
#include "frontend/program/import.h"
#include "ir/program.h"
#include "runtime/asset_data.h"
#include "runtime/predict.h"

namespace pome {
namespace {

using base::cat;

NamedValueType named(const ir::Value& value) {
  return {value.name, ir::text(value.type)};
}

// Recursion is bounded: the reader of programs refuses deeper nesting than ir::max_block_depth.
BlockStructure block_of(const ir::Block& block);

OperationStructure operation_of(const ir::Op& op) {
  OperationStructure out;
  out.operator_name = op.type();
  for (const ir::Argument& argument : op.arguments()) {
    std::vector<std::string> bindings;
    for (const ir::Binding& binding : argument.bindings)
      bindings.push_back(binding.value != nullptr ? binding.value->name : std::string());
    out.inputs.emplace_back(argument.name, std::move(bindings));
  }
  for (std::size_t i = 0; i < op.result_count(); ++i) out.outputs.push_back(named(op.result(i)));
  for (const auto& block : op.blocks()) out.blocks.push_back(block_of(*block));
  return out;
}

BlockStructure block_of(const ir::Block& block) {
  BlockStructure out;
  for (const auto& input : block.inputs()) out.inputs.push_back(named(*input));
  for (const auto& op : block.operations()) out.operations.push_back(operation_of(*op));
  for (const ir::Value* output : block.outputs()) out.output_names.push_back(output->name);
  return out;
}

const std::vector<proto::NeuralNetworkLayer>* layers_of(const proto::Model& model) noexcept {
  if (const auto* network = model.neuralNetwork()) return &network->layers;
  if (const auto* network = model.neuralNetworkClassifier()) return &network->layers;
  if (const auto* network = model.neuralNetworkRegressor()) return &network->layers;
  return nullptr;
}

// Core ML runs these as one kind of layer, and names them so in structures.
constexpr std::array elementwise_layers{std::string_view("add"),
                                        std::string_view("average"),
                                        std::string_view("dot"),
                                        std::string_view("max"),
                                        std::string_view("min"),
                                        std::string_view("multiply"),
                                        std::string_view("unary"),
                                        std::string_view("addBroadcastable"),
                                        std::string_view("subtractBroadcastable"),
                                        std::string_view("multiplyBroadcastable"),
                                        std::string_view("divideBroadcastable")};

std::string layer_type(int field) {
  const std::string_view known = format::layer_name(field);
  if (known.empty()) return cat("layer type ", field);
  if (std::ranges::find(elementwise_layers, known) != elementwise_layers.end())
    return "elementwise";
  return std::string(known);
}

std::vector<LayerStructure> layers_structure(const std::vector<proto::NeuralNetworkLayer>& layers) {
  std::vector<LayerStructure> out;
  for (const auto& layer : layers) {
    out.push_back({std::string(layer.name),
                   layer_type(layer.layer.which()),
                   {layer.input.begin(), layer.input.end()},
                   {layer.output.begin(), layer.output.end()}});
  }
  return out;
}

std::vector<FunctionStructure> functions_of(const ir::Program& program) {
  std::vector<FunctionStructure> out;
  for (const auto& function : program.functions)
    out.push_back({function->name, block_of(*function->body)});
  return out;
}

// Pipelines in pipelines are walked by recursion: the reader of messages has bounded their depth.
ModelStructure message_structure(const runtime::AssetData& asset, const proto::Model& message,
                                 base::Budget& budget) {
  ModelStructure out;
  if (message.mlProgram() != nullptr)
    out.program =
        functions_of(*frontend::import_program(*message.mlProgram(), asset.owner, budget));
  if (const auto* layers = layers_of(message)) out.neural_network = layers_structure(*layers);
  if (const proto::Pipeline* pipeline = pipeline::pipeline_of(message)) {
    out.pipeline.emplace();
    for (std::size_t i = 0; i < pipeline->models.size(); ++i) {
      std::string name =
          i < pipeline->names.size() ? std::string(pipeline->names[i]) : cat("model", i);
      out.pipeline->emplace_back(std::move(name),
                                 message_structure(asset, pipeline->models[i], budget));
    }
  }
  return out;
}

}  // namespace

ModelStructure ModelStructure::of(const Asset& asset) {
  const runtime::AssetData& data = *asset.data();
  base::Budget budget;
  if (data.message.Type.which() != 0) return message_structure(data, data.message, budget);
  ModelStructure out;
  if (data.description.model_type == "mlProgram")
    out.program = functions_of(*runtime::read_program(data, budget));
  return out;
}

ComputePlan ComputePlan::of(const Model& model) {
  ComputePlan out;
  const runtime::ModelData& data = *model.data();
  if (data.function.executable == nullptr) return out;
  const compiler::Lowered& lowered = data.function.executable->lowered();
  double total = 0;
  for (std::size_t b = 0; b < lowered.calls.size(); ++b) {
    for (std::size_t c = 0; c < lowered.calls[b].size(); ++c) {
      const ops::FlatCall& call = lowered.flat.blocks[b].calls[c];
      if (call.op->result_count() == 0) continue;
      const compiler::Placement& placement = lowered.calls[b][c].placement;
      const std::string_view device =
          placement.device != nullptr ? placement.device->name() : std::string_view("cpu");
      total += placement.cost;
      out.operations[call.op->result(0).name] = {std::string(device), placement.cost};
    }
  }
  for (auto& [name, operation] : out.operations)
    operation.weight = total > 0 ? operation.weight / total : 0;
  return out;
}

}  // namespace pome

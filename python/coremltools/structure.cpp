#include "structure.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <utility>

namespace pome::python {

namespace nb = nanobind;

namespace {

// The dataclasses of coremltools. They are imported when they are needed: this module is itself
// imported by the one that defines them.
class Classes {
 public:
  template <typename... Arguments>
  nb::object make(const char* name, Arguments&&... arguments) const {
    return module_.attr(name)(std::forward<Arguments>(arguments)...);
  }

 private:
  nb::object module_ = nb::module_::import_("coremltools.models.compute_plan");
};

nb::list named_types(const Classes& classes, const std::vector<NamedValueType>& values) {
  nb::list out;
  for (const NamedValueType& value : values)
    out.append(classes.make("MLModelStructureProgramNamedValueType", value.name,
                            classes.make("MLModelStructureProgramValueType")));
  return out;
}

nb::object block_object(const Classes& classes, const BlockStructure& block);

nb::object operation_object(const Classes& classes, const OperationStructure& operation) {
  nb::dict inputs;
  for (const auto& [parameter, names] : operation.inputs) {
    nb::list bindings;
    for (const std::string& name : names) {
      const bool is_value = name.empty();
      bindings.append(classes.make(
          "MLModelStructureProgramBinding", is_value ? nb::none() : nb::object(nb::cast(name)),
          is_value ? classes.make("MLModelStructureProgramValue") : nb::none()));
    }
    inputs[nb::cast(parameter)] = classes.make("MLModelStructureProgramArgument", bindings);
  }
  nb::list blocks;
  for (const BlockStructure& block : operation.blocks) blocks.append(block_object(classes, block));
  OperationHandle handle{operation.operator_name,
                         operation.outputs.empty() ? std::string() : operation.outputs[0].name};
  return classes.make("MLModelStructureProgramOperation", inputs, operation.operator_name,
                      named_types(classes, operation.outputs), blocks, nb::cast(std::move(handle)));
}

nb::object block_object(const Classes& classes, const BlockStructure& block) {
  nb::list operations;
  for (const OperationStructure& operation : block.operations)
    operations.append(operation_object(classes, operation));
  return classes.make("MLModelStructureProgramBlock", named_types(classes, block.inputs),
                      operations, block.output_names);
}

nb::object program_object(const Classes& classes, const std::vector<FunctionStructure>& functions) {
  nb::dict out;
  for (const FunctionStructure& function : functions)
    out[nb::cast(function.name)] =
        classes.make("MLModelStructureProgramFunction", named_types(classes, function.block.inputs),
                     block_object(classes, function.block));
  return classes.make("MLModelStructureProgram", out);
}

nb::object network_object(const Classes& classes, const std::vector<LayerStructure>& layers) {
  nb::list out;
  for (const LayerStructure& layer : layers)
    out.append(classes.make("MLModelStructureNeuralNetworkLayer", layer.name, layer.type,
                            layer.input_names, layer.output_names,
                            nb::cast(LayerHandle{layer.name})));
  return classes.make("MLModelStructureNeuralNetwork", out);
}

nb::object model_object(const Classes& classes, const ModelStructure& structure) {
  nb::object network = nb::none();
  nb::object program = nb::none();
  nb::object pipeline = nb::none();
  if (structure.neural_network) network = network_object(classes, *structure.neural_network);
  if (structure.program) program = program_object(classes, *structure.program);
  if (structure.pipeline) {
    nb::list models;
    for (const auto& [name, model] : *structure.pipeline)
      models.append(nb::make_tuple(name, model_object(classes, model)));
    pipeline = classes.make("MLModelStructurePipeline", models);
  }
  return classes.make("MLModelStructure", network, program, pipeline);
}

}  // namespace

nb::object to_python(const ModelStructure& structure) {
  return model_object(Classes(), structure);
}

}  // namespace pome::python

#include "runtime/predict.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "features/convert.h"
#include "features/shape_text.h"
#include "frontend/neural_network/network.h"
#include "runtime/bind.h"

namespace pome::runtime {

using base::cat;

namespace {

std::size_t tensor_index(const compiler::Executable& executable, std::string_view name) {
  const auto outputs = executable.outputs();
  const auto found =
      std::find_if(outputs.begin(), outputs.end(),
                   [&](const compiler::Operand& operand) { return operand.name == name; });
  if (found == outputs.end())
    throw Error(ErrorCode::parameters, cat("the description has an output ", base::quoted(name),
                                           " that the program does not give"));
  return static_cast<std::size_t>(found - outputs.begin());
}

OutputSource find_source(const LoadedFunction& function, const FeatureDescription& feature) {
  const compiler::Executable& executable = *function.executable;
  if (function.classifier) {
    const Classifier& classifier = *function.classifier;
    const std::string& probabilities = classifier.probabilities_output;
    if (feature.name == classifier.label_output)
      return {OutputSource::Kind::label, tensor_index(executable, probabilities)};
    if (feature.name == classifier.dictionary_output)
      return {OutputSource::Kind::dictionary, tensor_index(executable, probabilities)};
  }
  const std::string own = frontend::output_name(feature.name);
  const bool is_input = std::ranges::any_of(
      executable.outputs(), [&](const compiler::Operand& one) { return one.name == own; });
  return {OutputSource::Kind::tensor, tensor_index(executable, is_input ? own : feature.name)};
}

BoundInputs bind_inputs(const ModelData& model, const FeatureProvider& inputs,
                        base::Budget& budget) {
  BoundInputs bound;
  const auto operands = model.function.executable->inputs();
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const FeatureDescription& feature = *model.inputs[i];
    bind_input(feature, operands[i], inputs.find(feature.name), budget, bound);
  }
  return bound;
}

FeatureProvider make_outputs(const ModelData& model, std::vector<base::HostTensor> tensors) {
  // A tensor that several features look at is copied for all but the last.
  std::vector<int> uses(tensors.size(), 0);
  for (const OutputSource& source : model.outputs) ++uses[source.tensor];
  const auto take = [&](std::size_t index) {
    return --uses[index] == 0 ? std::move(tensors[index]) : tensors[index];
  };
  FeatureProvider out;
  std::optional<features::Classification> classes;
  for (std::size_t i = 0; i < model.outputs.size(); ++i) {
    const OutputSource& source = model.outputs[i];
    const FeatureDescription& feature = model.description.outputs[i];
    if (source.kind == OutputSource::Kind::tensor) {
      out.set(feature.name, to_feature(feature, take(source.tensor)));
      continue;
    }
    base::HostTensor probabilities = take(source.tensor);
    if (!classes)
      classes = classify(to_array(std::move(probabilities)), model.function.classifier->labels);
    out.set(feature.name,
            source.kind == OutputSource::Kind::label ? classes->label : classes->dictionary);
  }
  return out;
}

// Packs that came from the cache are checked before anything is computed with them.
void check_packs(const ModelData& model) {
  if (model.session == nullptr || model.session->entry() == nullptr) return;
  std::call_once(model.first_use, [&] {
    if (model.session->entry()->intact()) return;
    model.session->discard();
    model.function = model.rebuild();
  });
}

FeatureProvider run(const ModelData& model, const FeatureProvider& inputs,
                    compiler::StateSet* state, const PredictionOptions& options) {
  model.description.check_inputs(inputs);
  check_packs(model);
  base::Budget budget(options.byte_budget);
  const BoundInputs bound = bind_inputs(model, inputs, budget);
  std::vector<base::HostTensor> tensors;
  compiler::RunOptions run_options;
  run_options.stop = options.stop;
  run_options.budget = &budget;
  model.function.executable->predict(bound.tensors, tensors, state, run_options);
  return make_outputs(model, std::move(tensors));
}

// A model that is no program: typed features in, features out in the order of the description.
FeatureProvider run_predictor(const ModelData& model, const FeatureProvider& inputs,
                              const PredictionOptions& options) {
  model.description.check_inputs(inputs);
  base::Budget budget(options.byte_budget);
  FeatureProvider typed;
  for (const FeatureDescription& feature : model.description.inputs) {
    if (const FeatureValue* value = inputs.find(feature.name))
      typed.set(feature.name, features::convert(feature, *value));
  }
  if (options.stop.stop_requested())
    throw Error(ErrorCode::prediction_cancelled, "the prediction was cancelled");
  const FeatureProvider given = model.predictor->predict(typed, {options.stop, budget});
  FeatureProvider out;
  for (const FeatureDescription& feature : model.description.outputs) {
    const FeatureValue* value = given.find(feature.name);
    if (value == nullptr)
      throw Error(ErrorCode::parameters,
                  cat("the description has an output ", base::quoted(feature.name),
                      " that the model does not give"));
    out.set(feature.name, *value);
  }
  return out;
}

}  // namespace

// Joins the description's features with the program's operands, once.
void connect(ModelData& model) {
  for (const compiler::Operand& operand : model.function.executable->inputs()) {
    const FeatureDescription* feature = model.description.input(operand.name);
    if (feature == nullptr)
      throw Error(ErrorCode::parameters,
                  cat("the program has an input ", base::quoted(operand.name),
                      " that the description lacks"));
    model.inputs.push_back(feature);
  }
  for (const FeatureDescription& feature : model.description.outputs)
    model.outputs.push_back(find_source(model.function, feature));
}

FeatureProvider predict(const std::shared_ptr<const ModelData>& model,
                        const FeatureProvider& inputs, StateData* state,
                        const PredictionOptions& options) {
  if (state != nullptr && state->model != model)
    throw Error(ErrorCode::parameters, "the state belongs to another model");
  if (model->predictor != nullptr) return run_predictor(*model, inputs, options);
  if (state == nullptr) {
    const auto states = model->function.executable->states();
    if (!states.empty())
      throw Error(ErrorCode::parameters,
                  cat("the model keeps a state ", base::quoted(states.front().name),
                      "; predict with a state that make_state() gave"));
    return run(*model, inputs, nullptr, options);
  }
  return run(*model, inputs, state->set.get(), options);
}

namespace {

std::size_t find_state(const StateData& state, std::string_view name) {
  if (state.set == nullptr)
    throw Error(ErrorCode::parameters,
                cat("there is no state ", base::quoted(name), ", the model keeps none"));
  return state.set->find(name);
}

}  // namespace

MultiArray read_state(const StateData& state, std::string_view name) {
  const std::size_t at = find_state(state, name);
  const compiler::StateSet::Use use(*state.set);
  const MultiArray stored = to_array(use.tensors()[at]);
  return stored.converted_to(state.set->operand(at).type.dtype);
}

void write_state(const StateData& state, std::string_view name, const MultiArray& value) {
  const std::size_t at = find_state(state, name);
  const compiler::StateSet::Use use(*state.set);
  base::HostTensor& tensor = use.tensors()[at];
  const auto& dims = tensor.dims();
  if (!value || !std::ranges::equal(value.shape(), dims))
    throw Error(ErrorCode::feature_type,
                cat("state ", base::quoted(name), ": ", value.text(), " was given, expected (",
                    features::shape_text(dims), ")"));
  // Through the declared type: a state of fp16 keeps what fp16 can hold.
  const MultiArray stored =
      value.converted_to(state.set->operand(at).type.dtype).converted_to(tensor.dtype());
  if (tensor.byte_size() != 0)
    std::memcpy(tensor.mutable_view().data, stored.data(), tensor.byte_size());
}

}  // namespace pome::runtime

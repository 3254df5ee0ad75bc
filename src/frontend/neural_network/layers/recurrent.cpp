// Recurrent layers: simple, GRU, LSTM in one direction and in both.
#include <initializer_list>

#include "base/text.h"
#include "frontend/neural_network/layers/layers.h"
#include "pome/error.h"

namespace pome::frontend::network::layers {

using base::cat;

namespace {

using Weights = proto::Box<proto::WeightParams>;

std::int64_t size_of(const Layer& layer, std::uint64_t value, std::string_view what) {
  if (value == 0 || value > (1ULL << 30))
    layer.fail(cat(what, " is ", value, ", expected above 0"));
  return static_cast<std::int64_t>(value);
}

/// Matrices of [rows, columns] below each other; `sign` -1 negates one of them.
struct Part {
  const Weights* weights;
  float sign = 1;
};

std::vector<float> values_of(Layer& layer, const std::vector<Part>& parts, std::int64_t count) {
  std::vector<float> out;
  for (const Part& part : parts) {
    auto values = layer.weight_values(*part.weights, count, "a weight of it");
    for (float& value : values) value *= part.sign;
    out.insert(out.end(), values.begin(), values.end());
  }
  return out;
}

V matrix(Layer& layer, const std::vector<Part>& parts, std::int64_t rows, std::int64_t columns) {
  const auto values = values_of(layer, parts, rows * columns);
  return layer.b.constant(
      numbers(values, {static_cast<std::int64_t>(parts.size()) * rows, columns}));
}

V vector(Layer& layer, const std::vector<Part>& parts, std::int64_t size) {
  const auto values = values_of(layer, parts, size);
  return layer.b.constant(numbers(values, {static_cast<std::int64_t>(values.size())}));
}

/// The sequence as [S, B, C].
V sequence(Layer& layer, std::int64_t channels) {
  V x = layer.in(0);
  layer.expect_rank(x, 5, 5);
  const std::int64_t found = Layer::dim(x, 2);
  if (found >= 0 && found != channels)
    layer.fail(cat("its input has ", found, " channels, expected ", channels));
  return layer.squeeze(x, {3, 4});
}

/// State `i` of the inputs as [B, H], or zeros.
V state(Layer& layer, std::size_t i, V x, std::int64_t hidden) {
  if (i < layer.input_count()) {
    V given = layer.in(i);
    // [1, B, H, 1, 1], or [B, H, 1, 1, 1] as some converters write it.
    return layer.reshape(given, {-1, hidden});
  }
  V batch = layer.b.op("slice_by_index",
                       {{"x", layer.shape_of(x)}, {"begin", ints({1})}, {"end", ints({2})}});
  std::vector<ir::Binding> parts{batch, layer.b.constant(ints({hidden}))};
  V shape =
      layer.b.op("concat", {{"values", parts}, {"axis", integer(0)}, {"interleave", flag(false)}});
  return layer.b.op("fill", {{"shape", shape}, {"value", number(0)}});
}

void give(Layer& layer, V sequence_output, const std::vector<V>& states) {
  layer.out(layer.expand(sequence_output, {3, 4}), 0);
  for (std::size_t i = 0; i < states.size() && i + 1 < layer.output_count(); ++i)
    layer.out(layer.expand(states[i], {0, 3, 4}), i + 1);
}

}  // namespace

void translate_simpleRecurrent(Layer& layer) {
  const auto& p = *layer.message.simpleRecurrent();
  layer.expect_inputs(1, 2);
  layer.expect_outputs(1, 2);
  const std::int64_t inputs = size_of(layer, p.inputVectorSize, "its input size");
  const std::int64_t hidden = size_of(layer, p.outputVectorSize, "its output size");
  if (!p.activation) layer.fail("its activation is missing");
  V x = sequence(layer, inputs);
  if (p.reverseInput) x = layer.b.op("reverse", {{"x", x}, {"axes", ints({0})}});
  std::vector<Arg> arguments{{"x", x},
                             {"initial_h", state(layer, 1, x, hidden)},
                             {"weight_ih", matrix(layer, {{&p.weightMatrix}}, hidden, inputs)},
                             {"weight_hh", matrix(layer, {{&p.recursionMatrix}}, hidden, hidden)},
                             {"output_sequence", flag(p.sequenceOutput)},
                             {"activation", text(recurrent_activation(layer, *p.activation))}};
  if (p.hasBiasVector) arguments.emplace_back("bias", vector(layer, {{&p.biasVector}}, hidden));
  const auto outputs = layer.b.ops("rnn", std::move(arguments), 2);
  give(layer, outputs[0], {outputs[1]});
}

void translate_gru(Layer& layer) {
  const auto& p = *layer.message.gru();
  layer.expect_inputs(1, 2);
  layer.expect_outputs(1, 2);
  const std::int64_t inputs = size_of(layer, p.inputVectorSize, "its input size");
  const std::int64_t hidden = size_of(layer, p.outputVectorSize, "its output size");
  if (p.activations.size() != 2)
    layer.fail(cat("it has ", p.activations.size(), " activations, expected 2"));
  V x = sequence(layer, inputs);
  if (p.reverseInput) x = layer.b.op("reverse", {{"x", x}, {"axes", ints({0})}});
  std::vector<Arg> arguments{
      {"x", x},
      {"initial_h", state(layer, 1, x, hidden)},
      {"weight_ih",
       matrix(
           layer,
           {{&p.resetGateWeightMatrix}, {&p.outputGateWeightMatrix}, {&p.updateGateWeightMatrix}},
           hidden, inputs)},
      {"weight_hh", matrix(layer,
                           {{&p.resetGateRecursionMatrix},
                            {&p.outputGateRecursionMatrix},
                            {&p.updateGateRecursionMatrix}},
                           hidden, hidden)},
      {"output_sequence", flag(p.sequenceOutput)},
      {"recurrent_activation", text(recurrent_activation(layer, p.activations[0]))},
      {"activation", text(recurrent_activation(layer, p.activations[1]))}};
  if (p.hasBiasVectors)
    arguments.emplace_back(
        "bias",
        vector(layer,
               {{&p.resetGateBiasVector}, {&p.outputGateBiasVector}, {&p.updateGateBiasVector}},
               hidden));
  const auto outputs = layer.b.ops("gru", std::move(arguments), 2);
  give(layer, outputs[0], {outputs[1]});
}

namespace {

struct Lstm {
  std::int64_t inputs, hidden;
  const proto::LSTMParams* params;
};

/// Weights of one direction. With coupled gates the input gate is 1 minus the forget gate, which is
/// the sigmoid of the negated sum.
void add_direction(Layer& layer, const Lstm& lstm, const proto::LSTMWeightParams& w,
                   std::string_view suffix, std::vector<Arg>& arguments,
                   std::vector<std::string>& names) {
  const bool coupled = lstm.params->coupledInputAndForgetGate;
  const auto gates = [&](const Weights& in, const Weights& forget, const Weights& out,
                         const Weights& block) {
    std::vector<Part> parts{{&in}, {&forget}, {&out}, {&block}};
    if (coupled) parts[0] = {&forget, -1};
    return parts;
  };
  const auto add = [&](std::string_view name, V value) {
    names.push_back(cat(name, suffix));
    arguments.emplace_back(names.back(), value);
  };
  add("weight_ih", matrix(layer,
                          gates(w.inputGateWeightMatrix, w.forgetGateWeightMatrix,
                                w.outputGateWeightMatrix, w.blockInputWeightMatrix),
                          lstm.hidden, lstm.inputs));
  add("weight_hh", matrix(layer,
                          gates(w.inputGateRecursionMatrix, w.forgetGateRecursionMatrix,
                                w.outputGateRecursionMatrix, w.blockInputRecursionMatrix),
                          lstm.hidden, lstm.hidden));
  if (lstm.params->hasBiasVectors)
    add("bias", vector(layer,
                       gates(w.inputGateBiasVector, w.forgetGateBiasVector, w.outputGateBiasVector,
                             w.blockInputBiasVector),
                       lstm.hidden));
  if (lstm.params->hasPeepholeVectors) {
    std::vector<Part> parts{
        {&w.inputGatePeepholeVector}, {&w.forgetGatePeepholeVector}, {&w.outputGatePeepholeVector}};
    if (coupled) parts[0] = {&w.forgetGatePeepholeVector, -1};
    add("peephole", vector(layer, parts, lstm.hidden));
  }
}

void add_activations(Layer& layer, const Lstm& lstm,
                     const std::vector<proto::ActivationParams>& activations,
                     std::vector<Arg>& arguments) {
  if (activations.size() != 3)
    layer.fail(cat("it has ", activations.size(), " activations, expected 3"));
  const std::string gates = recurrent_activation(layer, activations[0]);
  if (lstm.params->coupledInputAndForgetGate && gates != "sigmoid")
    layer.fail("coupled gates run with sigmoid gates only");
  arguments.emplace_back("recurrent_activation", text(gates));
  arguments.emplace_back("cell_activation", text(recurrent_activation(layer, activations[1])));
  arguments.emplace_back("activation", text(recurrent_activation(layer, activations[2])));
  const float clip = lstm.params->cellClipThreshold;
  arguments.emplace_back("clip", number(clip == 0 ? 50.0F : clip));
}

}  // namespace

void translate_uniDirectionalLSTM(Layer& layer) {
  const auto& p = *layer.message.uniDirectionalLSTM();
  layer.expect_inputs(1, 3);
  layer.expect_outputs(1, 3);
  static const proto::LSTMParams no_params;
  if (!p.weightParams) layer.fail("its weights are missing");
  const Lstm lstm{size_of(layer, p.inputVectorSize, "its input size"),
                  size_of(layer, p.outputVectorSize, "its output size"),
                  p.params ? p.params.get() : &no_params};
  V x = sequence(layer, lstm.inputs);
  if (p.reverseInput) x = layer.b.op("reverse", {{"x", x}, {"axes", ints({0})}});
  std::vector<Arg> arguments{{"x", x},
                             {"initial_h", state(layer, 1, x, lstm.hidden)},
                             {"initial_c", state(layer, 2, x, lstm.hidden)},
                             {"direction", text("forward")},
                             {"output_sequence", flag(lstm.params->sequenceOutput)}};
  std::vector<std::string> names;
  names.reserve(8);  // arguments hold views of them
  add_direction(layer, lstm, *p.weightParams, "", arguments, names);
  add_activations(layer, lstm, p.activations, arguments);
  const auto outputs = layer.b.ops("lstm", std::move(arguments), 3);
  give(layer, outputs[0], {outputs[1], outputs[2]});
}

void translate_biDirectionalLSTM(Layer& layer) {
  const auto& p = *layer.message.biDirectionalLSTM();
  layer.expect_inputs(1, 5);
  layer.expect_outputs(1, 5);
  static const proto::LSTMParams no_params;
  if (p.weightParams.size() != 2)
    layer.fail(cat("it has weights for ", p.weightParams.size(), " directions, expected 2"));
  const Lstm lstm{size_of(layer, p.inputVectorSize, "its input size"),
                  size_of(layer, p.outputVectorSize, "its output size"),
                  p.params ? p.params.get() : &no_params};
  V x = sequence(layer, lstm.inputs);
  const auto join = [&](V a, V b, std::int64_t axis) {
    return layer.b.op("concat", {{"values", std::vector<ir::Binding>{a, b}},
                                 {"axis", integer(axis)},
                                 {"interleave", flag(false)}});
  };
  // Each direction may have activations of its own, so it is an operation of its own.
  const auto run = [&](bool backward) {
    const std::size_t first = backward ? 3 : 1;
    V input = backward ? layer.b.op("reverse", {{"x", x}, {"axes", ints({0})}}) : x;
    std::vector<Arg> arguments{{"x", input},
                               {"initial_h", state(layer, first, x, lstm.hidden)},
                               {"initial_c", state(layer, first + 1, x, lstm.hidden)},
                               {"direction", text("forward")},
                               {"output_sequence", flag(lstm.params->sequenceOutput)}};
    std::vector<std::string> names;
    names.reserve(8);
    add_direction(layer, lstm, p.weightParams[backward ? 1 : 0], "", arguments, names);
    add_activations(layer, lstm, backward ? p.activationsBackwardLSTM : p.activationsForwardLSTM,
                    arguments);
    return layer.b.ops("lstm", std::move(arguments), 3);
  };
  const auto forward = run(false);
  const auto backward = run(true);
  // Outputs of the backward direction stand at the steps that they belong to.
  V turned = layer.b.op("reverse", {{"x", backward[0]}, {"axes", ints({0})}});
  give(layer, join(forward[0], turned, 2), {forward[1], forward[2], backward[1], backward[2]});
}

}  // namespace pome::frontend::network::layers

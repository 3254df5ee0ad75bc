// Control flow: branches, loops, and how `copy`, `loopBreak` and `loopContinue` become values.
//
// Blobs are names that can be given new values; MIL's are values. A branch gives a value for every
// name that one of its sides assigns, a loop carries every name that its body assigns and that was
// there before. `loopBreak` and `loopContinue` set flags, which are blobs like all others; layers
// behind one that may have set a flag run only where it is not set.
#include <functional>
#include <set>

#include "base/text.h"
#include "frontend/neural_network/layers/layers.h"
#include "pome/error.h"

namespace pome::frontend::network {

using base::cat;

namespace {

// No blob of a file has such a name: it would be printed as a control character.
constexpr std::string_view stop_flag = "\x01stop";  // leave the loop
constexpr std::string_view skip_flag = "\x01skip";  // leave this trip of it

using Names = std::set<std::string, std::less<>>;

const Layers* layers_of(const proto::Box<proto::NeuralNetwork>& network) {
  return network ? &network->layers : nullptr;
}

/// Visits layers with those of branches inside, not those of loops.
void for_each_straight(const Layers& layers,
                       const std::function<void(const NeuralNetworkLayer&)>& visit) {
  for (const auto& layer : layers) {
    visit(layer);
    if (const auto* branch = layer.branch()) {
      if (const auto* inside = layers_of(branch->ifBranch)) for_each_straight(*inside, visit);
      if (const auto* inside = layers_of(branch->elseBranch)) for_each_straight(*inside, visit);
    }
  }
}

bool leaves(const NeuralNetworkLayer& layer) {
  bool found = false;
  const auto look = [&](const NeuralNetworkLayer& one) {
    found |= one.loopBreak() != nullptr || one.loopContinue() != nullptr;
  };
  look(layer);
  if (const auto* branch = layer.branch()) {
    if (const auto* inside = layers_of(branch->ifBranch)) for_each_straight(*inside, look);
    if (const auto* inside = layers_of(branch->elseBranch)) for_each_straight(*inside, look);
  }
  return found;
}

/// Names that layers give values, those of nested networks included.
void assigned(const Layers& layers, Names& out) {
  for (const auto& layer : layers) {
    for (const auto name : layer.output) out.emplace(name);
    if (leaves(layer)) {
      out.emplace(stop_flag);
      out.emplace(skip_flag);
    }
    if (const auto* branch = layer.branch()) {
      if (const auto* inside = layers_of(branch->ifBranch)) assigned(*inside, out);
      if (const auto* inside = layers_of(branch->elseBranch)) assigned(*inside, out);
    }
    if (const auto* loop = layer.loop()) {
      Names inside;
      if (const auto* body = layers_of(loop->bodyNetwork)) assigned(*body, inside);
      if (const auto* condition = layers_of(loop->conditionNetwork)) assigned(*condition, inside);
      inside.erase(std::string(stop_flag));
      inside.erase(std::string(skip_flag));
      out.merge(inside);
    }
  }
}

/// What is known of a value that is one or the other.
ir::Type either(const ir::Type& a, const ir::Type& b) {
  if (!a.ranked || !b.ranked || a.rank() != b.rank()) return ir::Type::unranked(a.dtype);
  ir::Type out = a;
  for (std::size_t i = 0; i < out.dims.size(); ++i) {
    if (a.dims[i] != b.dims[i]) out.dims[i] = ir::unknown_dim;
  }
  return out;
}

/// One side of a branch: translated into a block; gives the scope's blobs at its end.
std::map<std::string, V, std::less<>> side(Scope& scope, ir::Block& block,
                                           const std::function<void()>& body) {
  auto* const outside = scope.builder.block();
  const auto before = scope.blobs;
  scope.builder.enter(block);
  body();
  scope.builder.enter(*outside);
  auto after = std::move(scope.blobs);
  scope.blobs = before;
  return after;
}

/// `cond` of two bodies; every name of `names` that has a value behind both sides gets the result.
void branch(Scope& scope, V predicate, const std::function<void()>& on_true,
            const std::function<void()>& on_false, const Names& names) {
  auto op = std::make_unique<ir::Op>("cond", scope.builder.unique("branch"));
  op->source = scope.builder.source();
  op->set_argument("pred", ir::Binding(predicate));
  ir::Block& true_block = op->add_block();
  ir::Block& false_block = op->add_block();
  auto first = side(scope, true_block, on_true);
  auto second = side(scope, false_block, on_false);
  std::vector<V> true_values, false_values;
  for (const auto& name : names) {
    const auto a = first.find(name);
    const auto b = second.find(name);
    if (a == first.end() || b == second.end() || a->second == b->second) continue;
    true_values.push_back(a->second);
    false_values.push_back(b->second);
    scope.blobs[name] = &op->add_result(scope.builder.unique(name[0] == '\x01' ? "flag" : name),
                                        either(a->second->type, b->second->type));
  }
  true_block.set_outputs(true_values);
  false_block.set_outputs(false_values);
  // An operation gives up what it uses when it is taken out of a block.
  ir::Op* const placed = op.get();
  scope.builder.place(std::move(op));
  if (true_values.empty()) scope.builder.block()->erase(placed);
}

V flag_value(Scope& scope, bool value) {
  return scope.builder.constant(flag(value));
}

void translate_from(Scope& scope, const Layers& layers, std::size_t first);

/// The layers from `first` on, run only where the skip flag is not set.
void translate_guarded(Scope& scope, const Layers& layers, std::size_t first) {
  if (first >= layers.size()) return;
  Names names;
  assigned(layers, names);
  V skip = scope.blobs.find(skip_flag)->second;
  branch(
      scope, skip, [] {}, [&] { translate_from(scope, layers, first); }, names);
}

void translate_one(Scope& scope, const NeuralNetworkLayer& message) {
  const LayerType* type = find_layer_type(message.layer.which());
  if (type == nullptr)
    throw Error(ErrorCode::unsupported,
                cat("layer ", base::quoted(message.name), ": layer type ", message.layer.which(),
                    " is not known to this version"));
  Layer layer(scope, message, type->name);
  scope.builder.set_source({std::string(message.name), std::string(type->name)});
  scope.builder.set_hint(message.output.empty() ? std::string(message.name)
                                                : std::string(message.output[0]));
  try {
    type->translate(layer);
  } catch (Error& error) {
    // Definitions tell of operations, which the file does not have.
    const std::string_view what = error.what();
    if (what.find("layer '") == std::string_view::npos) throw error.within(layer.place());
    throw;
  }
}

void translate_from(Scope& scope, const Layers& layers, std::size_t first) {
  for (std::size_t i = first; i < layers.size(); ++i) {
    translate_one(scope, layers[i]);
    if (scope.in_loop && leaves(layers[i])) {
      // Behind a break of its own nothing runs; behind a branch with one, what the flag allows.
      if (layers[i].branch() != nullptr) translate_guarded(scope, layers, i + 1);
      return;
    }
  }
}

}  // namespace

void translate(Scope& scope, const Layers& layers) {
  translate_from(scope, layers, 0);
}

namespace layers {

void translate_branch(Layer& layer) {
  const auto& p = *layer.message.branch();
  layer.expect_inputs(1, 1);
  V x = layer.to_bool(layer.in());
  V predicate = Layer::rank(x) == 0 ? x : layer.reshape(x, {});
  Names names;
  if (const auto* inside = layers_of(p.ifBranch)) assigned(*inside, names);
  if (const auto* inside = layers_of(p.elseBranch)) assigned(*inside, names);
  Scope& scope = layer.scope;
  const auto run = [&](const proto::Box<proto::NeuralNetwork>& network) {
    return [&scope, &network] {
      if (network) translate(scope, network->layers);
    };
  };
  branch(scope, predicate, run(p.ifBranch), run(p.elseBranch), names);
}

void translate_loopBreak(Layer& layer) {
  if (!layer.scope.in_loop) layer.fail("it is in no loop");
  layer.scope.blobs[std::string(stop_flag)] = flag_value(layer.scope, true);
  layer.scope.blobs[std::string(skip_flag)] = flag_value(layer.scope, true);
}

void translate_loopContinue(Layer& layer) {
  if (!layer.scope.in_loop) layer.fail("it is in no loop");
  layer.scope.blobs[std::string(skip_flag)] = flag_value(layer.scope, true);
}

namespace {

/// A loop that is being translated.
struct Loop {
  const proto::LoopLayerParams& params;
  V limit = nullptr;               ///< most trips, an int; null: no limit
  std::vector<std::string> names;  ///< of the blobs that it carries
  std::vector<V> initial;          ///< their values before it
  std::vector<ir::Type> types;     ///< what is known of them in every trip
};

void run_condition(Layer& layer, const Loop& loop) {
  if (loop.params.conditionNetwork) translate(layer.scope, loop.params.conditionNetwork->layers);
}

/// Fills the block that decides; its inputs are the counter and the carried blobs.
void make_condition(Layer& layer, const Loop& loop, ir::Block& block) {
  Scope& scope = layer.scope;
  Builder& b = layer.b;
  auto* const outside = b.block();
  const auto before = scope.blobs;
  b.enter(block);
  V counter = &block.add_input(b.unique("trip"), ir::Type::scalar(DataType::int32));
  for (std::size_t i = 0; i < loop.names.size(); ++i)
    scope.blobs[loop.names[i]] = &block.add_input(b.unique("carried"), loop.types[i]);
  V go = nullptr;
  const auto also = [&](V condition) {
    go = go == nullptr ? condition : layer.binary("logical_and", go, condition);
  };
  if (loop.limit != nullptr) also(layer.binary("less", counter, loop.limit));
  if (const auto stop = scope.blobs.find(stop_flag); stop != scope.blobs.end())
    also(layer.unary("logical_not", stop->second));
  if (loop.params.conditionNetwork) {
    run_condition(layer, loop);
    const auto found = scope.blobs.find(loop.params.conditionVar);
    if (found == scope.blobs.end())
      layer.fail(
          cat("its condition network does not make ", base::quoted(loop.params.conditionVar)));
    V value = layer.to_bool(found->second);
    also(Layer::rank(value) == 0 ? value : layer.reshape(value, {}));
  }
  if (go == nullptr) layer.fail("it never ends: it has neither a condition nor a limit");
  block.set_outputs({go});
  b.enter(*outside);
  scope.blobs = before;
}

/// Fills the block that is run; false when a carried blob is of another type behind it, in which
/// case loop.types has been made more general.
bool make_body(Layer& layer, Loop& loop, ir::Block& block) {
  Scope& scope = layer.scope;
  Builder& b = layer.b;
  auto* const outside = b.block();
  const auto before = scope.blobs;
  b.enter(block);
  V counter = &block.add_input(b.unique("trip"), ir::Type::scalar(DataType::int32));
  for (std::size_t i = 0; i < loop.names.size(); ++i)
    scope.blobs[loop.names[i]] = &block.add_input(b.unique("carried"), loop.types[i]);
  scope.blobs[std::string(skip_flag)] = flag_value(scope, false);
  run_condition(layer, loop);  // what it makes can be read here
  const bool was_in_loop = scope.in_loop;
  scope.in_loop = true;
  if (loop.params.bodyNetwork) translate(scope, loop.params.bodyNetwork->layers);
  scope.in_loop = was_in_loop;
  std::vector<V> outputs{layer.b.op("add", {{"x", counter}, {"y", integer(1)}})};
  bool settled = true;
  for (std::size_t i = 0; i < loop.names.size(); ++i) {
    V value = scope.blobs.find(loop.names[i])->second;
    outputs.push_back(value);
    const ir::Type both = either(loop.types[i], value->type);
    settled &= both == loop.types[i];
    loop.types[i] = both;
  }
  block.set_outputs(outputs);
  b.enter(*outside);
  scope.blobs = before;
  return settled;
}

void find_carried(Layer& layer, Loop& loop) {
  Names names;
  if (const auto* body = layers_of(loop.params.bodyNetwork)) assigned(*body, names);
  if (const auto* condition = layers_of(loop.params.conditionNetwork)) assigned(*condition, names);
  names.erase(std::string(skip_flag));
  if (names.contains(stop_flag))
    layer.scope.blobs[std::string(stop_flag)] = flag_value(layer.scope, false);
  for (const auto& name : names) {
    const auto found = layer.scope.blobs.find(name);
    if (found == layer.scope.blobs.end()) continue;
    loop.names.push_back(name);
    loop.initial.push_back(found->second);
    loop.types.push_back(found->second->type);
  }
}

}  // namespace

void translate_loop(Layer& layer) {
  const auto& p = *layer.message.loop();
  layer.expect_inputs(0, 1);
  Scope& scope = layer.scope;
  Loop loop{p, nullptr, {}, {}, {}};
  if (layer.input_count() == 1) {
    V limit = layer.to_int(layer.in());
    loop.limit = Layer::rank(limit) == 0 ? limit : layer.reshape(limit, {});
  } else if (p.maxLoopIterations != 0 || !p.conditionNetwork) {
    loop.limit = layer.b.constant(integer(static_cast<std::int64_t>(p.maxLoopIterations)));
  }
  // The condition is evaluated before the first trip, so what it makes is there behind the loop.
  run_condition(layer, loop);
  find_carried(layer, loop);
  V zero = layer.b.constant(integer(0));
  constexpr int most_attempts = 8;
  for (int attempt = 0;; ++attempt) {
    auto op = std::make_unique<ir::Op>("while_loop", layer.b.unique("loop"));
    op->source = layer.b.source();
    const auto snapshot = layer.b.save();
    ir::Block& condition = op->add_block();
    ir::Block& body = op->add_block();
    make_condition(layer, loop, condition);
    if (!make_body(layer, loop, body)) {
      if (attempt == most_attempts) layer.fail("the types of its blobs do not settle");
      ir::Op* const placed = op.get();
      layer.b.place(std::move(op));
      layer.b.block()->erase(placed);
      layer.b.restore(snapshot);
      continue;
    }
    std::vector<ir::Binding> initial{ir::Binding(zero)};
    for (V value : loop.initial) initial.emplace_back(value);
    op->set_argument("loop_vars", std::move(initial));
    op->add_result(layer.b.unique("trips"), ir::Type::scalar(DataType::int32));
    for (std::size_t i = 0; i < loop.names.size(); ++i) {
      const auto& name = loop.names[i];
      scope.blobs[name] =
          &op->add_result(layer.b.unique(name[0] == '\x01' ? "flag" : name), loop.types[i]);
    }
    layer.b.place(std::move(op));
    break;
  }
  scope.blobs.erase(std::string(stop_flag));
}

void translate_custom(Layer& layer) {
  const auto& p = *layer.message.custom();
  throw Error(
      ErrorCode::custom_layer,
      cat(layer.place(), ": no implementation of the custom layer ", base::quoted(p.className),
          " is registered",
          p.description.empty() ? std::string() : cat(" (", base::quoted(p.description), ")")));
}

}  // namespace layers
}  // namespace pome::frontend::network

#include "program.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/half.h"
#include "base/text.h"
#include "ops/call.h"
#include "ops/flat.h"
#include "ops/resolve.h"
#include "runtime/asset_data.h"
#include "runtime/bind.h"
#include "runtime/classifier.h"
#include "runtime/load.h"

namespace pome::conformance {
namespace {

using base::cat;
using ir::Type;

ir::Function& find_function(ir::Program& program, const std::string& name) {
  auto* function = program.find(name.empty() ? "main" : name);
  return function ? *function : *program.functions.front();
}

double elements(const Type& type) {
  double n = 1;
  for (const auto d : type.dims) n *= ir::is_known(d) ? static_cast<double>(d) : 1;
  return n;
}

/// Products and additions behind one element of a call's result, at most.
double terms_of(const ops::FlatCall& call, const ops::Facts& facts) {
  const auto type = [&](int param) -> const Type& {
    return facts.types[call.param(param).front()];
  };
  const auto position = [&](std::string_view name) {
    const auto params = call.def->params();
    const auto at = std::ranges::find(params, name, &ops::Param::name);
    const auto p = static_cast<int>(at - params.begin());
    return at != params.end() && call.has(p) ? p : -1;
  };
  const std::string_view name = call.def->name;
  const auto last = [](const Type& t) {
    return t.dims.empty() ? 1.0 : static_cast<double>(t.dims.back());
  };
  if (name == "linear") return last(type(position("weight")));
  if (name == "matmul") return std::min(elements(type(0)), elements(type(1)));
  if (name == "conv" || name == "conv_transpose") {
    const auto& w = type(position("weight"));
    return elements(w) / static_cast<double>(name == "conv" ? w.dims[0] : w.dims[1]);
  }
  if (const int w = position("weight_hh"); w >= 0) {
    const auto& x = type(position("x"));
    return static_cast<double>(x.dims[0]) * (last(type(position("weight_ih"))) + last(type(w)));
  }
  // Reductions, normalizations, pools, attention and the like sum over parts of their arguments.
  double most = 1;
  const bool sums = name.find("reduce") != name.npos || name.find("norm") != name.npos ||
                    name.find("pool") != name.npos || name.find("softmax") != name.npos ||
                    name == "einsum" || name == "cumsum" || name.find("attention") != name.npos;
  if (!sums || call.args.empty()) return most;
  return std::max(most, elements(facts.types[call.args.front()]));
}

void note_greatest(double value, FullRun& out) {
  if (std::isfinite(value)) out.greatest = std::max(out.greatest, std::fabs(value));
}

void note_greatest(const base::TensorView& tensor, FullRun& out) {
  if (tensor.dtype == DataType::fp16) {
    const auto* halves = static_cast<const std::uint16_t*>(tensor.data);
    for (std::int64_t i = 0; i < tensor.size(); ++i)
      note_greatest(base::f32_from_f16(halves[i]), out);
  } else if (is_float(tensor.dtype)) {
    for (std::int64_t i = 0; i < tensor.size(); ++i) note_greatest(ops::load_f(tensor, i), out);
  }
}

}  // namespace

ProgramFacts read_facts(const Asset& asset, const std::string& function) {
  base::Budget budget;
  const auto program = runtime::read_program(*asset.data(), budget);
  auto& found = find_function(*program, function);
  ProgramFacts facts;
  ir::for_each_op(*found.body, [&](ir::Op& op) {
    for (std::size_t i = 0; i < op.result_count(); ++i) {
      facts.has_f16 = facts.has_f16 || op.result(i).type.dtype == DataType::fp16;
    }
    if (op.type() == "classify") facts.classifies = true;
    if (op.type().starts_with("random_")) facts.random = true;
    if (op.type() != "const") facts.operations.insert(op.type());
  });
  return facts;
}

struct FullRunner::Impl {
  Asset asset;
  std::string described;                  ///< the function, as the description names it
  std::unique_ptr<ir::Program> original;  ///< as the file has it, types inferred
  ops::FlatFunction flat;
  std::map<std::string, ops::ValueId> numbers;  ///< of the values that are outputs, by name
  runtime::LoadedFunction function;
  std::shared_ptr<compiler::StateSet> state;

  Impl(Asset of, const std::string& name) : asset(std::move(of)), described(name) {
    base::Budget budget;
    original = runtime::read_program(*asset.data(), budget);
    auto& body = find_function(*original, name);
    runtime::take_classifier(body);
    ops::resolve(body);
    ops::infer_types(body);
    flat = ops::flatten(body);
    std::shared_ptr<ir::Program> all = runtime::read_program(*asset.data(), budget);
    publish_all(find_function(*all, name));
    Configuration configuration;
    configuration.devices = {"reference"};
    function = runtime::load_function(all, asset.data()->files, name, configuration,
                                      std::make_shared<base::Budget>());
    if (!function.executable->states().empty()) state = function.executable->make_state();
    for (std::size_t id = 0; id < flat.values.size(); ++id) {
      if (const auto* value = flat.values[id].value) {
        numbers.emplace(value->name, static_cast<ops::ValueId>(id));
      }
    }
  }

  /// Every result of the body that can be published is an output.
  static void publish_all(ir::Function& function) {
    std::vector<ir::Value*> outputs;
    for (const auto& op : function.body->operations()) {
      if (op->type() == "const") continue;
      for (std::size_t i = 0; i < op->result_count(); ++i) {
        auto& value = op->result(i);
        const bool number = value.type.is_tensor() && value.type.dtype != DataType::string;
        if (number && bits(value.type.dtype) >= 8) outputs.push_back(&value);
      }
    }
    for (auto* value : function.body->outputs()) {
      if (std::ranges::count(outputs, value) == 0) outputs.push_back(value);
    }
    function.body->set_outputs(std::move(outputs));
  }

  /// The types of the body's inputs in one run.
  std::vector<Type> input_types(const std::vector<compiler::InputTensor>& tensors) const {
    std::vector<Type> types;
    std::size_t next = 0;
    for (const auto id : flat.body().inputs) {
      types.push_back(flat.values[id].declared);
      if (types.back().kind == Type::Kind::state) continue;
      types.back().ranked = true;
      types.back().dims = tensors[next++].dims;
    }
    return types;
  }

  void compare(const std::string& name, const base::HostTensor& got, const ops::Facts& facts,
               FullRun& out) const {
    const auto found = numbers.find(name);
    if (found == numbers.end()) return;
    ++out.values;
    const auto& declared = flat.values[found->second].declared;
    const auto& inferred = facts.types[found->second];
    for (const auto* type : {&declared, &inferred}) {
      if (ir::compatible(*type, Type::tensor(type->dtype, got.dims()))) continue;
      out.wrong.push_back(cat(base::quoted(name), " is inferred as ", ir::text(*type),
                              ", the run gives shape ", base::shape_text(got.dims())));
    }
  }
};

FullRunner::FullRunner(Asset asset, const std::string& function)
    : impl_(std::make_unique<Impl>(std::move(asset), function)) {}

FullRunner::~FullRunner() = default;

FullRun FullRunner::run(const FeatureProvider& inputs) {
  const auto& executable = *impl_->function.executable;
  const auto description = impl_->described.empty() ? impl_->asset.description()
                                                    : impl_->asset.description(impl_->described);
  base::Budget budget;
  runtime::BoundInputs bound;
  for (const auto& operand : executable.inputs()) {
    const auto* feature = description.input(operand.name);
    if (!feature) throw Error(ErrorCode::parameters, cat("no input ", base::quoted(operand.name)));
    runtime::bind_input(*feature, operand, inputs.find(operand.name), budget, bound);
  }
  const auto facts = ops::infer(impl_->flat, impl_->input_types(bound.tensors));
  std::vector<base::HostTensor> tensors;
  executable.predict(bound.tensors, tensors, impl_->state.get(), {});
  FullRun out;
  for (const auto& block : impl_->flat.blocks) {
    for (const auto& call : block.calls) out.terms += terms_of(call, facts) + 3;
  }
  for (const auto& input : bound.tensors) {
    if (input.strides.empty()) note_greatest({input.data, input.dtype, input.dims}, out);
  }
  const auto operands = executable.outputs();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    note_greatest(std::as_const(tensors[i]).view(), out);
    impl_->compare(operands[i].name, tensors[i], facts, out);
  }
  return out;
}

}  // namespace pome::conformance

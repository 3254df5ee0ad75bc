// Runs a flat function the slow and obvious way: every value in a tensor of its own, no plan, no
// arena, nothing shared. The oracle for the executor.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "ops/call.h"
#include "ops/flat.h"
#include "ops/resolve.h"

namespace pome::test {

/// For functions of tensors with static shapes, without lists, states and compressed weights.
class Interpreter {
 public:
  Interpreter(const ops::FlatFunction& flat, std::span<const base::HostTensor> inputs)
      : flat_(flat) {
    std::vector<ir::Type> types;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto id = flat.body().inputs[i];
      types.push_back(ir::Type::tensor(flat.values[id].declared.dtype, inputs[i].dims()));
      values_[id] = inputs[i];
    }
    facts_ = ops::infer(flat, types);
    for (ops::ValueId id = 0; id < flat.values.size(); ++id) {
      if (const auto* constant = flat.values[id].constant)
        values_[id] = ops::materialize(*constant);
    }
  }

  std::vector<base::HostTensor> run() {
    run_block(0);
    return outputs(0);
  }

 private:
  void run_block(std::uint32_t block) {
    for (const auto& call : flat_.blocks[block].calls) run_call(call);
  }

  std::vector<base::HostTensor> outputs(std::uint32_t block) {
    std::vector<base::HostTensor> out;
    for (const auto id : flat_.blocks[block].outputs) out.push_back(values_.at(id));
    return out;
  }

  bool truth(ops::ValueId id) { return ops::load_i(values_.at(id).view(), 0) != 0; }

  void run_call(const ops::FlatCall& call) {
    if (call.def->name == "cond") {
      const auto block = call.blocks[truth(call.args[0]) ? 0 : 1];
      run_block(block);
      give(call.results, outputs(block));
    } else if (call.def->name == "while_loop") {
      run_while(call);
    } else {
      evaluate(call);
    }
  }

  void give(std::span<const ops::ValueId> to, std::vector<base::HostTensor> tensors) {
    for (std::size_t i = 0; i < to.size(); ++i) values_[to[i]] = std::move(tensors[i]);
  }

  void run_while(const ops::FlatCall& call) {
    std::vector<base::HostTensor> variables;
    for (const auto id : call.args) variables.push_back(values_.at(id));
    for (;;) {
      give(flat_.blocks[call.blocks[0]].inputs, variables);
      run_block(call.blocks[0]);
      if (!truth(flat_.blocks[call.blocks[0]].outputs[0])) break;
      give(flat_.blocks[call.blocks[1]].inputs, variables);
      run_block(call.blocks[1]);
      variables = outputs(call.blocks[1]);
    }
    give(call.results, variables);
  }

  void evaluate(const ops::FlatCall& call) {
    std::vector<ops::EvalContext::Result> results;
    std::vector<base::HostTensor> made;
    made.reserve(call.results.size());
    for (const auto id : call.results) {
      const auto& type = facts_.types[id];
      made.emplace_back(base::storage_type(type.dtype), type.dims);
      results.push_back({&type, made.back().mutable_view(), nullptr});
    }
    ops::EvalContext context(*call.def, call.op, results, {});
    for (std::size_t p = 0; p < call.params.size(); ++p) {
      std::vector<ops::Call::Arg> args;
      for (const auto id : call.param(static_cast<int>(p))) {
        args.push_back({&facts_.types[id], values_.at(id).view(), nullptr});
      }
      context.push_param(args);
    }
    call.def->evaluate(context);
    give(call.results, std::move(made));
  }

  const ops::FlatFunction& flat_;
  ops::Facts facts_;
  std::map<ops::ValueId, base::HostTensor> values_;
};

}  // namespace pome::test

// Type inference of whole functions: each operation's `infer` in program order, small integer
// computations evaluated on the way, blocks of control flow run to a fixed point.
#include <algorithm>

#include "base/checked.h"
#include "base/text.h"
#include "ops/flat.h"
#include "ops/resolve.h"
#include "pome/error.h"

namespace pome::ops {
namespace {

bool foldable(const OpDef& def) {
  return def.evaluate != nullptr && def.effects == Effects::none;
}

/// Whether the number of elements (unknown dimensions left out) can be computed with, so that the
/// definitions may multiply dimensions as they like.
bool countable(const Type& type) {
  Dims known;
  for (const auto d : type.dims) {
    if (ir::is_known(d)) known.push_back(d);
  }
  return base::element_count(known).has_value();
}

/// Results worth computing while types are inferred: shapes, indices, flags.
bool is_small_integer(const Type& type) {
  if (!type.is_tensor() || !type.is_static() || is_float(type.dtype) ||
      type.dtype == DataType::string) {
    return false;
  }
  std::int64_t count = 1;
  for (const auto d : type.dims) count *= d;
  return count <= known_limit;
}

/// Makes every dimension unknown in which the two types differ.
Type generalize(const Type& a, const Type& b) {
  if (!a.ranked || !b.ranked || a.rank() != b.rank()) {
    Type out = Type::unranked(a.dtype);
    out.kind = a.kind;
    return out;
  }
  Type out = a;
  for (std::size_t i = 0; i < out.dims.size(); ++i) {
    if (a.dims[i] != b.dims[i]) out.dims[i] = ir::unknown_dim;
  }
  if (a.length != b.length) out.length = ir::unknown_dim;
  return out;
}

class Inferrer {
 public:
  Inferrer(const FlatFunction& flat, Facts& facts) : flat_(flat), facts_(facts) {}

  void run_block(std::uint32_t index, std::size_t first = 0) {
    const auto& calls = flat_.blocks[index].calls;
    for (std::size_t i = first; i < calls.size(); ++i) run_call(calls[i]);
  }

 private:
  template <typename Context>
  bool push_arguments(const FlatCall& call, Context& context) {
    bool all_known = true;
    const bool from_types = call.def->from_types;
    for (std::size_t p = 0; p < call.params.size(); ++p) {
      base::InlineVector<Call::Arg, 4> args;
      for (const auto id : call.param(static_cast<int>(p))) {
        Call::Arg arg{&facts_.types[id], {}, nullptr};
        if (const auto& known = facts_.known[id]) {
          arg.value = known->view();
        } else if (from_types && arg.type->is_static()) {
          arg.value = {nullptr, base::storage_type(arg.type->dtype), arg.type->dims};
        } else {
          all_known = false;
        }
        args.push_back(arg);
      }
      context.push_param(args);
    }
    return all_known;
  }

  void run_call(const FlatCall& call) {
    if (call.def->effects == Effects::control_flow) return run_control_flow(call);
    results_.clear();
    for (const auto id : call.results) results_.push_back(flat_.values[id].declared);
    InferContext context(*call.def, call.op, results_);
    const bool all_known = push_arguments(call, context);
    call.def->infer(context);
    for (std::size_t i = 0; i < call.results.size(); ++i) {
      if (!countable(results_[i])) {
        throw Error(ErrorCode::out_of_memory,
                    base::cat(call.op->place(), ": its result of shape ",
                              base::shape_text(results_[i].dims), " does not fit 64 bits"));
      }
      facts_.types[call.results[i]] = std::move(results_[i]);
      facts_.known[call.results[i]] = nullptr;
    }
    if (all_known && foldable(*call.def)) fold(call);
  }

  void fold(const FlatCall& call) {
    std::vector<EvalContext::Result> results;
    std::vector<std::shared_ptr<HostTensor>> tensors;
    for (const auto id : call.results) {
      const auto& type = facts_.types[id];
      if (!is_small_integer(type)) return;
      auto tensor = std::make_shared<HostTensor>(base::storage_type(type.dtype), type.dims);
      results.push_back({&type, tensor->mutable_view(), nullptr});
      tensors.push_back(std::move(tensor));
    }
    EvalContext context(*call.def, call.op, results, {});
    push_arguments(call, context);
    call.def->evaluate(context);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      facts_.known[call.results[i]] = std::move(tensors[i]);
    }
  }

  void run_control_flow(const FlatCall& call) {
    if (call.def->name == "cond") {
      run_cond(call);
    } else {
      run_while(call);
    }
  }

  void check_count(const FlatCall& call, const FlatBlock& block, std::size_t expected,
                   std::string_view which) {
    if (block.outputs.size() != expected) {
      throw Error(ErrorCode::parameters,
                  base::cat(call.op->place(), ": its ", which, " block returns ",
                            block.outputs.size(), " values, expected ", expected));
    }
  }

  /// A condition decides with its one element.
  static bool may_be_one_bool(const Type& type) {
    return type.is_tensor() && type.dtype == DataType::boolean &&
           (!type.ranked ||
            std::ranges::all_of(type.dims, [](auto d) { return !ir::is_known(d) || d == 1; }));
  }

  void run_cond(const FlatCall& call) {
    constexpr int pred = 0;
    const auto& deciding = facts_.types[call.param(pred)[0]];
    if (!may_be_one_bool(deciding)) {
      throw Error(
          ErrorCode::parameters,
          base::cat(call.op->place(), ": parameter 'pred': expected one value, found shape ",
                    base::shape_text(deciding.dims)));
    }
    const auto& then_block = flat_.blocks[call.blocks[0]];
    const auto& else_block = flat_.blocks[call.blocks[1]];
    check_count(call, then_block, call.results.size(), "true");
    check_count(call, else_block, call.results.size(), "false");
    run_block(call.blocks[0]);
    run_block(call.blocks[1]);
    for (std::size_t i = 0; i < call.results.size(); ++i) {
      const auto& a = facts_.types[then_block.outputs[i]];
      const auto& b = facts_.types[else_block.outputs[i]];
      if (a.kind != b.kind || a.dtype != b.dtype) {
        throw Error(ErrorCode::parameters,
                    base::cat(call.op->place(), ": result ", i, " is ", ir::text(a),
                              " from the true block and ", ir::text(b), " from the false block"));
      }
      if (a.kind != Type::Kind::tensor && a.kind != Type::Kind::list) {
        throw Error(ErrorCode::parameters, base::cat(call.op->place(), ": result ", i, " is ",
                                                     ir::text(a), ", expected a tensor or a list"));
      }
      facts_.types[call.results[i]] = generalize(a, b);
      facts_.known[call.results[i]] = nullptr;
    }
  }

  void check_loop_inputs(const FlatCall& call, const FlatBlock& block,
                         std::span<const Type> types) {
    for (std::size_t i = 0; i < types.size(); ++i) {
      const auto& input = flat_.values[block.inputs[i]];
      if (ir::compatible(input.declared, types[i])) continue;
      throw Error(ErrorCode::parameters,
                  base::cat(call.op->place(), ": block input ", base::quoted(input.value->name),
                            " is declared ", ir::text(input.declared), ", loop variable ", i,
                            " is ", ir::text(types[i])));
    }
  }

  void run_while(const FlatCall& call) {
    const auto& condition = flat_.blocks[call.blocks[0]];
    const auto& body = flat_.blocks[call.blocks[1]];
    const auto vars = call.param(0);
    check_count(call, condition, 1, "condition");
    check_count(call, body, vars.size(), "body");
    if (condition.inputs.size() != vars.size() || body.inputs.size() != vars.size() ||
        call.results.size() != vars.size()) {
      throw Error(ErrorCode::parameters,
                  base::cat(call.op->place(), ": has ", vars.size(), " loop variables, ",
                            condition.inputs.size(), " condition inputs, ", body.inputs.size(),
                            " body inputs and ", call.results.size(), " results"));
    }
    std::vector<Type> types;
    for (const auto id : vars) types.push_back(facts_.types[id]);
    for (const auto* block : {&condition, &body}) check_loop_inputs(call, *block, types);
    // Each round can only lose knowledge, so this ends after at most rank + 2 rounds.
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = 0; i < vars.size(); ++i) {
        for (const auto id : {condition.inputs[i], body.inputs[i]}) {
          facts_.types[id] = types[i];
          facts_.known[id] = nullptr;
        }
      }
      run_block(call.blocks[0]);
      if (const auto& go_on = facts_.types[condition.outputs[0]]; !may_be_one_bool(go_on)) {
        throw Error(ErrorCode::parameters,
                    base::cat(call.op->place(), ": its condition block returns ", ir::text(go_on),
                              ", expected one bool"));
      }
      run_block(call.blocks[1]);
      for (std::size_t i = 0; i < vars.size(); ++i) {
        const auto& after = facts_.types[body.outputs[i]];
        if (after.kind != types[i].kind || after.dtype != types[i].dtype) {
          throw Error(ErrorCode::parameters,
                      base::cat(call.op->place(), ": loop variable ", i, " is ", ir::text(types[i]),
                                " and becomes ", ir::text(after)));
        }
        auto merged = generalize(types[i], after);
        if (!(merged == types[i])) changed = true;
        types[i] = std::move(merged);
      }
    }
    for (std::size_t i = 0; i < vars.size(); ++i) {
      facts_.types[call.results[i]] = types[i];
      facts_.known[call.results[i]] = nullptr;
    }
  }

  const FlatFunction& flat_;
  Facts& facts_;
  std::vector<Type> results_;
};

void check_declared(const FlatFunction& flat, const Facts& facts) {
  for (std::size_t id = 0; id < flat.values.size(); ++id) {
    const auto& value = flat.values[id];
    if (!value.value || !value.value->producer) continue;
    if (!ir::compatible(value.declared, facts.types[id])) {
      throw Error(ErrorCode::parameters,
                  base::cat(value.value->producer->place(), ": declares ", ir::text(value.declared),
                            " for ", base::quoted(value.value->name), ", its arguments give ",
                            ir::text(facts.types[id])));
    }
  }
}

}  // namespace

Facts infer(const FlatFunction& flat, std::span<const Type> inputs) {
  Facts facts;
  facts.types.reserve(flat.values.size());
  facts.known.reserve(flat.values.size());
  for (const auto& value : flat.values) {
    facts.types.push_back(value.declared);
    facts.known.push_back(value.known);
  }
  const auto& body = flat.body();
  for (std::size_t i = 0; i < body.inputs.size(); ++i) {
    if (!countable(inputs[i])) {
      throw Error(ErrorCode::out_of_memory,
                  base::cat("function ", base::quoted(flat.function->name), ": input ",
                            base::quoted(flat.values[body.inputs[i]].value->name), " of shape ",
                            base::shape_text(inputs[i].dims), " does not fit 64 bits"));
    }
    facts.types[body.inputs[i]] = inputs[i];
  }
  infer_from(flat, facts, 0, 0);
  return facts;
}

void infer_from(const FlatFunction& flat, Facts& facts, std::uint32_t block, std::size_t first) {
  try {
    Inferrer(flat, facts).run_block(block, first);
  } catch (Error& error) {
    throw error.within(base::cat("function ", base::quoted(flat.function->name)));
  }
}

void infer_types(ir::Function& function) {
  const auto flat = flatten(function);
  std::vector<Type> inputs;
  for (const auto& input : function.body->inputs()) inputs.push_back(input->type);
  const auto facts = infer(flat, inputs);
  try {
    check_declared(flat, facts);
  } catch (Error& error) {
    throw error.within(base::cat("function ", base::quoted(function.name)));
  }
  for (std::size_t id = 0; id < flat.values.size(); ++id) {
    // The tables are const views of a program that is ours to complete here.
    if (auto* value = const_cast<ir::Value*>(flat.values[id].value)) {
      value->type = ir::merge(value->type, facts.types[id]);
    }
  }
}

}  // namespace pome::ops

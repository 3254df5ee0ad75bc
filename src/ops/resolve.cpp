#include "ops/resolve.h"

#include <algorithm>
#include <optional>

#include "base/checked.h"
#include "base/half.h"
#include "base/text.h"
#include "ops/call.h"
#include "pome/error.h"

namespace pome::ops {
namespace {

using base::cat;
using base::quoted;

[[noreturn]] void fail(const ir::Op& op, std::string_view message,
                       ErrorCode code = ErrorCode::parameters) {
  throw Error(code, cat(op.place(), ": ", message));
}

/// Constant expressions of iOS16 carry their parameters as attributes; here they are arguments.
void move_attributes(ir::Op& op, const OpDef& def) {
  for (const auto& param : def.params()) {
    if (op.argument(param.name)) continue;
    for (const auto& [name, value] : op.attributes()) {
      if (name == param.name) {
        op.set_argument(param.name, ir::Binding(value));
        break;
      }
    }
  }
}

std::string types_text(TypeSet set) {
  std::string out;
  for (int i = 1; i <= static_cast<int>(DataType::uint64); ++i) {
    const auto type = static_cast<DataType>(i);
    if (!contains(set, type)) continue;
    if (!out.empty()) out += ", ";
    out += name(type);
  }
  return out;
}

const Param* find_param(const OpVersion& version, std::string_view name) {
  const auto at = std::ranges::find(version.params, name, &Param::name);
  return at == version.params.end() ? nullptr : &*at;
}

void check_binding(const ir::Op& op, const Param& param, const ir::Binding& binding) {
  const auto& type = binding.type();
  const auto place = cat("parameter ", quoted(param.name));
  const auto wrong_kind = [&](std::string_view expected) {
    fail(op, cat(place, ": found ", text(type), ", expected ", expected));
  };
  using Kind = ir::Type::Kind;
  if (param.form == Form::list && type.kind != Kind::list) wrong_kind("a list");
  if (param.form == Form::state && type.kind != Kind::state) wrong_kind("a state");
  if ((param.form == Form::tensor || param.form == Form::constant) && type.kind != Kind::tensor) {
    wrong_kind("a tensor");
  }
  if (param.form == Form::any && type.kind == Kind::state) wrong_kind("a tensor or a list");
  if (type.kind == Kind::tensor && !contains(param.types, type.dtype)) {
    wrong_kind(cat("one of the element types ", types_text(param.types)));
  }
  if (param.form == Form::constant && !binding.constant() &&
      !(binding.value && binding.value->producer && binding.value->producer->def &&
        binding.value->producer->def->effects == Effects::compress)) {
    fail(op, cat(place, ": must be a constant, found the computed value ",
                 quoted(binding.value ? binding.value->name : std::string())));
  }
}

void check_arguments(const ir::Op& op, const OpDef& def, const OpVersion& version, Opset opset) {
  for (const auto& argument : op.arguments()) {
    if (find_param(version, argument.name)) continue;
    std::vector<std::string_view> names;
    for (const auto& p : version.params) names.push_back(p.name);
    const bool later =
        std::ranges::find(def.params(), argument.name, &Param::name) != def.params().end();
    const auto near = base::nearest(argument.name, names);
    fail(op, cat("has no parameter ", quoted(argument.name), later ? " in opset " : "",
                 later ? name(opset) : std::string_view{},
                 near.empty() ? std::string() : cat(" (did you mean ", quoted(near), "?)")));
  }
  // Calls count their arguments in 16 bits.
  constexpr std::size_t most_arguments = 65535;
  std::size_t given = 0;
  for (const auto& argument : op.arguments()) given += argument.bindings.size();
  if (given > most_arguments) {
    fail(op, cat("has ", given, " arguments, expected at most ", most_arguments));
  }
  DataType groups[128] = {};
  std::string_view first_of_group[128];
  for (const auto& param : version.params) {
    const auto* argument = op.argument(param.name);
    if (!argument || argument->bindings.empty()) {
      if (param.required) fail(op, cat("parameter ", quoted(param.name), " is missing"));
      continue;
    }
    if (!param.variadic && argument->bindings.size() != 1) {
      fail(op, cat("parameter ", quoted(param.name), " has ", argument->bindings.size(),
                   " values, expected 1"));
    }
    for (const auto& binding : argument->bindings) {
      check_binding(op, param, binding);
      if (param.group == 0) continue;
      auto& seen = groups[static_cast<unsigned char>(param.group) & 127U];
      auto& first = first_of_group[static_cast<unsigned char>(param.group) & 127U];
      const auto dtype = binding.type().dtype;
      if (seen == DataType::invalid) {
        seen = dtype;
        first = param.name;
      } else if (seen != dtype) {
        fail(op, cat("parameter ", quoted(param.name), " is ", name(dtype), ", expected ",
                     name(seen), " as parameter ", quoted(first), " has"));
      }
    }
  }
}

/// Binds one operation; throws with the reason when it cannot be run.
void resolve_op(ir::Op& op, Opset opset) {
  const auto* def = find(op.type());
  if (!def) {
    std::vector<std::string_view> names;
    for (const auto* d : all()) names.push_back(d->name);
    const auto near = base::nearest(op.type(), names);
    fail(op,
         cat("there is no operation ", quoted(op.type()),
             near.empty() ? std::string(" in the opsets iOS15 to iOS26")
                          : cat(" (did you mean ", quoted(near), "?)")),
         ErrorCode::unsupported);
  }
  const auto* signature = version(*def, opset);
  if (!signature) {
    fail(op,
         cat("exists from opset ", name(def->versions.front().since),
             " on, the function is written in ", name(opset)),
         ErrorCode::unsupported);
  }
  move_attributes(op, *def);
  check_arguments(op, *def, *signature, opset);
  const auto results = op.result_count();
  if (results < def->min_results || (def->max_results != 255 && results > def->max_results)) {
    fail(op, cat("has ", results, " results, expected ", static_cast<int>(def->min_results),
                 def->max_results == def->min_results
                     ? std::string()
                     : cat(" to ", static_cast<int>(def->max_results))));
  }
  if (op.blocks().size() != def->blocks) {
    fail(op, cat("has ", op.blocks().size(), " blocks, expected ", static_cast<int>(def->blocks)));
  }
  op.def = def;
}

Opset opset_of(const ir::Function& function) {
  Opset opset{};
  if (!parse_opset(function.opset, opset)) {
    throw Error(ErrorCode::unsupported,
                cat("function ", quoted(function.name), ": opset ", quoted(function.opset),
                    " is not known, expected CoreML5 (iOS15) to CoreML9 (iOS26)"));
  }
  return opset;
}

}  // namespace

void resolve(ir::Function& function) {
  const auto opset = opset_of(function);
  try {
    ir::for_each_op(*function.body, [&](ir::Op& op) { resolve_op(op, opset); });
  } catch (Error& error) {
    throw error.within(cat("function ", quoted(function.name)));
  }
}

std::vector<Unresolved> find_unresolved(ir::Function& function) {
  std::vector<Unresolved> out;
  Opset opset{};
  try {
    opset = opset_of(function);
  } catch (const Error& error) {
    out.push_back({cat("function ", quoted(function.name)), function.opset, error.what()});
    return out;
  }
  ir::for_each_op(*function.body, [&](ir::Op& op) {
    try {
      resolve_op(op, opset);
    } catch (const Error& error) {
      out.push_back({op.place(), op.type(), error.what()});
    }
  });
  return out;
}

}  // namespace pome::ops

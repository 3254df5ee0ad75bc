#include "frontend/neural_network/builder.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/text.h"
#include "ops/call.h"
#include "ops/op_def.h"
#include "ops/resolve.h"
#include "pome/error.h"

namespace pome::frontend::network {

using base::cat;

ir::ConstantPtr ints(std::span<const std::int64_t> values) {
  std::vector<std::int32_t> narrow;
  for (const std::int64_t value : values) {
    const auto fits = base::checked_cast<std::int32_t>(value);
    if (!fits)
      throw Error(ErrorCode::parameters, cat("a parameter is ", value, ", which is out of range"));
    narrow.push_back(*fits);
  }
  return ir::make_int32s(narrow);
}

ir::ConstantPtr ints(std::initializer_list<std::int64_t> values) {
  return ints(std::span(values.begin(), values.size()));
}

ir::ConstantPtr integer(std::int64_t value) {
  const auto fits = base::checked_cast<std::int32_t>(value);
  if (!fits)
    throw Error(ErrorCode::parameters, cat("a parameter is ", value, ", which is out of range"));
  return ir::make_int32(*fits);
}

ir::ConstantPtr number(float value) {
  return ir::make_fp32(value);
}

ir::ConstantPtr numbers(std::span<const float> values, ir::Dims dims) {
  std::vector<std::byte> bytes(values.size_bytes());
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return ir::make_tensor(ir::Type::tensor(DataType::fp32, std::move(dims)), std::move(bytes));
}

ir::ConstantPtr flag(bool value) {
  return ir::make_bool(value);
}

ir::ConstantPtr flags(const std::vector<bool>& values) {
  const auto copy = std::make_unique<bool[]>(values.size());
  std::copy(values.begin(), values.end(), copy.get());
  return ir::make_bools({copy.get(), values.size()});
}

ir::ConstantPtr text(std::string_view value) {
  return ir::make_string(std::string(value));
}

std::string Builder::unique(std::string_view hint) {
  std::string name(hint.empty() ? "value" : hint);
  while (!names_.insert(name).second) name = cat(hint, "_", counters_[std::string(hint)]++);
  return name;
}

V Builder::input(const std::string& name, ir::Type type) {
  return &block_->add_input(name, std::move(type));
}

V Builder::constant(ir::ConstantPtr value) {
  auto op = std::make_unique<ir::Op>("const", unique(cat(hint_, "_const")));
  op->source = source_;
  ir::Value& result = op->add_result(op->name(), value->type);
  op->set_attribute("val", value);
  op->def = ops::find("const");
  const bool small =
      !value->is_blob() && value->type.is_tensor() && value->type.is_static() &&
      value->type.dtype != DataType::string &&
      base::element_count(value->type.dims).value_or(ops::known_limit + 1) <= ops::known_limit;
  if (small) known_[&result] = std::make_shared<const base::HostTensor>(ops::materialize(*value));
  block_->append(std::move(op));
  return &result;
}

const base::HostTensor* Builder::known(V value) const {
  const auto found = known_.find(value);
  return found == known_.end() ? nullptr : found->second.get();
}

V Builder::op(std::string_view type, std::vector<Arg> arguments) {
  return ops(type, std::move(arguments), 1).front();
}

V Builder::named(const std::string& name, std::string_view type, std::vector<Arg> arguments) {
  auto made = std::make_unique<ir::Op>(std::string(type), name);
  made->source = source_;
  for (Arg& argument : arguments) made->set_argument(argument.name, std::move(argument.bindings));
  made->add_result(name, ir::Type::unranked(DataType::fp32));
  infer(*made);
  V result = &made->result(0);
  block_->append(std::move(made));
  return result;
}

std::vector<V> Builder::ops(std::string_view type, std::vector<Arg> arguments,
                            std::size_t results) {
  auto made = std::make_unique<ir::Op>(std::string(type), unique(hint_));
  made->source = source_;
  for (Arg& argument : arguments) made->set_argument(argument.name, std::move(argument.bindings));
  std::vector<V> out;
  for (std::size_t i = 0; i < results; ++i) {
    out.push_back(&made->add_result(i == 0 ? made->name() : unique(hint_),
                                    ir::Type::unranked(DataType::fp32)));
  }
  infer(*made);
  block_->append(std::move(made));
  return out;
}

namespace {

bool worth_knowing(const ir::Type& type) {
  return type.is_tensor() && type.ranked && type.is_static() && is_integer(type.dtype) &&
         base::element_count(type.dims).value_or(ops::known_limit + 1) <= ops::known_limit;
}

}  // namespace

void Builder::infer(ir::Op& op) {
  op.def = ops::find(op.type());
  if (op.def == nullptr)
    throw Error(ErrorCode::generic, cat("there is no operation ", base::quoted(op.type())));
  std::vector<ir::Type> types;
  for (std::size_t i = 0; i < op.result_count(); ++i) types.push_back(op.result(i).type);
  ops::InferContext context(*op.def, &op, types);
  bool all_known = true;
  std::vector<std::vector<ops::Call::Arg>> pushed;
  std::vector<std::shared_ptr<const base::HostTensor>> held;
  for (const auto& param : op.def->params()) {
    auto& args = pushed.emplace_back();
    if (const auto* argument = op.argument(param.name)) {
      for (const auto& binding : argument->bindings) {
        ops::Call::Arg arg{&binding.type(), {}, nullptr};
        if (binding.value != nullptr) {
          if (const auto* tensor = known(binding.value)) arg.value = tensor->view();
        } else if (!binding.literal->is_blob() &&
                   base::element_count(binding.literal->type.dims).value_or(1 << 30) <=
                       ops::known_limit) {
          held.push_back(
              std::make_shared<const base::HostTensor>(ops::materialize(*binding.literal)));
          arg.value = held.back()->view();
        }
        const bool from_types = op.def->from_types && arg.type->ranked && arg.type->is_static();
        if (!arg.value && from_types)
          arg.value = {nullptr, base::storage_type(arg.type->dtype), arg.type->dims};
        all_known &= static_cast<bool>(arg.value) || from_types;
        args.push_back(arg);
      }
    }
    context.push_param(args);
  }
  op.def->infer(context);
  for (std::size_t i = 0; i < types.size(); ++i) op.result(i).type = types[i];
  if (!all_known || op.def->evaluate == nullptr || op.def->effects != ops::Effects::none ||
      !std::ranges::all_of(types, worth_knowing))
    return;
  std::vector<std::shared_ptr<base::HostTensor>> tensors;
  std::vector<ops::EvalContext::Result> results;
  for (std::size_t i = 0; i < types.size(); ++i) {
    tensors.push_back(
        std::make_shared<base::HostTensor>(base::storage_type(types[i].dtype), types[i].dims));
    results.push_back({&op.result(i).type, tensors.back()->mutable_view(), nullptr});
  }
  ops::EvalContext evaluate(*op.def, &op, results, {});
  for (const auto& args : pushed) evaluate.push_param(args);
  op.def->evaluate(evaluate);
  for (std::size_t i = 0; i < types.size(); ++i) known_[&op.result(i)] = tensors[i];
}

}  // namespace pome::frontend::network

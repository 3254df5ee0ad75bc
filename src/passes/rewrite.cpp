#include "passes/rewrite.h"

#include <memory>

#include "base/text.h"
#include "ops/call.h"
#include "ops/resolve.h"

namespace pome::passes {
namespace {

/// The elements of an immediate constant that is small enough to look at.
std::optional<base::HostTensor> small(const ir::Binding* binding) {
  const auto* constant = binding ? binding->constant() : nullptr;
  if (!constant || constant->is_blob() || !constant->type.is_tensor() ||
      !constant->type.is_static() || constant->type.dtype == DataType::string ||
      constant->bytes().size() > 256)
    return std::nullopt;
  return ops::materialize(*constant);
}

}  // namespace

std::optional<double> scalar(const ir::Binding* binding) {
  const auto tensor = small(binding);
  if (!tensor || tensor->size() != 1) return std::nullopt;
  return ops::load_f(tensor->view(), 0);
}

std::optional<Dims> integers(const ir::Binding* binding) {
  const auto tensor = small(binding);
  if (!tensor || is_float(tensor->view().dtype)) return std::nullopt;
  Dims out;
  for (std::int64_t i = 0; i < tensor->size(); ++i) out.push_back(ops::load_i(tensor->view(), i));
  return out;
}

std::optional<bool> flag(const ir::Op& op, std::string_view param, bool otherwise) {
  const auto* binding = op.input(param);
  if (!binding) return otherwise;
  const auto value = integers(binding);
  if (!value || value->size() != 1) return std::nullopt;
  return (*value)[0] != 0;
}

std::string_view text(const ir::Binding* binding) {
  const auto* constant = binding ? binding->constant() : nullptr;
  const auto strings = constant ? constant->strings() : std::span<const std::string>();
  return strings.size() == 1 ? std::string_view(strings[0]) : std::string_view();
}

ir::Op* made_by(const ir::Value* value, std::string_view type) noexcept {
  return value && value->producer && value->producer->type() == type ? value->producer : nullptr;
}

bool used_once(const ir::Value& value) noexcept {
  return value.users.size() == 1 && value.block_uses == 0;
}

ir::Op& insert_before(ir::Op& before, const ops::OpDef& def, Arguments arguments,
                      const std::string& name, const ir::Type& type) {
  auto op = std::make_unique<ir::Op>(std::string(def.name), name);
  op->def = &def;
  op->source = before.source;
  for (const auto& [param, binding] : arguments) op->set_argument(param, binding);
  op->add_result(name, type);
  return before.parent()->insert(&before, std::move(op));
}

ir::ConstantPtr int32s(const Dims& values) {
  return ir::make_int32s(std::vector<std::int32_t>(values.begin(), values.end()));
}

void take_over(ir::Op& old, ir::Op& made) {
  auto& from = old.result();
  auto& to = made.result();
  std::swap(from.name, to.name);
  ir::replace_all_uses(*old.parent(), &from, &to);
}

bool bypass(ir::Op& op, ir::Value& value) {
  auto& from = op.result();
  if (from.block_uses != 0 || !from.used() || !(from.type == value.type)) return false;
  const auto users = from.users;
  for (auto* user : users) user->replace_uses(&from, &value);
  return true;
}

std::vector<ir::Block*> all_blocks(ir::Function& function) {
  std::vector<ir::Block*> blocks{function.body.get()};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    for (const auto& op : blocks[i]->operations()) {
      for (const auto& nested : op->blocks()) blocks.push_back(nested.get());
    }
  }
  return blocks;
}

}  // namespace pome::passes

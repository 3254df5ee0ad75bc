#include "ir/program.h"

#include <algorithm>

#include "base/text.h"
#include "pome/error.h"

namespace pome::ir {
namespace {

// Searched from the end: who takes apart what was appended in order finds his entry there, so that
// a value with very many users does not cost the square of their number.
void remove_user(Value* value, const Op* op) noexcept {
  auto& users = value->users;
  const auto at = std::find(users.rbegin(), users.rend(), op);
  if (at == users.rend()) return;
  *at = users.back();
  users.pop_back();
}

void add_users(const std::vector<Binding>& bindings, Op* op) {
  for (const auto& b : bindings) {
    if (b.value) b.value->users.push_back(op);
  }
}

void remove_users(const std::vector<Binding>& bindings, const Op* op) noexcept {
  for (const auto& b : bindings) {
    if (b.value) remove_user(b.value, op);
  }
}

}  // namespace

const Constant* Value::constant() const noexcept {
  return producer && producer->type() == "const" ? producer->attribute("val") : nullptr;
}

const std::string& Op::name() const noexcept {
  return name_.empty() && !results_.empty() ? results_.front()->name : name_;
}

std::string Op::place() const {
  return base::cat("operation ", base::quoted(name()), " (", type_, ")");
}

const Argument* Op::argument(std::string_view param) const noexcept {
  const auto at = std::ranges::find(arguments_, param, &Argument::name);
  return at == arguments_.end() ? nullptr : &*at;
}

const Binding* Op::input(std::string_view param) const noexcept {
  const auto* found = argument(param);
  return found && !found->bindings.empty() ? &found->bindings.front() : nullptr;
}

Value* Op::input_value(std::string_view param) const noexcept {
  const auto* binding = input(param);
  return binding ? binding->value : nullptr;
}

void Op::set_argument(std::string_view param, std::vector<Binding> bindings) {
  const auto at = std::ranges::find(arguments_, param, &Argument::name);
  add_users(bindings, this);
  if (at == arguments_.end()) {
    arguments_.push_back({std::string(param), std::move(bindings)});
  } else {
    remove_users(at->bindings, this);
    at->bindings = std::move(bindings);
  }
}

void Op::set_argument(std::string_view param, Binding binding) {
  set_argument(param, std::vector<Binding>{std::move(binding)});
}

void Op::remove_argument(std::string_view param) {
  const auto at = std::ranges::find(arguments_, param, &Argument::name);
  if (at == arguments_.end()) return;
  remove_users(at->bindings, this);
  arguments_.erase(at);
}

void Op::replace_uses(Value* from, Value* to) {
  for (auto& argument : arguments_) {
    for (auto& binding : argument.bindings) {
      if (binding.value != from) continue;
      remove_user(from, this);
      binding.value = to;
      to->users.push_back(this);
    }
  }
}

Value& Op::add_result(std::string result_name, Type type) {
  auto value = std::make_unique<Value>();
  value->name = std::move(result_name);
  value->type = std::move(type);
  value->producer = this;
  value->block = parent_;
  value->index = static_cast<std::uint32_t>(results_.size());
  results_.push_back(std::move(value));
  return *results_.back();
}

Block& Op::add_block() {
  blocks_.push_back(std::make_unique<Block>(this));
  return *blocks_.back();
}

const Constant* Op::attribute(std::string_view attribute_name) const noexcept {
  const auto at = std::ranges::find(attributes_, attribute_name, &Attribute::first);
  return at == attributes_.end() ? nullptr : at->second.get();
}

void Op::set_attribute(std::string_view attribute_name, ConstantPtr value) {
  const auto at = std::ranges::find(attributes_, attribute_name, &Attribute::first);
  if (at == attributes_.end()) {
    attributes_.emplace_back(attribute_name, std::move(value));
  } else {
    at->second = std::move(value);
  }
}

void Op::drop_uses() noexcept {
  for (const auto& argument : arguments_) remove_users(argument.bindings, this);
}

// Destroyed back to front without touching lists of users: everything goes together.
Block::~Block() {
  while (!operations_.empty()) operations_.pop_back();
}

Value& Block::add_input(std::string input_name, Type type) {
  auto value = std::make_unique<Value>();
  value->name = std::move(input_name);
  value->type = std::move(type);
  value->block = this;
  value->index = static_cast<std::uint32_t>(inputs_.size());
  inputs_.push_back(std::move(value));
  return *inputs_.back();
}

Op& Block::append(std::unique_ptr<Op> op) {
  return insert(nullptr, std::move(op));
}

Op& Block::insert(const Op* before, std::unique_ptr<Op> op) {
  op->parent_ = this;
  for (const auto& result : op->results_) result->block = this;
  auto at = operations_.end();
  if (before) {
    at = std::ranges::find(operations_, before, [](const auto& p) { return p.get(); });
  }
  return **operations_.insert(at, std::move(op));
}

namespace {

/// Gives back the uses that the blocks inside an operation make, before it goes.
void release_nested(Op& op, void (*drop)(Op&)) {
  const auto release_outputs = [](Op& owner) {
    for (const auto& block : owner.blocks()) {
      for (auto* value : block->outputs()) --value->block_uses;
    }
  };
  release_outputs(op);
  for (const auto& block : op.blocks()) {
    for_each_op(*block, [&](Op& inner) {
      drop(inner);
      release_outputs(inner);
    });
  }
}

}  // namespace

void Block::erase(Op* op) {
  const auto at = std::ranges::find(operations_, op, [](const auto& p) { return p.get(); });
  if (at == operations_.end()) return;
  release_nested(*op, [](Op& inner) { inner.drop_uses(); });
  op->drop_uses();
  operations_.erase(at);
}

void Block::erase_if(const std::function<bool(const Op&)>& dead) {
  for (std::size_t i = operations_.size(); i-- > 0;) {
    if (!dead(*operations_[i])) continue;
    release_nested(*operations_[i], [](Op& inner) { inner.drop_uses(); });
    operations_[i]->drop_uses();
    operations_[i].reset();
  }
  std::erase(operations_, nullptr);
}

void Block::set_outputs(std::vector<Value*> outputs) {
  for (auto* value : outputs_) --value->block_uses;
  outputs_ = std::move(outputs);
  for (auto* value : outputs_) ++value->block_uses;
}

void replace_all_uses(Block& scope, Value* from, Value* to) {
  if (from == to) return;
  const auto users = from->users;
  for (auto it = users.rbegin(); it != users.rend(); ++it) (*it)->replace_uses(from, to);
  const auto in_outputs = [&](Block& block) {
    auto outputs = block.outputs();
    if (std::ranges::find(outputs, from) == outputs.end()) return;
    std::ranges::replace(outputs, from, to);
    block.set_outputs(std::move(outputs));
  };
  if (from->block_uses == 0) return;
  in_outputs(scope);
  for_each_op(scope, [&](Op& op) {
    for (const auto& block : op.blocks()) in_outputs(*block);
  });
}

Function* Program::find(std::string_view function) const noexcept {
  const auto at = std::ranges::find(functions, function,
                                    [](const auto& f) -> std::string_view { return f->name; });
  return at == functions.end() ? nullptr : at->get();
}

void for_each_op(const Block& block, const std::function<void(Op&)>& visit) {
  // A stack of (block, next operation): program order without recursion.
  std::vector<std::pair<const Block*, std::size_t>> stack{{&block, 0}};
  while (!stack.empty()) {
    auto& [current, next] = stack.back();
    if (next == current->operations().size()) {
      stack.pop_back();
      continue;
    }
    Op& op = *current->operations()[next++];
    visit(op);
    const auto& nested = op.blocks();
    for (std::size_t i = nested.size(); i-- > 0;) stack.emplace_back(nested[i].get(), 0);
  }
}

namespace {

bool same_attributes(const std::vector<Attribute>& a, const std::vector<Attribute>& b) {
  return std::ranges::equal(a, b, [](const Attribute& x, const Attribute& y) {
    return x.first == y.first && equal(*x.second, *y.second);
  });
}

bool same_binding(const Binding& a, const Binding& b) {
  if ((a.value == nullptr) != (b.value == nullptr)) return false;
  return a.value ? a.value->name == b.value->name : equal(*a.literal, *b.literal);
}

bool same_value(const Value& a, const Value& b) {
  return a.name == b.name && a.type == b.type;
}

bool same_op(const Op& a, const Op& b) {
  if (a.type() != b.type() || a.name() != b.name() || a.result_count() != b.result_count() ||
      a.blocks().size() != b.blocks().size() || !same_attributes(a.attributes(), b.attributes())) {
    return false;
  }
  for (std::size_t i = 0; i < a.result_count(); ++i) {
    if (!same_value(a.result(i), b.result(i))) return false;
  }
  return std::ranges::equal(a.arguments(), b.arguments(), [](const auto& x, const auto& y) {
    return x.name == y.name && std::ranges::equal(x.bindings, y.bindings, same_binding);
  });
}

bool same_block_head(const Block& a, const Block& b) {
  return a.operations().size() == b.operations().size() &&
         same_attributes(a.attributes, b.attributes) &&
         std::ranges::equal(a.inputs(), b.inputs(),
                            [](const auto& x, const auto& y) { return same_value(*x, *y); }) &&
         std::ranges::equal(a.outputs(), b.outputs(), {}, &Value::name, &Value::name);
}

bool same_body(const Block& a, const Block& b) {
  std::vector<std::pair<const Block*, const Block*>> todo{{&a, &b}};
  while (!todo.empty()) {
    const auto [x, y] = todo.back();
    todo.pop_back();
    if (!same_block_head(*x, *y)) return false;
    for (std::size_t i = 0; i < x->operations().size(); ++i) {
      const auto& p = *x->operations()[i];
      const auto& q = *y->operations()[i];
      if (!same_op(p, q)) return false;
      for (std::size_t k = 0; k < p.blocks().size(); ++k) {
        todo.emplace_back(p.blocks()[k].get(), q.blocks()[k].get());
      }
    }
  }
  return true;
}

}  // namespace

bool equal(const Program& a, const Program& b) noexcept {
  return a.version == b.version && same_attributes(a.attributes, b.attributes) &&
         std::ranges::equal(a.functions, b.functions, [](const auto& f, const auto& g) {
           return f->name == g->name && f->opset == g->opset &&
                  same_attributes(f->attributes, g->attributes) && same_body(*f->body, *g->body);
         });
}

}  // namespace pome::ir

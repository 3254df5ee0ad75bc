// Structural checks of programs: scopes, definitions before uses, true lists of users.
#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/text.h"
#include "ir/program.h"
#include "pome/error.h"

namespace pome::ir {
namespace {

using base::cat;
using base::quoted;

class Verifier {
 public:
  explicit Verifier(const Function& function) : function_(function) {}

  void run() {
    if (!function_.body) fail("it has no body");
    if (function_.body->owner()) fail("its body belongs to an operation");
    check_block(*function_.body, 0);
    check_users();
  }

 private:
  using Use = std::pair<const Value*, const Op*>;
  using Scope = std::vector<const Value*>;

  [[noreturn]] void fail(std::string_view message) const {
    throw Error(ErrorCode::io, cat("function ", quoted(function_.name), ": ", message));
  }

  void define(const Value& value, const Block& block, const Op* producer, std::size_t index,
              Scope& scope) {
    if (value.name.empty()) fail("a value has no name");
    if (!names_.insert(value.name).second) {
      fail(cat("the name ", quoted(value.name), " is given twice"));
    }
    if (value.type.kind == Type::Kind::none) {
      fail(cat("value ", quoted(value.name), " has no type"));
    }
    if (value.producer != producer || value.block != &block || value.index != index) {
      fail(cat("value ", quoted(value.name), " does not know where it is defined"));
    }
    visible_.insert(&value);
    for (const auto* user : value.users) listed_uses_.emplace_back(&value, user);
    values_.push_back(&value);
    scope.push_back(&value);
  }

  void use(const Value* value, std::string_view where) const {
    if (!visible_.contains(value)) {
      // A value that is nowhere defined may be gone: only its absence can be told.
      fail(cat(where, " is not defined before its use"));
    }
  }

  // Recursive over blocks; the depth is capped first.
  void check_block(const Block& block, int depth) {
    if (depth > max_block_depth) fail(cat("blocks are nested deeper than ", max_block_depth));
    Scope scope;
    for (std::size_t i = 0; i < block.inputs().size(); ++i) {
      define(*block.inputs()[i], block, nullptr, i, scope);
    }
    for (const auto& op : block.operations()) check_op(*op, block, scope, depth);
    for (std::size_t i = 0; i < block.outputs().size(); ++i) {
      use(block.outputs()[i], cat("block output ", i));
      ++output_uses_[block.outputs()[i]];
    }
    for (const auto* value : scope) {
      visible_.erase(value);
      names_.erase(value->name);
    }
  }

  void check_op(const Op& op, const Block& block, Scope& scope, int depth) {
    if (op.type().empty()) fail(cat(op.place(), ": has no type"));
    if (op.parent() != &block) fail(cat(op.place(), ": does not know its block"));
    check_arguments(op);
    for (const auto& nested : op.blocks()) {
      if (nested->owner() != &op) fail(cat(op.place(), ": its block does not know it"));
      check_block(*nested, depth + 1);
    }
    for (std::size_t i = 0; i < op.result_count(); ++i) {
      define(op.result(i), block, &op, i, scope);
    }
    if (op.type() == "const") check_const(op);
  }

  void check_arguments(const Op& op) {
    for (const auto& argument : op.arguments()) {
      if (op.argument(argument.name) != &argument) {
        fail(cat(op.place(), ": parameter ", quoted(argument.name), " is given twice"));
      }
      for (const auto& binding : argument.bindings) {
        if (binding.value) {
          // The message is built only when it is needed: programs have very many arguments.
          if (!visible_.contains(binding.value)) {
            use(binding.value, cat(op.place(), ": parameter ", quoted(argument.name)));
          }
          uses_.emplace_back(binding.value, &op);
        } else if (!binding.literal) {
          fail(cat(op.place(), ": parameter ", quoted(argument.name), " is empty"));
        }
      }
    }
  }

  void check_const(const Op& op) const {
    const auto* value = op.attribute("val");
    if (!value) fail(cat(op.place(), ": has no attribute 'val'"));
    if (op.result_count() != 1) {
      fail(cat(op.place(), ": has ", op.result_count(), " results, expected 1"));
    }
    if (!compatible(op.result().type, value->type)) {
      fail(cat(op.place(), ": declares ", text(op.result().type), ", its value is ",
               text(value->type)));
    }
  }

  void check_users() {
    for (const auto* value : values_) {
      const auto at = output_uses_.find(value);
      const std::int64_t found = at == output_uses_.end() ? 0 : at->second;
      if (found != value->block_uses) {
        fail(cat("value ", quoted(value->name), " is a block output ", found, " times, it counts ",
                 value->block_uses));
      }
    }
    std::ranges::sort(uses_);
    std::ranges::sort(listed_uses_);
    if (uses_ == listed_uses_) return;
    for (const auto* value : values_) {
      const auto of_value = [&](const Use& u) { return u.first == value; };
      if (std::ranges::count_if(uses_, of_value) == std::ssize(value->users)) continue;
      fail(cat("value ", quoted(value->name), " is used ", std::ranges::count_if(uses_, of_value),
               " times, its list of users has ", value->users.size()));
    }
    fail("a list of users names an operation that does not use the value");
  }

  const Function& function_;
  std::unordered_set<std::string_view> names_;
  std::unordered_set<const Value*> visible_;
  std::vector<const Value*> values_;
  std::vector<Use> uses_;
  std::vector<Use> listed_uses_;
  std::unordered_map<const Value*, std::int64_t> output_uses_;
};

}  // namespace

void verify(const Function& function) {
  Verifier(function).run();
}

void verify(const Program& program) {
  std::unordered_set<std::string_view> names;
  for (const auto& function : program.functions) {
    if (!names.insert(function->name).second) {
      throw Error(ErrorCode::io, cat("the function ", quoted(function->name), " is there twice"));
    }
    verify(*function);
  }
}

}  // namespace pome::ir

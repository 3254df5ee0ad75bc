// Structural checks of programs: scopes, definitions before uses, true lists of users.
#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "ir/program.h"
#include "pome/error.h"

namespace pome::ir {
namespace {

using base::cat;

class Verifier {
 public:
  explicit Verifier(const Function& function) : function_(function) {}

  void run() {
    check_block(*function_.body, 0);
    for (const auto& [value, uses] : uses_) {
      if (uses != static_cast<std::int64_t>(value->users.size()) + value->block_uses) {
        fail(cat("value ", base::quoted(value->name), " is used ", uses,
                 " times, its list of users has ", value->users.size() + value->block_uses));
      }
    }
  }

 private:
  [[noreturn]] void fail(std::string_view message) const {
    throw Error(ErrorCode::io, cat("function ", base::quoted(function_.name), ": ", message));
  }

  void define(const Value& value, std::vector<const Value*>& scope) {
    if (value.name.empty()) fail("a value has no name");
    if (!names_.insert(value.name).second) {
      fail(cat("the name ", base::quoted(value.name), " is given twice"));
    }
    if (value.type.kind == Type::Kind::none) {
      fail(cat("value ", base::quoted(value.name), " has no type"));
    }
    visible_.insert(&value);
    uses_.try_emplace(&value, 0);
    scope.push_back(&value);
  }

  void use(const Value* value, std::string_view where) {
    if (!visible_.contains(value)) {
      fail(cat(where, ": ", base::quoted(value ? value->name : std::string()),
               " is not defined before its use"));
    }
    ++uses_[value];
  }

  // Recursive over blocks; the depth is capped first.
  void check_block(const Block& block, int depth) {
    if (depth > max_block_depth) {
      fail(cat("blocks are nested deeper than ", max_block_depth));
    }
    std::vector<const Value*> scope;
    for (const auto& input : block.inputs()) define(*input, scope);
    for (const auto& op : block.operations()) check_op(*op, block, scope, depth);
    for (const auto* value : block.outputs()) use(value, "block output");
    for (const auto* value : scope) {
      visible_.erase(value);
      names_.erase(value->name);
    }
  }

  void check_op(const Op& op, const Block& block, std::vector<const Value*>& scope, int depth) {
    if (op.type().empty()) fail(cat(op.place(), ": has no type"));
    if (op.parent() != &block) fail(cat(op.place(), ": does not know its block"));
    for (const auto& argument : op.arguments()) {
      for (const auto& binding : argument.bindings) {
        if (binding.value) {
          use(binding.value, cat(op.place(), ": parameter ", base::quoted(argument.name)));
        } else if (!binding.literal) {
          fail(cat(op.place(), ": parameter ", base::quoted(argument.name), " is empty"));
        }
      }
    }
    for (const auto& nested : op.blocks()) check_block(*nested, depth + 1);
    for (std::size_t i = 0; i < op.result_count(); ++i) define(op.result(i), scope);
  }

  const Function& function_;
  std::unordered_set<std::string_view> names_;
  std::unordered_set<const Value*> visible_;
  std::unordered_map<const Value*, std::int64_t> uses_;
};

}  // namespace

void verify(const Function& function) {
  Verifier(function).run();
}

void verify(const Program& program) {
  std::unordered_set<std::string_view> names;
  for (const auto& function : program.functions) {
    if (!names.insert(function->name).second) {
      throw Error(ErrorCode::io,
                  cat("the function ", base::quoted(function->name), " is there twice"));
    }
    verify(*function);
  }
}

}  // namespace pome::ir

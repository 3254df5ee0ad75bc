// Operations that compute the same from the same arguments, done once.
#include <string>
#include <unordered_map>

#include "base/text.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace pome::passes {
namespace {

/// Constants up to this size are compared by their bytes, greater ones by where they are.
constexpr std::size_t most_bytes = 256;

template <typename T>
void append_raw(std::string& key, const T& value) {
  key.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append(std::string& key, const ir::Binding& binding) {
  const auto* constant = binding.constant();
  const bool tensor = constant && !constant->is_blob() && constant->type.is_tensor();
  if (tensor && constant->type.dtype == DataType::string && constant->strings().size() == 1) {
    key += base::cat('s', constant->strings()[0].size(), ':', constant->strings()[0]);
  } else if (tensor && constant->type.dtype != DataType::string &&
             constant->bytes().size() <= most_bytes) {
    key += base::cat('c', ir::text(constant->type), ':');
    key.append(reinterpret_cast<const char*>(constant->bytes().data()), constant->bytes().size());
  } else {
    key += 'p';
    append_raw(key, binding.value ? static_cast<const void*>(binding.value)
                                  : static_cast<const void*>(binding.literal.get()));
  }
}

/// What an operation computes, as a key; equal keys, equal results.
std::string key_of(const ir::Op& op) {
  std::string key = op.type();
  for (const auto& argument : op.arguments()) {
    key += base::cat('|', argument.name, argument.bindings.size(), '=');
    for (const auto& binding : argument.bindings) append(key, binding);
  }
  for (std::size_t i = 0; i < op.result_count(); ++i)
    key += base::cat('>', ir::text(op.result(i).type));
  return key;
}

bool may_merge(const ir::Op& op) {
  return op.def && op.type() != "const" && op.blocks().empty() &&
         op.def->effects == ops::Effects::none && op.result_count() == 1 && op.result().used() &&
         op.result().type.is_tensor();
}

}  // namespace

std::int64_t common_subexpressions(ir::Function& function) {
  std::int64_t changes = 0;
  for (auto* block : all_blocks(function)) {
    std::unordered_map<std::string, ir::Op*> seen;
    for (const auto& op : block->operations()) {
      if (!may_merge(*op)) continue;
      const auto [at, is_new] = seen.emplace(key_of(*op), op.get());
      if (!is_new && bypass(*op, at->second->result())) ++changes;
    }
  }
  return changes;
}

}  // namespace pome::passes

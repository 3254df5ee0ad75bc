// What passes share: reading small constants, making and replacing operations.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/program.h"
#include "ops/op_def.h"

namespace pome::passes {

using ir::Dims;

/// The one element of a small immediate constant argument; nothing when it is absent or not that.
std::optional<double> scalar(const ir::Binding* binding);
/// The integers (bools as 0 and 1) of a small immediate constant argument.
std::optional<Dims> integers(const ir::Binding* binding);
/// A constant bool, `otherwise` when the argument is absent; nothing when it is not known.
std::optional<bool> flag(const ir::Op& op, std::string_view param, bool otherwise);
/// The text of a constant argument; empty when it is absent or not known.
std::string_view text(const ir::Binding* binding);

/// The operation of this type that makes a value; null when another does.
ir::Op* made_by(const ir::Value* value, std::string_view type) noexcept;
/// True when the value is used once, by an operation.
bool used_once(const ir::Value& value) noexcept;

using Arguments = std::initializer_list<std::pair<std::string_view, ir::Binding>>;

/// A new operation with one result, in front of `before` and of its source.
ir::Op& insert_before(ir::Op& before, const ops::OpDef& def, Arguments arguments,
                      const std::string& name, const ir::Type& type);

ir::ConstantPtr int32s(const Dims& values);

/// Lets `made`, which stands beside `old` in the block, give the value that `old` gave, under its
/// name, so that outputs keep theirs. `old` is left without users, for dead_code.
void take_over(ir::Op& old, ir::Op& made);

/// Lets the users of the result of `op` use `value`, which has the same elements and type. False,
/// and nothing done, when a block gives the result on by its name.
bool bypass(ir::Op& op, ir::Value& value);

/// The blocks of a function, each before those inside it.
std::vector<ir::Block*> all_blocks(ir::Function& function);

/// Calls `rewrite(op)` for each operation there is at the start, in order; counts those for which
/// it says that it changed something.
template <typename Rewrite>
std::int64_t for_each(ir::Function& function, Rewrite rewrite) {
  std::int64_t changes = 0;
  for (auto* block : all_blocks(function)) {
    std::vector<ir::Op*> operations;
    operations.reserve(block->operations().size());
    for (const auto& op : block->operations()) operations.push_back(op.get());
    for (auto* op : operations) changes += rewrite(*op) ? 1 : 0;
  }
  return changes;
}

}  // namespace pome::passes

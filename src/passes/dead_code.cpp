#include <algorithm>
#include <vector>

#include "ops/op_def.h"
#include "passes/passes.h"

namespace pome::passes {
namespace {

bool has_effect(const ir::Op& op) {
  if (!op.def || op.def->effects == ops::Effects::writes_state) return true;
  // A block may write a state; whoever holds one is kept.
  return op.def->effects == ops::Effects::control_flow;
}

bool is_dead(const ir::Op& op) {
  if (has_effect(op)) return false;
  for (std::size_t i = 0; i < op.result_count(); ++i) {
    if (op.result(i).used()) return false;
  }
  return true;
}

}  // namespace

std::int64_t dead_code(ir::Function& function) {
  // Blocks outermost first; swept innermost first, so that what only a nested block used goes too.
  std::vector<ir::Block*> blocks{function.body.get()};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    for (const auto& op : blocks[i]->operations()) {
      for (const auto& nested : op->blocks()) blocks.push_back(nested.get());
    }
  }
  std::int64_t removed = 0;
  for (auto it = blocks.rbegin(); it != blocks.rend(); ++it) {
    (*it)->erase_if([&](const ir::Op& op) {
      const bool dead = is_dead(op);
      removed += dead ? 1 : 0;
      return dead;
    });
  }
  return removed;
}

}  // namespace pome::passes

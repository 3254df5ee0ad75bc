// Chains of reshapes, transposes and slices as one strided view of the tensor they begin with.
#pragma once

#include <optional>

#include "ir/program.h"

namespace pome::passes {

/// A view of `root`: its dimensions reshaped to `dims`, of which the axes `perm` are used in this
/// order and every other one stands at its index of `at`.
struct StridedView {
  ir::Value* root = nullptr;
  ir::Dims dims, perm, at;
  double scale = 1;  ///< product of the scalars that the chain multiplies with
};

/// The longest view that ends in `value`, whose dimensions are known; at the least `value` itself.
/// Multiplications with a scalar on the way are gathered in `scale`.
StridedView view_of(ir::Value& value);

}  // namespace pome::passes

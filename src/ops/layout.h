// Changes of layout as operations: what the compiler puts between kernels of different wishes.
#pragma once

#include "ops/op_def.h"

namespace pome::ops {

/// "pome.to_channels_last" and "pome.to_dense": the same tensor in another order in memory. Of
/// these no program knows: they have no evaluation, and `find` does not give them.
const OpDef& to_channels_last() noexcept;
const OpDef& to_dense() noexcept;

constexpr bool is_layout_change(const OpDef& def) noexcept {
  return def.name.starts_with("pome.to_");
}

}  // namespace pome::ops

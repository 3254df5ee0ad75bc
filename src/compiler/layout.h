// Layouts of values: which are channels-last, and where they change.
#pragma once

#include "compiler/lowered.h"

namespace pome::compiler {

/// Gives every value a layout by the wishes of the devices that its calls are placed on, and puts
/// layout changes between (ops/layout.h), one for all users in a block. Inputs, outputs, states
/// and loop variables stay dense. Needs flat, facts and placements; changes flat, facts, calls and
/// layouts.
void assign_layouts(Lowered& lowered);

}  // namespace pome::compiler

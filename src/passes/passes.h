// Entry points of the passes, one file each. Each returns the number of changes it made.
#pragma once

#include <cstdint>

#include "ir/program.h"

namespace pome::passes {

/// Removes operations without effect whose results nobody uses, nested blocks included.
std::int64_t dead_code(ir::Function& function);

}  // namespace pome::passes

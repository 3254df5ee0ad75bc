// Entry points of the passes, one file each. Each returns the number of changes it made.
#pragma once

#include <cstdint>

#include "ir/program.h"

namespace pome::passes {

/// Leaves out what changes nothing to the last bit, and makes views of what only renames
/// dimensions.
std::int64_t algebra(ir::Function& function);

/// One operation for all that compute the same from the same arguments in one block.
std::int64_t common_subexpressions(ir::Function& function);

/// Makes attention that is spelled out one operation (ops/attention.h). Results change within the
/// rounding of float32; roundings that as-declared numerics would do in between are left out.
std::int64_t attention(ir::Function& function);

/// Removes operations without effect whose results nobody uses, nested blocks included.
std::int64_t dead_code(ir::Function& function);

}  // namespace pome::passes

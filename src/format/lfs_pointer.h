// The most common damage of models from Git: the pointer of a file instead of the file.
#pragma once

#include "base/file.h"

namespace pome::format {

/// Throws Error{io} that says how to mend it when `source` is a Git LFS pointer.
void refuse_lfs_pointer(const base::ByteSource& source);

}  // namespace pome::format

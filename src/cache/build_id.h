// What tells one build of this library from another.
#pragma once

#include <string>

namespace pome::cache {

/// The linker's identity of the program or library that this code is part of, in hexadecimal; empty
/// where there is none.
const std::string& build_id();

}  // namespace pome::cache

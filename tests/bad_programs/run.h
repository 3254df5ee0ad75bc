// Loads and runs the program of a case as the runtime does, under a small budget.
#pragma once

#include <string>

#include "table.h"

namespace pome::test {

enum class Placement { reference, cpu };

/// Runs the program; returns the error's sentence, empty when it runs. Whatever is not a
/// pome::Error (memory that is not there, an assertion) comes out as it is.
std::string run(const BadProgram& program, Placement placement);

}  // namespace pome::test

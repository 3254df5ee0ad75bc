// MIL text: what `model.mil` in a compiled bundle holds.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/budget.h"
#include "ir/program.h"

namespace pome::ir {

/// Prints a program as MIL text (`program(1.0) [buildInfo = ...] { func main<ios15>(...) {...} }`).
/// Reading the result with `parse_program` gives an equal program.
std::string print(const Program& program);

/// Parses MIL text. `file` is the name for messages. Throws Error{io} with line and column, what
/// was found and what was expected; memory is booked with `budget`.
std::unique_ptr<Program> parse_program(std::string_view text, std::string_view file,
                                       base::Budget& budget);

}  // namespace pome::ir

// ML Programs of a specification message, as IR.
#pragma once

#include <memory>

#include "base/budget.h"
#include "ir/program.h"
#include "proto/MIL.pb.h"

namespace pome::frontend {

/// Translates a program message one to one. Arguments and attributes come out sorted by name, as
/// Apple prints them: maps have no order in the file. Immediate values stay views into the
/// message's buffer, which `owner` keeps alive.
/// The result is verified. Throws Error{io} naming function and operation.
std::unique_ptr<ir::Program> import_program(const proto::mil::Program& message,
                                            const std::shared_ptr<const void>& owner,
                                            base::Budget& budget);

}  // namespace pome::frontend

// IR as ML Program messages.
#pragma once

#include "ir/program.h"
#include "proto/MIL.pb.h"

namespace pome::frontend {

/// The message of a program, the reverse of `import_program`: what is exported and imported again
/// is equal. Names, strings and bytes in the message are views into `program`, which must outlive
/// it unchanged. Immediate values take the message field that Core ML's own writers use for their
/// element type. Symbolic dimensions become unknown ones. Throws Error{unsupported} for a value
/// that messages cannot carry (an element type without a code).
proto::mil::Program export_program(const ir::Program& program);

}  // namespace pome::frontend

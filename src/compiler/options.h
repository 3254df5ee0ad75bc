// Choices of whoever compiles a function.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "exec/device.h"

namespace pome::compiler {

struct CompileOptions {
  /// Devices in order of preference among equal costs; the reference device is always added last.
  std::vector<const exec::Device*> devices;
  exec::Numerics numerics = exec::Numerics::exact;
  std::shared_ptr<exec::Workers> workers;    ///< null: one thread
  std::vector<std::string> disabled_passes;  ///< by name
  bool absorb = true;  ///< false: every call has a kernel of its own (exec::Tail)
};

}  // namespace pome::compiler

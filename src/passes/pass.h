// Rewrites of programs at the semantic level. One pass a file; each has a name, can be switched
// off by it, and leaves a program that verifies.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/program.h"

namespace pome::passes {

struct Pass {
  std::string_view name;
  std::string_view purpose;  ///< one line, for `--explain`
  /// Rewrites a resolved, type-checked function; returns how many changes it made.
  std::int64_t (*run)(ir::Function& function);
  /// Results stay the same to the last bit, and so do roundings of as-declared numerics.
  bool bitwise = true;
};

/// All passes in the order in which they run.
std::span<const Pass> all();

struct PassReport {
  std::string_view name;
  std::int64_t changes = 0;
  std::chrono::nanoseconds time{};
};

/// Runs all passes but those named in `disabled`. Throws Error{parameters} for a name that no pass
/// has. The function is verified after each pass that changed it. `bitwise_only`: without the
/// passes that may change roundings.
std::vector<PassReport> run_all(ir::Function& function, std::span<const std::string> disabled,
                                bool bitwise_only = false);

}  // namespace pome::passes

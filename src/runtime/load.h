// From a program to something that predicts.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/budget.h"
#include "exec/weights.h"
#include "format/asset.h"
#include "ir/program.h"
#include "pome/model.h"
#include "runtime/predict.h"

namespace pome::runtime {

/// Nothing when this build runs models of the description's type (of a pipeline: when it runs what
/// is inside); else one sentence that names the
/// type and says what is missing.
std::optional<std::string> why_not_runnable(const ModelDescription& description);

/// Finds weights in the files of an asset, checked against the type that the program declares.
exec::BlobReader blob_reader(const format::Asset& files);

/// Compiles one function of a program. `function_name` empty: "main", or the only function.
/// `budget` is kept with the weights; `archive` has packs that were made before (null: none).
/// Throws Error: parameters (no such function), io (damaged weights), unsupported (an operation
/// that cannot run, named), out_of_memory.
LoadedFunction load_function(std::shared_ptr<ir::Program> program, const format::Asset& files,
                             const std::string& function_name, const Configuration& configuration,
                             std::shared_ptr<base::Budget> budget,
                             std::shared_ptr<const exec::PackArchive> archive = nullptr);

}  // namespace pome::runtime

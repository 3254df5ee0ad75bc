// From an asset to something that predicts: the one place that knows all the rooms in between.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/budget.h"
#include "ir/program.h"
#include "pome/model.h"
#include "runtime/asset_data.h"
#include "runtime/predict.h"

namespace pome::runtime {

/// The program of an ML Program, as the file has it. Each call reads it anew, since whoever
/// compiles it rewrites it. Throws Error: io (damaged), unsupported (another model type, named,
/// with what is missing for it).
std::unique_ptr<ir::Program> read_program(const AssetData& asset, base::Budget& budget);

/// Nothing when this build can run models of the asset's type; else one sentence that names the
/// type and says what is missing.
std::optional<std::string> why_not_runnable(const ModelDescription& description);

/// `function_name` empty: the default function. Throws as read_program, and Error{parameters} for
/// a name that the program lacks.
LoadedFunction load_function(const AssetData& asset, const std::string& function_name,
                             const Configuration& configuration, base::Budget& budget);

}  // namespace pome::runtime

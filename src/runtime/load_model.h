// From an opened asset to what a Model holds: an executable, or a predictor for the model types
// that are no programs.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/asset_data.h"
#include "runtime/predict.h"

namespace pome::runtime {

/// Nothing when this build runs the asset, models inside a pipeline included; else one sentence
/// that names the type (and its place in the pipeline) and says what is missing.
std::optional<std::string> why_not_runnable(const AssetData& asset);

/// Fills `model`, whose configuration and description are set, from the asset. `budget` is kept
/// with the weights. Throws Error: as load_function, parameters (a model that contradicts itself),
/// unsupported.
/// `links` counts the linked models that led here.
void load_model(const AssetData& asset, ModelData& model, std::shared_ptr<base::Budget> budget,
                int links = 0);

}  // namespace pome::runtime

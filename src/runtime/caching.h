// Loads and the cache: what a load is called there, and what is reported of it.
#pragma once

#include <memory>

#include "cache/session.h"
#include "format/asset.h"
#include "pome/description.h"
#include "pome/model.h"
#include "runtime/predict.h"

namespace pome::runtime {

/// Looks for the entry of a load; null when it has nothing to do with the cache: switched off, or
/// by the environment, or a model in memory.
std::unique_ptr<cache::Session> begin_session(const format::Asset& files,
                                              const Configuration& configuration,
                                              const ModelDescription& description);

/// After the function of `model` was made with the session's entry: starts writing what the cache
/// lacks, and fills `model.load_report`.
void end_session(ModelData& model);

}  // namespace pome::runtime

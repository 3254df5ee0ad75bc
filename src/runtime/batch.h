// Many predictions at once.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "runtime/predict.h"

namespace pome::runtime {

/// Model::predict_batch.
std::vector<BatchItem> predict_batch(const std::shared_ptr<const ModelData>& model,
                                     std::span<const FeatureProvider> inputs,
                                     const PredictionOptions& options);

/// Model::predict_rows.
RowResults predict_rows(const std::shared_ptr<const ModelData>& model, const NumberRows& rows,
                        const PredictionOptions& options);

}  // namespace pome::runtime

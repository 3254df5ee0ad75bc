// The models inside a pipeline.
#pragma once

#include "proto/Model.pb.h"

namespace pome::cli {

/// The pipeline of a pipeline, pipeline classifier or regressor; null for all other types.
inline const proto::Pipeline* pipeline_of(const proto::Model& model) noexcept {
  if (const auto* pipeline = model.pipeline()) return pipeline;
  if (const auto* pipeline = model.pipelineClassifier()) return pipeline->pipeline.get();
  if (const auto* pipeline = model.pipelineRegressor()) return pipeline->pipeline.get();
  return nullptr;
}

}  // namespace pome::cli

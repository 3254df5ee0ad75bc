// A model read for looking at: its files, its description, and what is inside as far as it is
// known to this version.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "ir/program.h"
#include "pome/description.h"
#include "pome/model.h"
#include "proto/Model.pb.h"
#include "runtime/asset_data.h"

namespace pome::cli {

/// Not copyable; movable. What is set depends on the kind of model.
struct ModelFile {
  Asset asset;
  std::unique_ptr<ir::Program> program;  ///< of ML Programs
  nlohmann::json espresso;               ///< of compiled networks: model.espresso.net

  const format::Asset& files() const noexcept { return asset.data()->files; }
  /// The specification; empty for compiled models, except classical ones.
  const proto::Model& message() const noexcept { return asset.data()->message; }
  const ModelDescription& description() const noexcept { return asset.description(); }
};

/// Opens and reads a model of any type; weights stay where they are. Throws Error.
ModelFile open_model(const std::filesystem::path& path);

/// The program of an ML Program. Throws Error{unsupported} that says what the model is instead;
/// `command` is what was asked for.
const ir::Program& program_of(const ModelFile& model, std::string_view command);

/// "ML Program", "neural network classifier", ... of "mlProgram", "neuralNetworkClassifier", ...
std::string type_text(std::string_view model_type);

}  // namespace pome::cli

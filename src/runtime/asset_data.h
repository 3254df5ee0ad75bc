// What an Asset holds.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/budget.h"
#include "format/asset.h"
#include "ir/program.h"
#include "pome/custom_layer.h"
#include "pome/description.h"
#include "proto/Model.pb.h"

namespace pome::runtime {

/// An opened asset with its messages read. Immutable and thread-safe.
struct AssetData {
  format::Asset files;
  std::shared_ptr<const void> owner;  ///< of the bytes that `message` looks into
  /// The specification; empty for compiled models, of which only the description is a message.
  proto::Model message;
  ModelDescription description;
};

/// Reads messages and description, and of ML Programs that classify the class labels.
/// Throws Error{io} naming the file.
std::shared_ptr<const AssetData> read_asset(format::Asset files, base::Budget& budget);

/// The program of a model in a specification: of an ML Program its own, of a neural network what
/// its layers come to. Throws Error: io, parameters (a network that contradicts itself),
/// unsupported.
std::unique_ptr<ir::Program> import_model(const proto::Model& message,
                                          const ModelDescription& description,
                                          const std::shared_ptr<const void>& owner,
                                          base::Budget& budget,
                                          const CustomLayers& custom_layers = {});

/// The program of an ML Program, as the file has it, or of a neural network. Each call reads it
/// anew, since whoever compiles it rewrites it. Throws Error: io (damaged), unsupported (another
/// model type, named, with what is missing for it).
std::unique_ptr<ir::Program> read_program(const AssetData& asset, base::Budget& budget,
                                          const CustomLayers& custom_layers = {});

/// Weight files that a program of the asset names, by their path inside the model. Throws Error{io}
/// for one that is missing.
std::vector<format::PackageFile> weight_files(const AssetData& asset, const ir::Program& program);

}  // namespace pome::runtime

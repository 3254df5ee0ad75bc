#include "runtime/asset_data.h"

#include <utility>
#include <vector>

#include "base/text.h"
#include "format/model_type.h"
#include "frontend/neural_network/network.h"
#include "frontend/program/import.h"
#include "ir/text.h"
#include "pome/error.h"
#include "runtime/classifier.h"
#include "runtime/describe.h"
#include "runtime/load.h"

namespace pome::runtime {

using base::cat;

namespace {

struct Held {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
};

// The bytes of a source, where they are in memory already, or read.
Held hold(const std::shared_ptr<const base::ByteSource>& source, base::Budget& budget) {
  if (!source->memory().empty()) return {source, source->memory()};
  auto bytes = std::make_shared<const std::vector<std::byte>>(base::read_all(*source, budget));
  return {bytes, *bytes};
}

void read_specification(AssetData& out, base::Budget& budget) {
  Held held = hold(out.files.spec(), budget);
  try {
    out.message = proto::parse<proto::Model>(held.bytes, budget);
  } catch (Error& error) {
    if (error.code() == ErrorCode::io) error.within("no Core ML model, or a damaged one");
    throw;
  }
  out.owner = std::move(held.owner);
  if (out.message.Type.which() == 0)
    throw Error(ErrorCode::io,
                "the specification holds no model of a known type, only its description");
  out.description = describe(out.message);
}

void read_compiled_head(AssetData& out, base::Budget& budget) {
  const format::CoreMlData* head = out.files.compiled();
  if (out.files.description() == nullptr || head == nullptr)
    throw Error(ErrorCode::io, "there is no description of the model in it");
  const Held held = hold(out.files.description(), budget);
  out.description = describe(proto::parse<proto::ModelDescription>(held.bytes, budget));
  out.description.specification_version = head->specification_version;
  out.description.model_type = format::model_type_name(head->model_type);
  if (out.description.model_type.empty())
    out.description.model_type = cat("type ", head->model_type);
}

// Labels of an ML Program, which its classify operation holds.
void read_class_labels(AssetData& out, base::Budget& budget) {
  if (out.description.model_type != "mlProgram" || out.description.predicted_feature_name.empty())
    return;
  const auto program = read_program(out, budget);
  for (const auto& function : program->functions) {
    out.description.class_labels = class_labels(*function);
    if (!std::holds_alternative<std::monostate>(out.description.class_labels)) return;
  }
}

}  // namespace

std::shared_ptr<const AssetData> read_asset(format::Asset files, base::Budget& budget) {
  auto out = std::make_shared<AssetData>(AssetData{std::move(files), nullptr, {}, {}});
  try {
    if (out->files.spec() != nullptr) {
      read_specification(*out, budget);
    } else {
      read_compiled_head(*out, budget);
    }
    read_class_labels(*out, budget);
  } catch (Error& error) {
    throw error.within(base::quoted(out->files.name()));
  }
  return out;
}

std::unique_ptr<ir::Program> import_model(const proto::Model& message,
                                          const ModelDescription& description,
                                          const std::shared_ptr<const void>& owner,
                                          base::Budget& budget) {
  if (const proto::mil::Program* program = message.mlProgram())
    return frontend::import_program(*program, owner, budget);
  const frontend::NetworkParts network = frontend::network_parts(message);
  if (network.layers != nullptr)
    return frontend::import_network(network, description, network_probabilities(message), owner,
                                    budget);
  throw Error(ErrorCode::io, "there is no program in it");
}

std::unique_ptr<ir::Program> read_program(const AssetData& asset, base::Budget& budget) {
  if (const auto reason = why_not_runnable(asset.description))
    throw Error(ErrorCode::unsupported, *reason);
  if (asset.message.Type.which() != 0)
    return import_model(asset.message, asset.description, asset.owner, budget);
  const auto& text = asset.files.mil();
  if (text == nullptr) throw Error(ErrorCode::io, "there is no program in it (model.mil)");
  const Held held = hold(text, budget);
  return ir::parse_program({reinterpret_cast<const char*>(held.bytes.data()), held.bytes.size()},
                           "model.mil", budget);
}

}  // namespace pome::runtime

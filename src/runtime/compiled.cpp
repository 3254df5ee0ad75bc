// Compiled models: what Asset::write_compiled puts into a folder.
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "base/text.h"
#include "format/asset.h"
#include "format/core_ml_data.h"
#include "format/staged_folder.h"
#include "ir/text.h"
#include "pome/model.h"
#include "proto/message.h"
#include "runtime/asset_data.h"

namespace pome {

namespace runtime {
namespace {

namespace fs = std::filesystem;
using base::cat;

constexpr std::string_view model_path = "@model_path/";

// Element types as metadata.json spells them.
std::string type_name(DataType type) {
  switch (type) {
    case DataType::fp16: return "Float16";
    case DataType::fp32: return "Float32";
    case DataType::fp64: return "Float64";
    case DataType::int8: return "Int8";
    case DataType::int32: return "Int32";
    default: return std::string(name(type));
  }
}

format::FeatureMetadata feature_metadata(const FeatureDescription& feature) {
  format::FeatureMetadata out;
  out.name = feature.name;
  out.type = name(feature.type);
  if (out.type[0] >= 'a') out.type[0] = static_cast<char>(out.type[0] - 'a' + 'A');
  out.formatted_type = feature.type_text();
  out.description = feature.short_description;
  out.is_optional = feature.is_optional;
  if (const auto& array = feature.multi_array_constraint) {
    out.data_type = type_name(array->data_type);
    out.shape = base::shape_text(array->shape);
    out.has_shape_flexibility = array->shape_constraint.type != ShapeConstraintType::fixed;
  }
  return out;
}

format::CompiledMetadata metadata_of(const AssetData& asset, const ir::Program& program) {
  const ModelDescription& description = asset.description;
  format::CompiledMetadata out;
  out.class_name = asset.files.path().stem().native();
  out.model_type = description.model_type;
  out.short_description = description.metadata.short_description;
  out.author = description.metadata.author;
  out.version = description.metadata.version;
  out.license = description.metadata.license;
  out.specification_version = description.specification_version;
  out.is_updatable = description.is_updatable;
  const auto add = [](const std::vector<FeatureDescription>& from,
                      std::vector<format::FeatureMetadata>& to) {
    for (const FeatureDescription& feature : from) to.push_back(feature_metadata(feature));
  };
  add(description.inputs, out.inputs);
  add(description.outputs, out.outputs);
  add(description.states, out.states);
  std::map<std::string, std::int64_t> counts;
  for (const auto& function : program.functions) {
    ir::for_each_op(*function->body, [&](const ir::Op& op) {
      if (op.type() != "const") ++counts[op.type()];
    });
  }
  out.operations.assign(counts.begin(), counts.end());
  for (const auto& [key, value] : description.metadata.creator_defined)
    out.user_defined.emplace_back(key, value);
  return out;
}

std::string description_of(const AssetData& asset) {
  if (const format::CoreMlData* head = asset.files.compiled())
    return {reinterpret_cast<const char*>(head->message.data()), head->message.size()};
  if (!asset.message.description) return {};
  return proto::serialize(*asset.message.description);
}

void write_program(const AssetData& asset, const fs::path& folder) {
  base::Budget budget;
  const auto source = read_program(asset, budget);
  const std::string description = description_of(asset);
  const std::string mil = ir::print(*source);
  format::CompiledProgram program;
  program.specification_version =
      static_cast<std::uint32_t>(asset.description.specification_version);
  program.description = std::as_bytes(std::span(description.data(), description.size()));
  program.mil = mil;
  program.metadata = metadata_of(asset, *source);
  program.files = weight_files(asset, *source);
  format::write_compiled_program(folder, program);
}

void write_whole(const AssetData& asset, const fs::path& folder) {
  if (asset.files.spec() == nullptr)
    throw Error(ErrorCode::unsupported,
                cat(base::quoted(asset.files.name()), " is compiled already, in a form of type ",
                    base::quoted(asset.description.model_type), " that cannot be written"));
  base::Budget budget;
  const std::vector<std::byte> message = base::read_all(*asset.files.spec(), budget);
  format::write_compiled_model(folder, static_cast<std::uint32_t>(asset.message.Type.which()),
                               static_cast<std::uint32_t>(asset.description.specification_version),
                               message);
}

}  // namespace

std::vector<format::PackageFile> weight_files(const AssetData& asset, const ir::Program& program) {
  std::set<std::string> names;
  const auto note = [&](const ir::Constant& constant) {
    if (const auto* blob = std::get_if<ir::BlobReference>(&constant.data)) names.insert(blob->file);
  };
  for (const auto& function : program.functions) {
    ir::for_each_op(*function->body, [&](const ir::Op& op) {
      for (const auto& [key, value] : op.attributes()) {
        if (value != nullptr) note(*value);
      }
      for (const ir::Argument& argument : op.arguments()) {
        for (const ir::Binding& binding : argument.bindings) {
          if (binding.literal != nullptr) note(*binding.literal);
        }
      }
    });
  }
  std::vector<format::PackageFile> out;
  for (const std::string& file : names) {
    std::string_view relative = file;
    if (relative.starts_with(model_path)) relative.remove_prefix(model_path.size());
    out.emplace_back(fs::path(relative), asset.files.blob(file));
  }
  return out;
}

}  // namespace runtime

void Asset::write_compiled(const std::filesystem::path& folder) const {
  if (data_->description.model_type == "mlProgram") {
    runtime::write_program(*data_, folder);
  } else {
    runtime::write_whole(*data_, folder);
  }
}

}  // namespace pome

#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <system_error>

#include "base/atomic_file.h"
#include "base/text.h"
#include "command.h"
#include "format/asset.h"
#include "format/core_ml_data.h"
#include "ir/text.h"
#include "model_file.h"
#include "progress.h"
#include "proto/message.h"

namespace pome::cli {

namespace fs = std::filesystem;
using base::cat;

namespace {

struct Options {
  std::string model;
  std::string output;
  bool force = false;
};

constexpr std::string_view model_path = "@model_path/";

// Weight files that the program names, by their path inside the model.
std::vector<format::PackageFile> weight_files(const ModelFile& model) {
  std::set<std::string> names;
  const auto note = [&](const ir::Constant& constant) {
    if (const auto* blob = std::get_if<ir::BlobReference>(&constant.data)) names.insert(blob->file);
  };
  for (const auto& function : model.program->functions) {
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
    out.emplace_back(fs::path(relative), model.files().blob(file));
  }
  return out;
}

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

format::CompiledMetadata metadata_of(const ModelFile& model) {
  const ModelDescription& description = model.description();
  format::CompiledMetadata out;
  out.class_name = model.files().path().stem().native();
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
  for (const auto& function : model.program->functions) {
    ir::for_each_op(*function->body, [&](const ir::Op& op) {
      if (op.type() != "const") ++counts[op.type()];
    });
  }
  out.operations.assign(counts.begin(), counts.end());
  for (const auto& [key, value] : description.metadata.creator_defined)
    out.user_defined.emplace_back(key, value);
  return out;
}

std::string description_of(const ModelFile& model) {
  if (const format::CoreMlData* head = model.files().compiled())
    return {reinterpret_cast<const char*>(head->message.data()), head->message.size()};
  if (!model.message().description) return {};
  return proto::serialize(*model.message().description);
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

// What is to be replaced must be a compiled model, so that --force cannot remove anything else.
void check_replaceable(const fs::path& output, bool force) {
  if (!is_there(output)) return;
  if (!force)
    throw WriteError(cat(base::quoted(output.native()), " exists already, --force replaces it"));
  std::error_code ignored;
  const bool is_model =
      fs::is_directory(fs::symlink_status(output, ignored)) && is_there(output / "coremldata.bin");
  if (!is_model)
    throw WriteError(cat(base::quoted(output.native()),
                         " is no compiled model, so --force does not replace it"));
}

// Writes beside the old model, swaps the two by renaming, removes the old one.
void write(const fs::path& output, const format::CompiledProgram& program) {
  try {
    if (!is_there(output)) {
      format::write_compiled_program(output, program);
      return;
    }
    const fs::path fresh = base::temporary_beside(output);
    const fs::path old = base::temporary_beside(output);
    format::write_compiled_program(fresh, program);
    fs::rename(output, old);
    fs::rename(fresh, output);
    fs::remove_all(old);
  } catch (const fs::filesystem_error& error) {
    throw WriteError(cat(base::quoted(output.native()), ": ", error.code().message()));
  } catch (const Error& error) {
    throw WriteError(error.what());
  }
}

ExitCode run_compile(const Context& context, const Options& options) {
  fs::path output(options.output);
  if (output.filename().empty()) output = output.parent_path();
  if (output.extension() != ".mlmodelc")
    throw UsageError(cat("'pome compile' writes a folder named *.mlmodelc, found ",
                         base::quoted(options.output)));
  const ModelFile model = open_model(options.model);
  const ir::Program& source = program_of(model, "compile");
  check_replaceable(output, options.force);
  const Progress progress(cat("Writing ", output.filename().native()));
  const std::string description = description_of(model);
  const std::string mil = ir::print(source);
  format::CompiledProgram program;
  program.specification_version =
      static_cast<std::uint32_t>(model.description().specification_version);
  program.description = std::as_bytes(std::span(description.data(), description.size()));
  program.mil = mil;
  program.metadata = metadata_of(model);
  program.files = weight_files(model);
  write(output, program);
  const Asset written = Asset::from_path(output);
  context.print(cat("Wrote ", printable(output.native()), ", ",
                    base::size_text(static_cast<std::uint64_t>(written.data()->files.total_size())),
                    "\n"));
  return ExitCode::ok;
}

Runner declare_compile(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "An ML Program: .mlmodel or .mlpackage")->required();
  app.add_option("-o,--output", options->output, "The folder to write, named *.mlmodelc")
      ->type_name("FOLDER")
      ->required();
  app.add_flag("--force", options->force, "Replace a compiled model of that name");
  return [options](const Context& context) { return run_compile(context, *options); };
}

constexpr std::array examples{
    Example{"pome compile Model.mlpackage -o Model.mlmodelc", "Make a compiled model"},
    Example{"pome compile Model.mlpackage -o Model.mlmodelc --force", "Replace an older one"},
};

}  // namespace

const Command compile_command{
    "compile", "Turn an ML Program into a compiled model (.mlmodelc)",
    "The same model always gives the same bytes. The folder is there whole or not at all.",
    examples, declare_compile};

}  // namespace pome::cli

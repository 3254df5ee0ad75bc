#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/atomic_file.h"
#include "base/text.h"
#include "command.h"
#include "format/asset.h"
#include "model_file.h"
#include "progress.h"
#include "runtime/asset_data.h"

namespace pome::cli {

namespace fs = std::filesystem;
using base::cat;

namespace {

struct Options {
  std::string model;
  std::string output;
  bool force = false;
};

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
void write(const fs::path& output, const Asset& model) {
  try {
    if (!is_there(output)) {
      model.write_compiled(output);
      return;
    }
    const fs::path fresh = base::temporary_beside(output);
    const fs::path old = base::temporary_beside(output);
    model.write_compiled(fresh);
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
  // What is no ML Program, or lacks weights, is refused before anything is written.
  runtime::weight_files(*model.asset.data(), program_of(model, "compile"));
  check_replaceable(output, options.force);
  const Progress progress(cat("Writing ", output.filename().native()));
  write(output, model.asset);
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

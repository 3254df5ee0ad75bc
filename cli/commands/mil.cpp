#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <memory>

#include "command.h"
#include "ir/text.h"
#include "model_file.h"

namespace pome::cli {

namespace {

Runner declare_mil(CLI::App& app) {
  auto path = std::make_shared<std::string>();
  app.add_option("MODEL", *path, "An ML Program: .mlmodel, .mlpackage or .mlmodelc")->required();
  return [path](const Context& context) {
    const ModelFile model = open_model(*path);
    context.print(ir::print(program_of(model, "mil")));
    return ExitCode::ok;
  };
}

constexpr std::array examples{
    Example{"pome mil Model.mlpackage | less", "Read the program"},
    Example{"diff <(pome mil A.mlpackage) <(pome mil B.mlpackage)", "Compare two programs"},
};

}  // namespace

const Command mil_command{"mil", "Print an ML Program as MIL text", "", examples, declare_mil};

}  // namespace pome::cli

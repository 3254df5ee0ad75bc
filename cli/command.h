// What a command of the program is.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "exit_code.h"
#include "terminal.h"

namespace CLI {
class App;
}

namespace pome::cli {

/// What every command gets.
struct Context {
  Terminal out;

  /// Writes to standard output. Throws WriteError.
  void print(std::string_view text) const;
};

/// A line of a command's help: what to type, and what that does.
struct Example {
  std::string_view line;
  std::string_view what;
};

using Runner = std::function<ExitCode(const Context&)>;

/// One command. `declare` adds its options to the parser and returns what runs it once they are
/// parsed.
struct Command {
  std::string_view name;
  std::string_view summary;  ///< one line, for the list of commands
  std::string_view details;  ///< a paragraph below the usage line, may be empty
  std::span<const Example> examples;
  Runner (*declare)(CLI::App& app);
};

/// All commands, in the order of the help. `help` and `completion` know about the others.
std::span<const Command> commands();

extern const Command info_command;
extern const Command structure_command;
extern const Command mil_command;
extern const Command predict_command;
extern const Command bench_command;
extern const Command compile_command;
extern const Command cache_command;
extern const Command completion_command;
extern const Command help_command;

}  // namespace pome::cli

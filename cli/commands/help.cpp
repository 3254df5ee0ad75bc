#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <memory>

#include "base/text.h"
#include "parser.h"

namespace pome::cli {

namespace {

ExitCode run_help(const Context& context, const std::string& topic) {
  const Parser parser;
  if (topic == "exit-codes") {
    context.print(exit_codes_text(context.out));
    return ExitCode::ok;
  }
  const Parser::Entry* entry = topic.empty() ? nullptr : parser.find(topic);
  if (!topic.empty() && entry == nullptr)
    throw UsageError(base::cat("there is no help on ", base::quoted(topic), ", see 'pome help'"));
  context.print(help_text(parser, entry, context.out));
  return ExitCode::ok;
}

Runner declare_help(CLI::App& app) {
  auto topic = std::make_shared<std::string>();
  app.add_option("TOPIC", *topic, "A command, or 'exit-codes'");
  return [topic](const Context& context) { return run_help(context, *topic); };
}

constexpr std::array examples{
    Example{"pome help predict", "Everything about one command"},
    Example{"pome help exit-codes", "What the program returns to the shell"},
};

}  // namespace

const Command help_command{"help", "Explain a command", "", examples, declare_help};

}  // namespace pome::cli

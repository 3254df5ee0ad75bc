#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "parser.h"
#include "table.h"

namespace pome::cli {

using base::cat;

namespace {

struct CodeLine {
  ExitCode code;
  std::string_view meaning;
};

constexpr std::array code_lines{
    CodeLine{ExitCode::ok, "everything went well"},
    CodeLine{ExitCode::differs, "predict --expect: the outputs are not the expected ones"},
    CodeLine{ExitCode::usage, "the command line is wrong"},
    CodeLine{ExitCode::bad_input, "a model or an input is missing, damaged or not allowed"},
    CodeLine{ExitCode::unsupported, "the model is well formed, this version cannot run it"},
    CodeLine{ExitCode::internal, "a fault of the program itself, or no memory left"},
    CodeLine{ExitCode::cannot_write, "a result could not be written"},
};

std::string heading(const Terminal& terminal, std::string_view text) {
  return cat("\n", terminal.paint(Color::bold, text), "\n");
}

// "--top K", "-i, --input NAME=VALUE"
std::string option_text(const CLI::Option& option) {
  std::string out;
  for (const std::string& name : option.get_snames()) out += (out.empty() ? "-" : ", -") + name;
  for (const std::string& name : option.get_lnames())
    out += (out.empty() ? "    --" : ", --") + name;
  const bool takes_value = option.get_items_expected_max() > 0;
  if (takes_value && !option.get_type_name().empty()) out += " " + option.get_type_name();
  return out;
}

void add_options(Table& table, const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional() || option->get_group().empty()) continue;
    table.add({{option_text(*option), Color::cyan}, option->get_description()});
  }
}

std::string usage(const Parser::Entry& entry) {
  std::string line = cat("pome ", entry.command->name);
  for (const CLI::Option* option : entry.app->get_options()) {
    if (!option->get_positional()) continue;
    const std::string name = option->get_name(true);
    const bool many = option->get_items_expected_max() > 1;
    line += option->get_required() ? cat(" ", name) : cat(" [", name, many ? "...]" : "]");
  }
  return line + " [options]";
}

constexpr std::array program_examples{
    Example{"pome info Model.mlpackage", "What the model is"},
    Example{"pome predict Model.mlpackage cat.jpg --top 5", "The five likeliest classes"},
    Example{"pome predict Model.mlpackage -i data.npz --expect golden.npz",
            "Compare, for continuous integration"},
};

std::string examples_text(std::span<const Example> examples, const Terminal& terminal) {
  std::string out;
  for (const Example& example : examples)
    out +=
        cat("  ", terminal.paint(Color::dim, cat("# ", example.what)), "\n  ", example.line, "\n");
  return out;
}

std::string command_help(const Parser::Entry& entry, const Terminal& terminal) {
  const Command& command = *entry.command;
  std::string out =
      cat(terminal.paint(Color::bold, usage(entry)), "\n\n  ",
          wrapped(command.summary, static_cast<std::size_t>(terminal.width() - 4), 2), "\n");
  std::string_view details = command.details;
  while (!details.empty()) {  // paragraphs stand one a line
    const std::size_t end = std::min(details.find('\n'), details.size());
    out += cat("\n  ",
               wrapped(details.substr(0, end), static_cast<std::size_t>(terminal.width() - 4), 2),
               "\n");
    details.remove_prefix(std::min(end + 1, details.size()));
  }
  Table arguments("ll");
  for (const CLI::Option* option : entry.app->get_options()) {
    if (option->get_positional())
      arguments.add({{option->get_name(true), Color::cyan}, option->get_description()});
  }
  if (!arguments.empty()) out += heading(terminal, "Arguments") + arguments.render(terminal);
  Table options("ll");
  add_options(options, *entry.app);
  out += heading(terminal, "Options") + options.render(terminal);
  if (command.examples.empty()) return out;
  out += heading(terminal, "Examples");
  return out + examples_text(command.examples, terminal);
}

std::string program_help(const Parser& parser, const Terminal& terminal) {
  std::string out = cat(terminal.paint(Color::bold, "pome"),
                        ": Core ML models, anywhere. Open, inspect, check and run them.\n");
  out += heading(terminal, "Commands");
  Table table("ll");
  for (const Parser::Entry& entry : parser.entries())
    table.add(
        {{std::string(entry.command->name), Color::cyan}, std::string(entry.command->summary)});
  out += table.render(terminal);
  out += heading(terminal, "Examples");
  out += examples_text(program_examples, terminal);
  out += "\n'pome help COMMAND' tells more, 'pome help exit-codes' what the program returns.\n";
  return out;
}

}  // namespace

std::string exit_codes_text(const Terminal& terminal) {
  Table table("rl");
  for (const CodeLine& line : code_lines)
    table.add({{cat(static_cast<int>(line.code)), Color::cyan}, line.meaning});
  return cat(terminal.paint(Color::bold, "Exit codes"), "\n", table.render(terminal),
             "\nA failing run writes one line, 'pome: ...', to standard error.\n");
}

std::string help_text(const Parser& parser, const Parser::Entry* entry, const Terminal& terminal) {
  return entry == nullptr ? program_help(parser, terminal) : command_help(*entry, terminal);
}

}  // namespace pome::cli

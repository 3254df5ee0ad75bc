#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <memory>

#include "base/text.h"
#include "checks.h"
#include "parser.h"

namespace pome::cli {

using base::cat;

namespace {

// "--json --top ..." of a command, the way it is typed.
std::string options_of(const Parser::Entry& entry) {
  std::string out;
  for (const CLI::Option* option : entry.app->get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    for (const std::string& name : option->get_lnames())
      out += cat(out.empty() ? "" : " ", "--", name);
  }
  return out;
}

std::string command_names(const Parser& parser) {
  std::string out;
  for (const Parser::Entry& entry : parser.entries())
    out += cat(out.empty() ? "" : " ", entry.command->name);
  return out;
}

std::string bash_script(const Parser& parser) {
  std::string out =
      cat("# Completion of pome for bash: source <(pome completion bash)\n_pome() {\n"
          "  local word=${COMP_WORDS[COMP_CWORD]} options=\n  COMPREPLY=()\n"
          "  if ((COMP_CWORD == 1)); then\n    mapfile -t COMPREPLY < <(compgen -W '",
          command_names(parser),
          " --help --version' -- \"$word\")\n    return\n  fi\n  case ${COMP_WORDS[1]} in\n");
  for (const Parser::Entry& entry : parser.entries())
    out += cat("    ", entry.command->name, ") options='", options_of(entry), "' ;;\n");
  out += cat(
      "  esac\n"
      "  if [[ ${COMP_WORDS[1]} == help ]]; then\n"
      "    mapfile -t COMPREPLY < <(compgen -W '",
      command_names(parser),
      " exit-codes' -- \"$word\")\n"
      "  elif [[ ${COMP_WORDS[1]} == completion ]]; then\n"
      "    mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- \"$word\")\n"
      "  elif [[ $word == -* ]]; then\n"
      "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
      "  else\n    compopt -o filenames 2> /dev/null\n    mapfile -t COMPREPLY < <(compgen -f -- "
      "\"$word\")\n  fi\n"
      "}\ncomplete -F _pome pome\n");
  return out;
}

// Text inside single quotes of zsh's _arguments: brackets and colons have a meaning there.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      if (c == '[' || c == ']' || c == ':') out.push_back('\\');
      out.push_back(c);
    }
  }
  return out;
}

std::string zsh_script(const Parser& parser) {
  std::string out =
      "#compdef pome\n# Completion of pome for zsh: pome completion zsh > ~/.zfunc/_pome\n"
      "_pome() {\n  local -a commands=(\n";
  for (const Parser::Entry& entry : parser.entries())
    out += cat("    '", entry.command->name, ":", zsh_text(entry.command->summary), "'\n");
  out +=
      "  )\n  if ((CURRENT == 2)); then _describe command commands; return; fi\n"
      "  case $words[2] in\n";
  for (const Parser::Entry& entry : parser.entries()) {
    out += cat("    ", entry.command->name, ") _arguments");
    for (const CLI::Option* option : entry.app->get_options()) {
      if (option->get_group().empty()) continue;  // hidden
      const bool takes_value = option->get_items_expected_max() > 0;
      for (const std::string& name : option->get_lnames()) {
        out += cat(" '--", name, "[", zsh_text(option->get_description()), "]",
                   takes_value ? cat(":", zsh_text(option->get_type_name()), ":_files") : "", "'");
      }
    }
    const bool is_help = entry.command->name == "help";
    const bool is_completion = entry.command->name == "completion";
    out += is_help         ? cat(" '*:topic:(", command_names(parser), " exit-codes)'")
           : is_completion ? " '*:shell:(bash zsh fish)'"
                           : " '*:file:_files'";
    out += " ;;\n";
  }
  return out + "  esac\n}\n_pome \"$@\"\n";
}

std::string fish_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

std::string fish_script(const Parser& parser) {
  std::string out = "# Completion of pome for fish: pome completion fish | source\n";
  for (const Parser::Entry& entry : parser.entries()) {
    out += cat("complete -c pome -n __fish_use_subcommand -a ", entry.command->name, " -d '",
               fish_text(entry.command->summary), "'\n");
    for (const CLI::Option* option : entry.app->get_options()) {
      if (option->get_group().empty()) continue;  // hidden
      for (const std::string& name : option->get_lnames()) {
        out += cat("complete -c pome -n '__fish_seen_subcommand_from ", entry.command->name,
                   "' -l ", name, option->get_items_expected_max() > 0 ? " -r" : "", " -d '",
                   fish_text(option->get_description()), "'\n");
      }
    }
  }
  out += "complete -c pome -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n";
  out += cat("complete -c pome -n '__fish_seen_subcommand_from help' -f -a '",
             command_names(parser), " exit-codes'\n");
  return out;
}

ExitCode run_completion(const Context& context, const std::string& shell) {
  const Parser parser;
  if (shell == "bash") context.print(bash_script(parser));
  if (shell == "zsh") context.print(zsh_script(parser));
  if (shell == "fish") context.print(fish_script(parser));
  return ExitCode::ok;
}

Runner declare_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(one_of({"bash", "zsh", "fish"}));
  return [shell](const Context& context) { return run_completion(context, *shell); };
}

constexpr std::array examples{
    Example{"source <(pome completion bash)", "For this bash"},
    Example{"pome completion zsh > ~/.zfunc/_pome", "For zsh, with ~/.zfunc in $fpath"},
    Example{"pome completion fish | source", "For this fish"},
};

}  // namespace

const Command completion_command{"completion", "Print a script that completes pome in a shell", "",
                                 examples, declare_completion};

}  // namespace pome::cli

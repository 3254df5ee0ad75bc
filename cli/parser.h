// The parser of the command line with every command declared.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "command.h"

namespace pome::cli {

/// Owns the options that commands declare. Not copyable: options point into it.
class Parser {
 public:
  Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  struct Entry {
    const Command* command;
    CLI::App* app;
    Runner run;
  };

  /// Parses; nothing runs yet. Throws UsageError with one sentence that proposes what was meant.
  void parse(int argc, const char* const* argv);

  /// The command that the line names; null where it names none.
  const Entry* chosen() const;
  const Entry* find(std::string_view name) const;
  const std::vector<Entry>& entries() const noexcept { return entries_; }
  bool wants_help() const noexcept { return wants_help_; }
  bool wants_version() const noexcept { return wants_version_; }
  ColorChoice color() const;

 private:
  [[noreturn]] void explain(const CLI::ParseError& error);
  void add_color(CLI::App& app);
  void check_extras() const;
  void refuse_unknown(const std::string& argument) const;

  CLI::App app_;
  std::vector<Entry> entries_;
  std::string color_ = "auto";
  bool wants_help_ = false;
  bool wants_version_ = false;
};

/// "pome help NAME", or of the whole program where `entry` is null.
std::string help_text(const Parser& parser, const Parser::Entry* entry, const Terminal& terminal);

/// The exit codes, for `pome help exit-codes`.
std::string exit_codes_text(const Terminal& terminal);

}  // namespace pome::cli

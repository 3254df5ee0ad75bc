#include "parser.h"

#include <algorithm>

#include "base/text.h"
#include "checks.h"

namespace pome::cli {

using base::cat;

namespace {

bool is_option(std::string_view argument) noexcept {
  return argument.size() > 1 && argument[0] == '-';
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
  }
  return out;
}

std::string proposal(std::string_view text, const std::vector<std::string>& names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string_view found = base::nearest(text, views);
  return found.empty() ? std::string() : cat(", did you mean ", base::quoted(found), "?");
}

// CLI11's message without what would make it more than one sentence.
std::string one_sentence(std::string_view message) {
  std::string out(message.substr(0, message.find('\n')));
  while (!out.empty() && (out.back() == '.' || out.back() == ' ')) out.pop_back();
  return out;
}

}  // namespace

Parser::Parser() : app_("Core ML models, anywhere.", "pome") {
  app_.set_help_flag();
  app_.require_subcommand(0, 1);  // "info" in "pome help info" is an argument
  app_.add_flag("-h,--help", wants_help_, "Show this text");
  app_.add_flag("--version", wants_version_, "Show the version");
  add_color(app_);
  for (const Command& command : commands()) {
    CLI::App* sub = app_.add_subcommand(std::string(command.name), std::string(command.summary));
    sub->set_help_flag();
    sub->add_flag("-h,--help", wants_help_, "Show this text");
    entries_.push_back({&command, sub, command.declare(*sub)});
    add_color(*sub);
  }
}

void Parser::add_color(CLI::App& app) {
  app.add_option("--color", color_, "When to colour: auto (on a terminal), always or never")
      ->type_name("WHEN")
      ->check(one_of({"auto", "always", "never"}));
}

const Parser::Entry* Parser::find(std::string_view name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.command->name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

const Parser::Entry* Parser::chosen() const {
  const auto parsed = app_.get_subcommands();
  return parsed.empty() ? nullptr : find(parsed.front()->get_name());
}

ColorChoice Parser::color() const {
  if (color_ == "always") return ColorChoice::always;
  return color_ == "never" ? ColorChoice::never : ColorChoice::automatic;
}

void Parser::refuse_unknown(const std::string& argument) const {
  const Entry* entry = chosen();
  if (is_option(argument)) {
    const std::string name = argument.substr(0, argument.find('='));
    std::vector<std::string> names = option_names(app_);
    if (entry != nullptr) {
      const auto own = option_names(*entry->app);
      names.insert(names.end(), own.begin(), own.end());
    }
    const std::string whose = entry != nullptr ? cat("'pome ", entry->command->name, "'") : "pome";
    throw UsageError(cat(whose, " has no option ", base::quoted(name), proposal(name, names)));
  }
  if (entry == nullptr) {
    std::vector<std::string> names;
    for (const Entry& known : entries_) names.emplace_back(known.command->name);
    throw UsageError(cat("there is no command ", base::quoted(argument), proposal(argument, names),
                         proposal(argument, names).empty() ? ", see 'pome help'" : ""));
  }
  throw UsageError(cat("'pome ", entry->command->name, "' does not expect another argument, found ",
                       base::quoted(argument)));
}

// Unknown options first: a missing argument is often the mistyped option's doing.
void Parser::check_extras() const {
  const auto extras = app_.remaining(true);
  for (const std::string& argument : extras) {
    if (is_option(argument)) refuse_unknown(argument);
  }
  for (const std::string& argument : extras) refuse_unknown(argument);
}

void Parser::explain(const CLI::ParseError& error) {
  check_extras();
  const Entry* entry = chosen();
  const std::string where = entry != nullptr ? cat("'pome ", entry->command->name, "': ") : "";
  std::string message = one_sentence(error.what());
  if (error.get_name() == "ArgumentMismatch")  // "--top: 1 required K:UINT missing"
    message = message.substr(0, message.find(':')) + " needs a value";
  throw UsageError(where + message);
}

void Parser::parse(int argc, const char* const* argv) {
  app_.allow_extras();
  for (Entry& entry : entries_) entry.app->allow_extras();
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (wants_help_ || wants_version_) return;
    explain(error);
  }
  if (!wants_help_ && !wants_version_) check_extras();
}

}  // namespace pome::cli

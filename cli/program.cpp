#include "program.h"

#include <array>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "base/text.h"
#include "parser.h"

namespace pome::cli {

namespace {

ExitCode exit_code(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::unsupported:
    case ErrorCode::custom_layer:
    case ErrorCode::custom_model: return ExitCode::unsupported;
    default: return ExitCode::bad_input;
  }
}

// The whole of what a failing run says.
int fail(ExitCode code, std::string_view message) {
  const std::string line = base::cat("pome: ", printable(message), "\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
  return static_cast<int>(code);
}

ExitCode dispatch(int argc, const char* const* argv) {
  Parser parser;
  parser.parse(argc, argv);
  const Context context{Terminal::of(stdout, parser.color())};
  const Parser::Entry* entry = parser.chosen();
  if (parser.wants_version()) {
    context.print("pome " POME_VERSION "\n");
    return ExitCode::ok;
  }
  if (entry == nullptr || parser.wants_help()) {
    context.print(help_text(parser, entry, context.out));
    return ExitCode::ok;
  }
  return entry->run(context);
}

}  // namespace

void Context::print(std::string_view text) const {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!written || std::fflush(stdout) != 0)
    throw WriteError("standard output cannot be written to");
}

std::span<const Command> commands() {
  // One a line, so that changes do not touch each other.
  // clang-format off
  static const std::array all{
      info_command,
      structure_command,
      mil_command,
      predict_command,
      bench_command,
      compile_command,
      cache_command,
      completion_command,
      help_command,
  };
  // clang-format on
  return all;
}

int run(int argc, const char* const* argv) {
  try {
    return static_cast<int>(dispatch(argc, argv));
  } catch (const Difference& error) {
    return fail(ExitCode::differs, error.what());
  } catch (const UsageError& error) {
    return fail(ExitCode::usage, error.what());
  } catch (const WriteError& error) {
    return fail(ExitCode::cannot_write, error.what());
  } catch (const Error& error) {
    return fail(exit_code(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(ExitCode::internal, "out of memory");
  } catch (const std::exception& error) {
    return fail(ExitCode::internal, base::cat("internal fault: ", error.what()));
  }
}

}  // namespace pome::cli

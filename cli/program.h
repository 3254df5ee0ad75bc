// The program: parses the command line, runs a command, turns every failure into one line.
#pragma once

namespace pome::cli {

/// Runs the program. Returns its exit code; writes results to standard output and at most one line
/// to standard error.
int run(int argc, const char* const* argv);

}  // namespace pome::cli

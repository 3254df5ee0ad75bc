// What the program tells the shell.
#pragma once

#include <string>
#include <utility>

#include "pome/error.h"

namespace pome::cli {

/// Exit codes, as `pome help exit-codes` documents them. They are an interface: do not renumber.
enum class ExitCode : int {
  ok = 0,
  differs = 1,       ///< outputs are not those that --expect names
  usage = 2,         ///< the command line is wrong
  bad_input = 3,     ///< a model or an input is missing, damaged or not allowed
  unsupported = 4,   ///< well formed, but this version cannot run it
  internal = 5,      ///< a fault of the program itself, or no memory left
  cannot_write = 6,  ///< a result could not be written
};

/// The command line is wrong: reported with the exit code `usage`.
class UsageError : public Error {
 public:
  explicit UsageError(std::string message) : Error(ErrorCode::parameters, std::move(message)) {}
};

/// A result could not be written: reported with the exit code `cannot_write`.
class WriteError : public Error {
 public:
  explicit WriteError(std::string message) : Error(ErrorCode::io, std::move(message)) {}
};

/// Outputs are not the expected ones: reported with the exit code `differs`.
class Difference : public Error {
 public:
  explicit Difference(std::string message) : Error(ErrorCode::generic, std::move(message)) {}
};

}  // namespace pome::cli

// Checks of option values, with messages in this program's words.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace pome::cli {

/// One of these texts.
CLI::Validator one_of(std::vector<std::string> choices);

/// A whole number from `least` to `most`.
CLI::Validator whole_number(std::uint64_t least, std::uint64_t most);

/// A finite number that is not negative.
CLI::Validator not_negative();

}  // namespace pome::cli

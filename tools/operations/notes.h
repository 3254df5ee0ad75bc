// docs/operations_notes.md: what people wrote about families and operations.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pome::docs {

struct Family {
  std::string title;
  std::vector<std::string> operations;
  std::string text;  ///< on the family as a whole; may be empty
};

struct Notes {
  std::vector<Family> families;
  std::map<std::string, std::string> operations;  ///< notes by operation
};

/// Reads the file's text. Throws Error{io} naming the line that is wrong: a note outside a family,
/// an operation that does not exist, stands in two families or in none.
Notes parse_notes(std::string_view text);

}  // namespace pome::docs

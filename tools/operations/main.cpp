// operations_page write FOLDER: writes FOLDER/docs/operations.md, FOLDER being the repository.
// operations_page check FOLDER: fails when the file there is not what `write` would write.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "operations/notes.h"
#include "operations/page.h"
#include "pome/error.h"

namespace pome::docs {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

int run(const std::string& command, const std::filesystem::path& root) {
  const auto notes = parse_notes(read(root / "docs" / "operations_notes.md"));
  const auto registry = nlohmann::json::parse(read(root / "tests" / "ops" / "registry.json"));
  const auto page = operations_page(notes, registry);
  const auto path = root / "docs" / "operations.md";
  if (command == "write") {
    std::ofstream(path) << page;
    return 0;
  }
  if (read(path) == page) return 0;
  std::cerr << "docs/operations.md is stale: run ./dev docs\n";
  return 1;
}

}  // namespace
}  // namespace pome::docs

int main(int argc, char** argv) {
  const std::string command = argc == 3 ? argv[1] : "";
  if (command != "write" && command != "check") {
    std::cerr << "usage: operations_page write|check REPOSITORY\n";
    return 2;
  }
  try {
    return pome::docs::run(command, argv[2]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}

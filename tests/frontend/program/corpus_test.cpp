// Every ML Program of the conformance corpus and of the real models goes to IR, to MIL text and
// back, and to a message and back, without a difference.
#include <gtest/gtest.h>

#include <algorithm>

#include "pome/error.h"
#include "programs.h"
#include "support/shared.h"

namespace pome {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> programs_beneath(const fs::path& folder, std::string_view suffix) {
  std::vector<fs::path> out;
  for (auto it = fs::recursive_directory_iterator(folder); it != fs::recursive_directory_iterator();
       ++it) {
    if (it->path().extension() != suffix) continue;
    out.push_back(it->path());
    it.disable_recursion_pending();
  }
  std::ranges::sort(out);
  return out;
}

/// What is wrong with a program file, or nothing.
std::string trouble(const fs::path& path) {
  try {
    const auto program = test::import_file(path);
    const auto text = ir::print(*program);
    const auto parsed = test::parse_text(text);
    if (!ir::equal(*program, *parsed)) return "its text parses to another program";
    if (ir::print(*parsed) != text) return "its text changes when it is parsed and printed";
    base::Budget budget;
    const auto imported =
        frontend::import_program(frontend::export_program(*program), nullptr, budget);
    if (!ir::equal(*program, *imported)) return "its message imports as another program";
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

void expect_no_trouble(const std::vector<fs::path>& files) {
  for (const auto& file : files) EXPECT_EQ(trouble(file), "") << file;
}

TEST(Corpus, EveryConformanceProgramSurvivesTextAndMessage) {
  const auto folder = test::shared("conformance/mlProgram");
  if (!folder) GTEST_SKIP() << test::shared_absent;
  const auto files = programs_beneath(*folder, ".mlpackage");
  EXPECT_GE(files.size(), 900U);
  expect_no_trouble(files);
}

TEST(Corpus, EveryRealProgramSurvivesTextAndMessage) {
  const auto folder = test::shared("models");
  if (!folder) GTEST_SKIP() << test::shared_absent;
  const auto files = programs_beneath(*folder, ".mlpackage");
  EXPECT_EQ(files.size(), 5U);
  expect_no_trouble(files);
}

}  // namespace
}  // namespace pome

// Programs that must be refused: with a sentence that names the operation and the parameter, says
// what was found and what was expected, and with nothing else. tests/bad_programs/table.h tells how
// the tables are written.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "ops/op_def.h"
#include "run.h"
#include "support/shared.h"
#include "table.h"

namespace pome::test {
namespace {

std::filesystem::path case_folder() {
  return source_folder() / "tests" / "bad_programs" / "cases";
}

std::vector<std::string> tables() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(case_folder())) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

std::vector<BadCase> cases_of(const std::string& table) {
  return read_table(case_folder() / (table + ".txt"));
}

/// What the sentence lacks, empty when it has all phrases in their order.
std::string fault(const std::string& sentence, const BadCase& bad) {
  if (sentence.empty()) return "the program runs";
  const auto lacks = [&](const std::string& phrase) {
    return base::cat("expected \"", phrase, "\" in: ", sentence);
  };
  const bool names_other = std::ranges::any_of(
      bad.phrases, [](const std::string& p) { return p.find("operation '") != std::string::npos; });
  if (!bad.operation.empty() && !names_other) {
    for (const auto& phrase : {std::string("operation '"), "' (" + bad.operation + ")"}) {
      if (sentence.find(phrase) == std::string::npos) return lacks(phrase);
    }
  }
  std::size_t from = 0;
  for (const auto& phrase : bad.phrases) {
    const auto at = sentence.find(phrase, from);
    if (at == std::string::npos) return lacks(phrase);
    from = at + phrase.size();
  }
  return {};
}

class BadPrograms : public ::testing::TestWithParam<std::string> {};

TEST_P(BadPrograms, AreRefusedWithASentence) {
  for (const auto& bad : cases_of(GetParam())) {
    EXPECT_EQ(fault(run(bad.program(), Placement::reference), bad), "") << bad.place();
    EXPECT_EQ(fault(run(bad.program(), Placement::cpu), bad), "") << bad.place() << " (CPU device)";
  }
}

TEST_P(BadPrograms, HaveOneFault) {
  for (const auto& bad : cases_of(GetParam())) {
    if (bad.beyond_repair) continue;
    EXPECT_EQ(run(bad.repaired(), Placement::reference), "") << bad.place();
    EXPECT_EQ(run(bad.repaired(), Placement::cpu), "") << bad.place() << " (CPU device)";
  }
}

// What the table itself must hold, so that no case passes for want of phrases.
TEST_P(BadPrograms, AreWrittenInFull) {
  const auto cases = cases_of(GetParam());
  EXPECT_FALSE(cases.empty());
  for (const auto& bad : cases) {
    SCOPED_TRACE(bad.place());
    EXPECT_FALSE(bad.body.empty());
    EXPECT_TRUE(bad.beyond_repair != !bad.repairs.empty()) << "has no way to mend it";
    const bool names_parameter = std::ranges::any_of(bad.phrases, [](const std::string& phrase) {
      return phrase.find("parameter") != std::string::npos;
    });
    EXPECT_TRUE(bad.whole || bad.operation.empty() || names_parameter) << "names no parameter";
    EXPECT_GE(bad.phrases.size(), bad.whole || bad.operation.empty() ? 1U : 2U);
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, BadPrograms, ::testing::ValuesIn(tables()),
                         [](const auto& table) { return table.param; });

TEST(BadProgramTables, HoldThreeHundredDistinctPrograms) {
  std::set<std::string> programs, titles;
  std::size_t count = 0;
  for (const auto& table : tables()) {
    for (const auto& bad : cases_of(table)) {
      ++count;
      const auto program = bad.program();
      std::string key = program.mil;
      for (const auto& input : program.inputs) {
        key += base::cat(" ", base::shape_text(input.run_dims));
        for (const double v : input.values) key += base::cat(" ", v);
      }
      EXPECT_TRUE(programs.insert(key).second) << bad.place() << ": the program is there twice";
      EXPECT_TRUE(titles.insert(bad.title).second) << bad.place() << ": the title is there twice";
    }
  }
  EXPECT_GE(count, 300U);
  RecordProperty("cases", static_cast<int>(count));
}

// --- faults that every operation can have ---

/// Operations of our own are made by frontends and passes; no file can hold them.
bool is_own(const ops::OpDef& def) {
  return def.name.find('.') != std::string_view::npos;
}

TEST(EveryOperation, RefusesAParameterThatItDoesNotHave) {
  for (const auto* def : ops::all()) {
    if (def->name == "const" || def->name == "classify" || def->blocks != 0 || is_own(*def))
      continue;
    const std::string name(def->name);
    SCOPED_TRACE(name);
    BadProgram program;
    program.mil = "program(1.0) { func main<ios26>(fp32 x) { tensor<fp32, ?> y = " + name +
                  "(no_such_thing = x)[name = string(\"y\")]; } -> (y); }";
    program.inputs.push_back({"x", ir::Type::scalar(DataType::fp32), {}, {}});
    const auto sentence = run(program, Placement::reference);
    EXPECT_NE(sentence.find("operation 'y' (" + name + "): has no parameter 'no_such_thing'"),
              std::string::npos)
        << sentence;
  }
}

TEST(EveryOperation, MissesItsFirstRequiredParameter) {
  for (const auto* def : ops::all()) {
    const auto& params = def->versions.back().params;
    const auto first = std::ranges::find_if(params, &ops::Param::required);
    if (def->name == "const" || def->name == "classify" || first == params.end() || is_own(*def))
      continue;
    const std::string name(def->name);
    SCOPED_TRACE(name);
    BadProgram program;
    program.mil = "program(1.0) { func main<ios26>() { tensor<fp32, ?> y = " + name +
                  "()[name = string(\"y\")]; } -> (y); }";
    const auto sentence = run(program, Placement::reference);
    EXPECT_NE(sentence.find(base::cat("operation 'y' (", name, "): parameter '", first->name,
                                      "' is missing")),
              std::string::npos)
        << sentence;
  }
}

}  // namespace
}  // namespace pome::test

// Every version of every operation has a case that fails when its evaluation returns zeros.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "base/budget.h"
#include "case_runner.h"
#include "ir/program.h"
#include "ir/text.h"
#include "ops/op_def.h"
#include "support/shared.h"

namespace pome::ops::testing {
namespace {

/// Versions by operation and first opset.
using Versions = std::set<std::pair<std::string, Opset>>;

/// Versions in programs that give anything but zeros (tests/ops/programs).
void add_programs(Versions& found) {
  const auto file = test::source_folder() / "tests" / "ops" / "programs" / "programs.json";
  for (const auto& test : nlohmann::json::parse(std::ifstream(file))) {
    base::Budget budget;
    const auto program =
        ir::parse_program(test.at("program").get<std::string>(), "programs.json", budget);
    for (const auto& function : program->functions) {
      Opset opset{};
      ASSERT_TRUE(parse_opset(function->opset, opset));
      ir::for_each_op(*function->body, [&](const ir::Op& op) {
        const auto* def = find(op.type());
        if (def) found.emplace(def->name, version(*def, opset)->since);
      });
    }
  }
}

Versions covered() {
  Versions found;
  add_programs(found);
  // The runtime's own: LoadFunction.PredictsLabels in tests/runtime.
  found.emplace("classify", Opset::ios15);
  // Needs code on the operation: CustomLayer.* in tests/runtime.
  found.emplace("pome.custom", Opset::ios15);
  for (const auto& test : all_cases()) {
    if (test.json.contains("error") || zeros_would_pass(test)) continue;
    const auto* def = find(test.json.at("op").get<std::string>());
    Opset opset{};
    if (!def || !parse_opset(test.json.at("opset").get<std::string>(), opset)) continue;
    if (const auto* at = version(*def, opset)) found.emplace(def->name, at->since);
  }
  return found;
}

TEST(Coverage, EveryVersionHasACaseThatZerosFail) {
  const auto found = covered();
  for (const auto* def : all()) {
    for (const auto& version : def->versions) {
      EXPECT_TRUE(found.contains({std::string(def->name), version.since}))
          << def->name << " of " << name(version.since);
    }
  }
}

}  // namespace
}  // namespace pome::ops::testing

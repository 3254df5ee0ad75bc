// Every version of every operation has a case that fails when its evaluation returns zeros.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

#include "base/text.h"
#include "case_runner.h"
#include "ops/op_def.h"
#include "support/shared.h"

namespace pome::ops::testing {
namespace {

/// Versions by operation and first opset.
using Versions = std::set<std::pair<std::string, Opset>>;

Versions covered() {
  Versions found;
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

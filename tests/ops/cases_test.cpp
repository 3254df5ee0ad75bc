// Every operation against cases computed by numpy and scipy (tests/ops/make_cases.py).
#include <gtest/gtest.h>

#include "case_runner.h"
#include "ops/op_def.h"
#include "pome/error.h"

namespace pome::ops::testing {
namespace {

// One gtest a case would cost a process each under ctest; one a file keeps both speed and place.
class Cases : public ::testing::TestWithParam<std::string> {};

TEST_P(Cases, AgreeWithNumpy) {
  const auto cases = load_cases(GetParam());
  ASSERT_FALSE(cases.empty());
  for (const auto& test : cases) {
    SCOPED_TRACE(test.name);
    try {
      run_case(test);
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

/// The opsets after the case's own in which the operation has the same version.
std::vector<std::string> later_opsets(const nlohmann::json& test) {
  std::vector<std::string> names;
  const auto* def = find(test.at("op").get<std::string>());
  Opset own{};
  if (!def || !parse_opset(test.at("opset").get<std::string>(), own)) return names;
  for (const auto opset : {Opset::ios16, Opset::ios17, Opset::ios18, Opset::ios26}) {
    if (opset > own && version(*def, opset) == version(*def, own)) names.emplace_back(name(opset));
  }
  return names;
}

TEST_P(Cases, AgreeInLaterOpsetsOfTheSameVersion) {
  for (auto& test : load_cases(GetParam())) {
    if (test.json.contains("error")) continue;
    for (const auto& opset : later_opsets(test.json)) {
      SCOPED_TRACE(test.name + " in " + opset);
      test.json["opset"] = opset;
      try {
        run_case(test);
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, Cases, ::testing::ValuesIn(case_files()),
                         [](const auto& file) { return file.param; });

}  // namespace
}  // namespace pome::ops::testing

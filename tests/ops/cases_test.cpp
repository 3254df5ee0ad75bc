// Every operation against cases computed by numpy and scipy (tests/ops/make_cases.py).
#include <gtest/gtest.h>

#include "case_runner.h"
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

INSTANTIATE_TEST_SUITE_P(Files, Cases, ::testing::ValuesIn(case_files()),
                         [](const auto& file) { return file.param; });

}  // namespace
}  // namespace pome::ops::testing

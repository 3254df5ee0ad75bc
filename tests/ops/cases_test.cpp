// Every operation against cases computed by numpy and scipy (tests/ops/make_cases.py).
#include <gtest/gtest.h>

#include "case_runner.h"
#include "pome/error.h"
#include "support/shared.h"

namespace pome::ops::testing {
namespace {

// One gtest a case would cost a process each under ctest; one a file keeps both speed and place.
class Cases : public ::testing::TestWithParam<std::string> {};

std::filesystem::path data_folder() {
  return test::source_folder() / "tests" / "ops" / "data";
}

std::vector<std::string> files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(data_folder())) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

TEST_P(Cases, AgreeWithNumpy) {
  const auto cases = load_cases(data_folder() / (GetParam() + ".json"));
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

INSTANTIATE_TEST_SUITE_P(Files, Cases, ::testing::ValuesIn(files()),
                         [](const auto& file) { return file.param; });

}  // namespace
}  // namespace pome::ops::testing

// What people see: the whole output of every command on the small models of fixtures.h, compared
// with the texts in golden/. After an intended change, make them again and read the difference:
//
//     POME_UPDATE_GOLDEN=1 build/tests/test_cli --gtest_filter='*Golden*' && git diff
//     tests/cli/golden
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <regex>
#include <sstream>

#include "fixtures.h"
#include "support/shared.h"
#include "temporary_folder.h"

namespace pome::cli {
namespace {

namespace fs = std::filesystem;

struct Golden {
  const char* name;
  const char* line;  ///< what is typed after "pome"
  int exit_code = 0;
};

std::ostream& operator<<(std::ostream& out, const Golden& golden) {
  return out << golden.name << ": pome " << golden.line;
}

constexpr Golden goldens[] = {
    {"help", "help"},
    {"help_info", "help info"},
    {"help_structure", "structure --help"},
    {"help_mil", "help mil"},
    {"help_predict", "predict --help"},
    {"help_bench", "help bench"},
    {"help_compile", "help compile"},
    {"help_cache", "help cache"},
    {"help_completion", "help completion"},
    {"help_exit_codes", "help exit-codes"},
    {"completion_bash", "completion bash"},
    {"completion_zsh", "completion zsh"},
    {"completion_fish", "completion fish"},
    {"info_package", "info p.mlpackage"},
    {"info_package_json", "info p.mlpackage --json"},
    {"info_package_colour", "info p.mlpackage --color always"},
    {"info_compiled", "info c.mlmodelc"},
    {"info_picture", "info i.mlpackage"},
    {"info_classifier", "info k.mlpackage"},
    {"info_network", "info n.mlmodel"},
    {"info_pipeline", "info l.mlmodel"},
    {"info_pipeline_json", "info l.mlmodel --json"},
    {"info_text_classifier", "info a.mlmodel"},
    {"info_weightless", "info w.mlpackage"},
    {"structure_package", "structure p.mlpackage"},
    {"structure_package_json", "structure p.mlpackage --json"},
    {"structure_classifier", "structure k.mlpackage"},
    {"structure_network", "structure n.mlmodel"},
    {"structure_pipeline", "structure l.mlmodel"},
    {"mil_package", "mil p.mlpackage"},
    {"mil_classifier", "mil k.mlpackage"},
    {"predict_one", "predict p.mlpackage -i x=[1,2,3]"},
    {"predict_two", "predict p.mlpackage -i rows.csv"},
    {"predict_json", "predict p.mlpackage -i x=[1,2,3] --json"},
    {"predict_repeated", "predict p.mlpackage -i x=[1,2,3] --repeat 3"},
    {"predict_large", "predict i.mlpackage --random --seed 1"},
    {"predict_classifier", "predict k.mlpackage -i x=[0.25,0.5,0.125] --top 2"},
    {"predict_agrees", "predict p.mlpackage -i x=[1,2,3] --expect same.json"},
    {"predict_differs", "predict p.mlpackage -i x=[1,2,3] --expect other.json", 1},
    {"predict_differs_json", "predict p.mlpackage -i x=[1,2,3] --expect other.json --json", 1},
    {"compile", "compile p.mlpackage -o new.mlmodelc"},
};

// Times are what they are.
std::string without_times(const std::string& text) {
  static const std::regex times(R"(\b[0-9]+(\.[0-9]+)? (µs|ms|s)\b)");
  static const std::regex numbers(R"re(("(load_milliseconds|min|median|p90)": )[-+.e0-9]+)re");
  return std::regex_replace(std::regex_replace(text, times, "TIME"), numbers, "$1TIME");
}

std::vector<std::string> words_of(const char* line) {
  std::istringstream stream(line);
  return {std::istream_iterator<std::string>(stream), {}};
}

class GoldenTest : public testing::TestWithParam<Golden> {};

TEST_P(GoldenTest, Output) {
  const Golden& golden = GetParam();
  const test::TemporaryFolder folder;
  write_models(folder.path(), golden.line);
  folder.put("rows.csv", "1,2,3\n4,5,6\n");
  folder.put("same.json", R"({"y": [[2, 4, 6]]})");
  folder.put("other.json", R"({"y": [[2, 4.5, 7]]})");

  const Finished run = run_pome(words_of(golden.line), folder.path());

  ASSERT_EQ(run.exit_code, golden.exit_code) << run.err;
  std::string text = without_times(run.out);
  if (!run.err.empty()) text += "--- standard error\n" + run.err;
  const fs::path file =
      test::source_folder() / "tests/cli/golden" / (std::string(golden.name) + ".txt");
  if (std::getenv("POME_UPDATE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    GTEST_SKIP() << "written: " << file;
  }
  EXPECT_EQ(text, test::TemporaryFolder::get(file)) << "see the head of golden_test.cpp";
}

INSTANTIATE_TEST_SUITE_P(Outputs, GoldenTest, testing::ValuesIn(goldens),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace pome::cli

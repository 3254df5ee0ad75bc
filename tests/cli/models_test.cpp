// Every command on the real models beside the repository.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "fixtures.h"
#include "support/shared.h"
#include "temporary_folder.h"

namespace pome::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

bool is_model(const fs::path& path) {
  const std::string kind = path.extension();
  return kind == ".mlmodel" || kind == ".mlpackage" || kind == ".mlmodelc";
}

std::vector<fs::path> all_models(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const auto& family : fs::directory_iterator(folder)) {
    if (!family.is_directory()) continue;
    for (const auto& entry : fs::directory_iterator(family.path())) {
      if (is_model(entry.path())) out.push_back(fs::relative(entry.path(), folder));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool is_program(const fs::path& path) {
  const std::string family = path.begin()->native();
  return family == "silero-vad" || family == "mobileclip-s0";
}

class RealModels : public testing::Test {
 protected:
  void SetUp() override {
    const auto found = test::shared("models");
    if (!found) GTEST_SKIP() << test::shared_absent;
    folder_ = fs::canonical(*found);
    models_ = all_models(folder_);
    ASSERT_GE(models_.size(), 22U);
  }

  fs::path folder_;
  std::vector<fs::path> models_;
};

TEST_F(RealModels, InfoKnowsEveryOne) {
  for (const fs::path& model : models_) {
    const Finished run = run_pome({"info", model}, folder_);
    EXPECT_EQ(run.exit_code, 0) << model << ": " << run.err;
    EXPECT_EQ(run.err, "") << model;
    const bool runs = run.out.find("\nRuns here\n") != std::string::npos;
    const bool fails = run.out.find("\nDoes not run here\n  ") != std::string::npos;
    EXPECT_NE(runs, fails) << model << "\n" << run.out;
    EXPECT_THAT(run.out, HasSubstr("\nInputs\n")) << model;
    EXPECT_THAT(run.out, HasSubstr("\nOutputs\n")) << model;
  }
}

// The types are those of the list that came with the models.
TEST_F(RealModels, InfoAsJsonSaysWhatEachIsAndWhatItLacks) {
  const std::map<std::string, std::string> types{{"deeplab-v3-int8lut", "neuralNetwork"},
                                                 {"gesture-lstm", "neuralNetworkClassifier"},
                                                 {"mobileclip-s0", "mlProgram"},
                                                 {"names-tree", "pipelineClassifier"},
                                                 {"pose-hourglass", "neuralNetwork"},
                                                 {"sentiment-polarity", "pipelineClassifier"},
                                                 {"seq2seq-lstm", "neuralNetwork"},
                                                 {"silero-vad", "mlProgram"},
                                                 {"sleep-calculator", "pipelineRegressor"},
                                                 {"ssd-ocr", "neuralNetwork"},
                                                 {"style-transfer-custom-layer", "neuralNetwork"},
                                                 {"text-classifier", "textClassifier"},
                                                 {"tree-ensemble", "treeEnsembleClassifier"},
                                                 {"updatable-drawing", "neuralNetwork"},
                                                 {"waifu2x-espresso", "neuralNetwork"}};
  for (const fs::path& model : models_) {
    const Finished run = run_pome({"info", model, "--json"}, folder_);
    ASSERT_EQ(run.exit_code, 0) << model << ": " << run.err;
    const json info = json::parse(run.out);
    EXPECT_EQ(info["type"], types.at(*model.begin())) << model;
    EXPECT_GT(info["size"], 0) << model;
    EXPECT_FALSE(info["outputs"].empty()) << model;
    EXPECT_EQ(info["runs"].get<bool>(), info["cannot_run"].empty()) << model;
    const std::string lacks = info["cannot_run"].dump();
    if (*model.begin() == "silero-vad") {
      EXPECT_EQ(info["runs"], true) << model;
    } else if (*model.begin() == "mobileclip-s0") {
      EXPECT_THAT(lacks, HasSubstr("weights/weight.bin")) << model;
    } else if (*model.begin() == "style-transfer-custom-layer") {
      EXPECT_THAT(lacks, HasSubstr("'ResCropBlockLambda'")) << model;
    } else if (info["runs"] == false) {
      EXPECT_THAT(lacks, HasSubstr(types.at(*model.begin()))) << model;
    }
  }
}

TEST_F(RealModels, StructureShowsEveryOne) {
  for (const fs::path& model : models_) {
    const Finished text = run_pome({"structure", model}, folder_);
    EXPECT_EQ(text.exit_code, 0) << model << ": " << text.err;
    EXPECT_EQ(text.out.find(model.filename().native()), 0U) << model;
    const Finished as_json = run_pome({"structure", model, "--json"}, folder_);
    EXPECT_EQ(as_json.exit_code, 0) << model << ": " << as_json.err;
    EXPECT_TRUE(json::accept(as_json.out)) << model;
  }
}

TEST_F(RealModels, MilPrintsPrograms) {
  for (const fs::path& model : models_) {
    const Finished run = run_pome({"mil", model}, folder_);
    if (is_program(model)) {
      EXPECT_EQ(run.exit_code, 0) << model << ": " << run.err;
      EXPECT_THAT(run.out, testing::StartsWith("program(1.0)\n")) << model;
    } else {
      EXPECT_EQ(run.exit_code, 4) << model;
      EXPECT_THAT(run.err, HasSubstr("works on ML Programs")) << model;
    }
  }
}

TEST_F(RealModels, PredictRunsWhatInfoSaysRuns) {
  std::size_t count = 0;
  for (const fs::path& model : models_) {
    const json info = json::parse(run_pome({"info", model, "--json"}, folder_).out);
    const Finished run = run_pome({"predict", model, "--random", "--seed", "1"}, folder_);
    if (info["runs"] == true) {
      EXPECT_EQ(run.exit_code, 0) << model << ": " << run.err;
      ++count;
    } else {
      EXPECT_TRUE(run.exit_code == 3 || run.exit_code == 4) << model << ": " << run.exit_code;
      EXPECT_EQ(run.out, "") << model;
      EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
    }
  }
  EXPECT_GE(count, 5U);
}

TEST_F(RealModels, TheSameSeedGivesTheSameBytes) {
  const test::TemporaryFolder out;
  const std::string model = folder_ / "silero-vad/silero-vad-unified-v6.0.0.mlpackage";
  for (const char* file : {"a.npz", "b.npz"}) {
    const Finished run =
        run_pome({"predict", model, "--random", "--seed", "1", "-o", file}, out.path());
    ASSERT_EQ(run.exit_code, 0) << run.err;
  }
  const Finished other =
      run_pome({"predict", model, "--random", "--seed", "2", "-o", "c.npz"}, out.path());
  ASSERT_EQ(other.exit_code, 0) << other.err;
  const std::string first = test::TemporaryFolder::get(out / "a.npz");
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(first, test::TemporaryFolder::get(out / "b.npz"));
  EXPECT_NE(first, test::TemporaryFolder::get(out / "c.npz"));
}

// What one form of a model gives, the other is checked against, as continuous integration does.
TEST_F(RealModels, TheCompiledFormAgreesWithThePackage) {
  const test::TemporaryFolder out;
  const fs::path package = folder_ / "silero-vad/silero-vad-unified-v6.0.0.mlpackage";
  const fs::path compiled = folder_ / "silero-vad/silero-vad-unified-v6.0.0.mlmodelc";
  const Finished run =
      run_pome({"predict", package, "--random", "--seed", "1", "-o", "g.npz"}, out.path());
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const fs::path& model : {package, compiled}) {
    const Finished same = run_pome({"predict", model, "--random", "--seed", "1", "--expect",
                                    "g.npz", "--rtol", "1e-5", "--atol", "1e-5"},
                                   out.path());
    EXPECT_EQ(same.exit_code, 0) << model << ": " << same.err;
  }
}

}  // namespace
}  // namespace pome::cli

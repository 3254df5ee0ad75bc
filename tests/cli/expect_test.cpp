// --expect and -o: what is written can be compared with, and differences set the exit code.
#include <gmock/gmock.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/budget.h"
#include "fixtures.h"
#include "inputs.h"
#include "npy.h"
#include "pome/error.h"
#include "temporary_folder.h"

namespace pome::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

MultiArray array(const std::vector<float>& elements, const std::vector<std::int64_t>& shape) {
  return MultiArray::copy_of(std::span<const float>(elements),
                             std::span<const std::int64_t>(shape));
}

class ExpectTest : public testing::Test {
 protected:
  void SetUp() override { write_models(folder_.path(), "p.mlpackage k.mlpackage"); }

  Finished predict(const std::vector<std::string>& arguments) const {
    std::vector<std::string> words{"predict"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run_pome(words, folder_.path());
  }

  NpzEntries entries(const char* file) const {
    base::Budget budget;
    return read_npz(folder_ / file, budget);
  }

  test::TemporaryFolder folder_;
};

TEST_F(ExpectTest, JsonThatAgrees) {
  folder_.put("g.json", R"({"y": [[2, 4, 6]]})");
  EXPECT_EQ(predict({"p.mlpackage", "-i", "x=[1,2,3]", "--expect", "g.json"}).exit_code, 0);
}

TEST_F(ExpectTest, JsonThatDiffers) {
  folder_.put("g.json", R"({"y": [[2, 4, 6.5]]})");
  const Finished run = predict({"p.mlpackage", "-i", "x=[1,2,3]", "--expect", "g.json"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err,
            "pome: output 'y': 1 of 3 elements differ, worst at [0, 2]: found 6, expected 6.5\n");
  EXPECT_THAT(run.out, HasSubstr("differs"));
}

TEST_F(ExpectTest, TolerancesAreAddedUp) {
  folder_.put("g.json", R"({"y": [[2, 4, 6.5]]})");
  const auto exit_code = [&](const char* relative, const char* absolute) {
    return predict({"p.mlpackage", "-i", "x=[1,2,3]", "--expect", "g.json", "--rtol", relative,
                    "--atol", absolute})
        .exit_code;
  };
  EXPECT_EQ(exit_code("0", "0.5"), 0);
  EXPECT_EQ(exit_code("0", "0.49"), 1);
  EXPECT_EQ(exit_code("0.04", "0.25"), 0);  // 0.04 x 6.5 + 0.25 = 0.51
  EXPECT_EQ(exit_code("0.03", "0.25"), 1);  // 0.03 x 6.5 + 0.25 = 0.445
}

TEST_F(ExpectTest, AnotherShapeDiffers) {
  folder_.put("g.json", R"({"y": [2, 4, 6]})");
  const Finished run = predict({"p.mlpackage", "-i", "x=[1,2,3]", "--expect", "g.json"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("shape [1, 3], expected [3]"));
}

TEST_F(ExpectTest, InputsAndOutputsInOneArchive) {
  write_npz(folder_ / "both.npz",
            {{"x", array({1, 2, 3}, {1, 3})}, {"y", array({2, 4, 6}, {1, 3})}});
  const Finished good = predict({"p.mlpackage", "-i", "both.npz", "--expect", "both.npz"});
  EXPECT_EQ(good.exit_code, 0) << good.err;
  write_npz(folder_ / "both.npz",
            {{"x", array({1, 2, 3}, {1, 3})}, {"y", array({2, 4, 7}, {1, 3})}});
  EXPECT_EQ(predict({"p.mlpackage", "-i", "both.npz", "--expect", "both.npz"}).exit_code, 1);
}

TEST_F(ExpectTest, InputsAndOutputsInOneJsonFile) {
  folder_.put("both.json", R"({"x": [[1, 2, 3]], "y": [[2, 4, 6]]})");
  const Finished run = predict({"p.mlpackage", "-i", "both.json", "--expect", "both.json"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

TEST_F(ExpectTest, SeveralPredictions) {
  folder_.put("rows.csv", "1,2,3\n4,5,6\n");
  ASSERT_EQ(predict({"p.mlpackage", "-i", "rows.csv", "-o", "g.npz"}).exit_code, 0);
  const NpzEntries written = entries("g.npz");
  ASSERT_EQ(written.size(), 2U);
  EXPECT_EQ(written[0].first, "0.y");
  EXPECT_EQ(written[1].first, "1.y");
  EXPECT_THAT(std::get<MultiArray>(written[1].second).elements<float>(), ElementsAre(5, 7, 9));
  EXPECT_EQ(predict({"p.mlpackage", "-i", "rows.csv", "--expect", "g.npz"}).exit_code, 0);
  folder_.put("rows.csv", "1,2,3\n4,5,7\n");
  const Finished run = predict({"p.mlpackage", "-i", "rows.csv", "--expect", "g.npz"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("row 2: output 'y'"));
}

TEST_F(ExpectTest, PrintedJsonIsAnExpectation) {
  const Finished printed = predict({"k.mlpackage", "-i", "x=[0.25,0.5,0.125]", "--json"});
  ASSERT_EQ(printed.exit_code, 0) << printed.err;
  folder_.put("g.json", printed.out);
  const Finished run = predict({"k.mlpackage", "-i", "x=[0.25,0.5,0.125]", "--expect", "g.json"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

TEST_F(ExpectTest, AClassifierWritesKeysAndValues) {
  const std::string input = "x=[0.25,0.5,0.125]";
  ASSERT_EQ(predict({"k.mlpackage", "-i", input, "-o", "g.npz"}).exit_code, 0);
  const NpzEntries written = entries("g.npz");
  ASSERT_EQ(written.size(), 3U);
  EXPECT_EQ(written[0].first, "label");
  EXPECT_THAT(std::get<TextArray>(written[0].second).elements, ElementsAre("cup"));
  EXPECT_EQ(written[1].first, "scores.keys");
  EXPECT_THAT(std::get<TextArray>(written[1].second).elements, ElementsAre("cat", "cup", "dog"));
  EXPECT_EQ(written[2].first, "scores.values");
  EXPECT_THAT(std::get<MultiArray>(written[2].second).elements<double>(),
              ElementsAre(0.25, 0.5, 0.125));
  EXPECT_EQ(predict({"k.mlpackage", "-i", input, "--expect", "g.npz"}).exit_code, 0);
}

TEST_F(ExpectTest, AClassifierThatDiffers) {
  ASSERT_EQ(predict({"k.mlpackage", "-i", "x=[0.25,0.5,0.125]", "-o", "g.npz"}).exit_code, 0);
  const Finished other = predict({"k.mlpackage", "-i", "x=[0.25,0.5,0.0625]", "--expect", "g.npz"});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_EQ(other.err,
            "pome: output 'scores': 1 of 3 elements differ, worst at 'dog': found 0.0625, "
            "expected 0.125\n");
  const Finished label = predict({"k.mlpackage", "-i", "x=[0.75,0.5,0.125]", "--expect", "g.npz"});
  EXPECT_THAT(label.err, HasSubstr("output 'label': 1 of 1 elements differ"));
}

TEST_F(ExpectTest, KeysWithoutValues) {
  write_npz(folder_ / "g.npz", {{"scores.keys", TextArray{{1}, {"cat"}}}});
  const Finished run = predict({"k.mlpackage", "--random", "--expect", "g.npz"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("output 'scores': there are keys, but no array 'scores.values'"));
}

TEST_F(ExpectTest, DictionaryAsJsonText) {
  const TextArray text{{}, {R"({"cup": 0.5, "dog": 0.125})"}};
  write_npz(folder_ / "g.npz", {{"scores", text}});
  const Finished run = predict({"k.mlpackage", "-i", "x=[0.25,0.5,0.125]", "--expect", "g.npz"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

TEST(InputCollector, FeaturesNeedAsManyValuesAsOneAnother) {
  ModelDescription description;
  for (const char* name : {"a", "b"}) {
    FeatureDescription& feature = description.inputs.emplace_back();
    feature.name = name;
    feature.type = FeatureType::double_;
  }
  base::Budget budget;
  InputCollector collector(description, {}, budget);
  for (const char* argument : {"a=1", "a=2", "a=3", "b=4", "b=5"}) collector.add(argument);
  try {
    (void)collector.cases();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                testing::AllOf(HasSubstr("'a'"), HasSubstr("3"), HasSubstr("'b'"), HasSubstr("2")));
  }
}

}  // namespace
}  // namespace pome::cli

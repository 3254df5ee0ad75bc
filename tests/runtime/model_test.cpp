// Whole models: specifications that coremltools' protobuf wrote, opened and run.
#include "pome/model.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "base/text.h"
#include "pome/error.h"
#include "specs.inc"
#include "support/shared.h"

namespace pome {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <std::size_t N>
Asset asset(const unsigned char (&spec)[N]) {
  return Asset::from_memory(std::as_bytes(std::span(spec)), {});
}

template <typename Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Model, PredictsAClassifierProgram) {
  const Model model = Model::open(asset(classifier_program_spec));
  const FeatureProvider out =
      model.predict({{"x", MultiArray::copy_of<float>({-1, 0.25F, 0.75F}, {3})}});
  EXPECT_EQ(out["classLabel"].string_value(), "cup");
  EXPECT_EQ(out["classLabel_probs"].string_dictionary_value().at("dog"), 0.25);
}

TEST(Model, KnowsItsClassLabelsBeforeItIsCompiled) {
  const Asset opened = asset(classifier_program_spec);
  EXPECT_THAT(std::get<std::vector<std::string>>(opened.description().class_labels),
              ElementsAre("cat", "dog", "cup"));
}

TEST(Model, OpensTheFunctionThatIsAskedFor) {
  const Model model = Model::open(asset(two_functions_spec), {.function_name = "absolute"});
  EXPECT_EQ(model.description().function_name, "absolute");
  const auto x = MultiArray::copy_of<float>({1, -2, 3}, {3});
  const FeatureProvider out = model.predict({{"x", x}});
  EXPECT_THAT(out["y"].multi_array_value().elements<float>(), ElementsAre(1, 2, 3));
  const Model usual = Model::open(asset(two_functions_spec));
  EXPECT_THAT(usual.predict({{"x", x}})["y"].multi_array_value().elements<float>(),
              ElementsAre(1, 0, 3));
}

TEST(Model, NamesFunctionsThatThereAre) {
  EXPECT_THAT(error_of([] { Model::open(asset(two_functions_spec), {.function_name = "other"}); }),
              HasSubstr("the model has no function 'other', expected 'usual' or 'absolute'"));
}

TEST(Model, UsesItsDisplayNameInMessages) {
  EXPECT_THAT(
      error_of([] { Model::open(asset(network_spec), {.model_display_name = "cats and dogs"}); }),
      HasSubstr("'cats and dogs': the classifier has no layer that gives probabilities"));
}

TEST(Model, StaysUsableAfterItsAssetAndOtherHandlesAreGone) {
  Model copy = Model::open(asset(classifier_program_spec));
  const Model again = copy;
  copy = Model::open(asset(two_functions_spec));
  EXPECT_EQ(again.predict({{"x", MultiArray(DataType::fp32, {3})}})["classLabel"].string_value(),
            "cat");
}

TEST(Model, AcceptsAStateWhereItKeepsNone) {
  const Model model = Model::open(asset(classifier_program_spec));
  State state = model.make_state();
  EXPECT_EQ(model.predict({{"x", MultiArray(DataType::fp32, {3})}}, state).size(), 2U);
  EXPECT_THAT(error_of([&] { (void)state.read("cache"); }), HasSubstr("the model keeps none"));
  const Model other = Model::open(asset(classifier_program_spec));
  EXPECT_THAT(error_of([&] {
                other.predict({{"x", MultiArray(DataType::fp32, {3})}}, state);
              }),
              HasSubstr("belongs to another model"));
}

TEST(Model, StopsWhenItIsAskedTo) {
  const Model model = Model::open(asset(classifier_program_spec));
  std::stop_source stop;
  stop.request_stop();
  PredictionOptions options;
  options.stop = stop.get_token();
  try {
    model.predict({{"x", MultiArray(DataType::fp32, {3})}}, options);
    FAIL() << "it ran to its end";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::prediction_cancelled);
  }
}

TEST(Model, KeepsToTheBudgetOfItsConfiguration) {
  try {
    Model::open(asset(classifier_program_spec), {.byte_budget = 16});
    FAIL() << "it opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::out_of_memory) << error.what();
  }
}

TEST(Model, NamesFilesThatAreNotThere) {
  EXPECT_THAT(error_of([] { Model::open("no/such/model.mlpackage"); }),
              HasSubstr("no/such/model.mlpackage"));
}

// Real models that cannot run yet say what is missing, and nothing else goes wrong.
TEST(RealModels, ThatCannotRunSayWhatIsMissing) {
  const auto folder = test::shared("models");
  if (!folder) GTEST_SKIP() << test::shared_absent;
  EXPECT_THAT(
      error_of([&] { Model::open(*folder / "text-classifier/movie-review-sentiment.mlmodel"); }),
      HasSubstr("cannot run here: "));
}

// What well-known inputs give: a name's letters, words of a review, hand arithmetic.
TEST(RealModels, ClassicalOnesGiveSensibleAnswers) {
  const auto folder = test::shared("models");
  if (!folder) GTEST_SKIP() << test::shared_absent;
  const Model names = Model::open(*folder / "names-tree/NamesDT.mlmodel");
  const auto sex_of = [&](const std::string& name) {
    StringDictionary letters;
    for (const std::size_t n : {1U, 2U, 3U}) {
      const std::string count = n == 1 ? "" : std::to_string(n);
      const std::string plural = n == 1 ? "" : "s";
      letters[base::cat("first", count, "-letter", plural, "=", name.substr(0, n))] = 1.0;
      letters[base::cat("last", count, "-letter", plural, "=", name.substr(name.size() - n))] = 1.0;
    }
    return names.predict({{"input", letters}}).at("classLabel").string_value();
  };
  for (const char* name : {"mary", "sophia", "elizabeth"}) EXPECT_EQ(sex_of(name), "F") << name;
  for (const char* name : {"john", "robert", "david"}) EXPECT_EQ(sex_of(name), "M") << name;

  const Model reviews = Model::open(*folder / "sentiment-polarity/SentimentPolarity.mlmodel");
  const auto opinion = [&](const StringDictionary& words) {
    return reviews.predict({{"input", words}}).at("classLabel").string_value();
  };
  EXPECT_EQ(opinion({{"great", 1.0}, {"excellent", 1.0}, {"love", 1.0}}), "Pos");
  EXPECT_EQ(opinion({{"terrible", 1.0}, {"worst", 1.0}, {"problems", 1.0}}), "Neg");

  const Model sleep = Model::open(*folder / "sleep-calculator/SleepCalculator.mlmodel");
  // 8.9773024879164032e-05 * 25200 + 3601.4055324351725 * 8 + 832.42670972860276 * 2
  //   + 461.66411230346455
  EXPECT_NEAR(sleep.predict({{"wake", 25200.0}, {"estimatedSleep", 8.0}, {"coffee", 2}})
                  .at("actualSleep")
                  .double_value(),
              30940.024071469004, 1e-9);

  const Model ensemble = Model::open(*folder / "tree-ensemble/dummy_v6.mlmodel");
  FeatureProvider zeros;
  for (const FeatureDescription& feature : ensemble.description().inputs)
    zeros.set(feature.name, 0.0);
  const FeatureValue probabilities = ensemble.predict(zeros).at("classProbability");
  double sum = 0;
  for (const auto& [label, probability] : probabilities.int64_dictionary_value())
    sum += probability;
  EXPECT_DOUBLE_EQ(sum, 1.0);
}

}  // namespace
}  // namespace pome

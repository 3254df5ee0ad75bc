// Support vectors, nearest neighbours, probit regression, recommender, suppression of boxes: small
// cases by hand. Larger ones come from libraries (classical_oracle_test.cpp).
#include <gmock/gmock.h>

#include <cmath>

#include "support.h"

namespace pome::classical {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

void add_dense(proto::DenseSupportVectors& vectors, std::vector<double> numbers) {
  vectors.vectors.emplace_back();
  vectors.vectors.back().values.assign(numbers);
}

const ModelDescription svr = describe("supportVectorRegressor", {array("x", {2})}, {number("y")});

proto::SupportVectorRegressor& regressor(proto::Model& model) {
  auto& message = model.make_supportVectorRegressor();
  add_dense(message.make_denseSupportVectors(), {1, 2});
  message.coefficients.make().alpha.assign(std::vector<double>{2});
  message.rho = 1;
  return message;
}

TEST(SupportVectorRegressor, Kernels) {
  const auto result = [](const std::function<void(proto::Kernel&)>& choose) {
    proto::Model model;
    choose(regressor(model).kernel.make());
    return run(model, svr, {{"x", doubles({3, 4})}}).at("y").double_value();
  };
  // The product is 11, the squared distance 8; the result 2 K - 1.
  EXPECT_EQ(result([](proto::Kernel& k) { k.make_linearKernel(); }), 21);
  EXPECT_NEAR(result([](proto::Kernel& k) { k.make_rbfKernel().gamma = 0.125; }),
              2 * std::exp(-1.0) - 1, 1e-15);
  EXPECT_EQ(result([](proto::Kernel& k) {
              auto& poly = k.make_polyKernel();
              poly.gamma = 1;
              poly.c = -9;
              poly.degree = 3;
            }),
            15);
  EXPECT_NEAR(result([](proto::Kernel& k) {
                auto& sigmoid = k.make_sigmoidKernel();
                sigmoid.gamma = 0.5;
                sigmoid.c = -5;
              }),
              2 * std::tanh(0.5) - 1, 1e-15);
}

TEST(SupportVectorRegressor, SparseVectorsAreTheSameAsDense) {
  proto::Model model;
  auto& message = regressor(model);
  message.kernel.make().make_rbfKernel().gamma = 0.125;
  auto& nodes = message.make_sparseSupportVectors().vectors.emplace_back().nodes;
  nodes.emplace_back().index = 2;
  nodes.back().value = 2;
  // (3, 4) - (0, 2): 13
  EXPECT_NEAR(run(model, svr, {{"x", doubles({3, 4})}}).at("y").double_value(),
              2 * std::exp(-13.0 / 8) - 1, 1e-15);
  nodes.back().index = 3;
  EXPECT_THAT(error_of([&] { make(model, svr); }),
              HasSubstr("a support vector has a number at place 3, and the inputs hold 2 numbers"));
  nodes.back().index = 0;
  EXPECT_THAT(error_of([&] { make(model, svr); }), HasSubstr("places begin with 1"));
}

TEST(SupportVectorRegressor, ContradictionsAreNamed) {
  proto::Model model;
  auto& message = regressor(model);
  EXPECT_THAT(error_of([&] { make(model, svr); }), HasSubstr("there is no kernel"));
  message.kernel.make().make_rbfKernel().gamma = std::nan("");
  EXPECT_THAT(error_of([&] { make(model, svr); }), HasSubstr("gamma is nan"));
  message.kernel.make().make_linearKernel();
  message.coefficients.make().alpha.assign(std::vector<double>{1, 2});
  EXPECT_THAT(error_of([&] { make(model, svr); }),
              HasSubstr("there are 2 coefficients for 1 support vectors"));
}

TEST(SupportVectorClassifier, ContradictionsAreNamed) {
  const auto error = [](const std::function<void(proto::SupportVectorClassifier&)>& change) {
    proto::Model model;
    auto& message = model.make_supportVectorClassifier();
    message.kernel.make().make_linearKernel();
    for (const double x : {1.0, 2.0}) add_dense(message.make_denseSupportVectors(), {x, x});
    message.numberOfSupportVectorsPerClass = {1, 1};
    message.coefficients.emplace_back().alpha.assign(std::vector<double>{1, -1});
    message.rho.assign(std::vector<double>{0});
    change(message);
    return error_of([&] {
      make(model, classifier("supportVectorClassifier", {array("x", {2})}, {0, 1}));
    });
  };
  using Message = proto::SupportVectorClassifier;
  EXPECT_EQ(error([](Message&) {}), "no error");
  EXPECT_THAT(error([](Message& m) {
                m.numberOfSupportVectorsPerClass = {-1, 3};
              }),
              HasSubstr("do not add up to 2"));
  EXPECT_THAT(error([](Message& m) {
                m.numberOfSupportVectorsPerClass = {1, 0};
              }),
              HasSubstr("the classes have 1 support vectors, and there are 2"));
  EXPECT_THAT(error([](Message& m) {
                m.rho.assign(std::vector<double>{0, 1});
              }),
              HasSubstr("there are 2 rho for 2 classes, expected 1"));
  EXPECT_THAT(error([](Message& m) { m.probA.assign(std::vector<double>{0}); }),
              HasSubstr("there are 1 probA and 0 probB"));
  EXPECT_THAT(error([](Message& m) { m.coefficients.clear(); }),
              HasSubstr("there are 0 rows of coefficients for 2 classes, expected 1"));
}

proto::KNearestNeighborsClassifier& neighbors(proto::Model& model, std::int64_t count,
                                              const std::vector<float>& samples) {
  auto& message = model.make_kNearestNeighborsClassifier();
  auto& index = message.nearestNeighborsIndex.make();
  index.numberOfDimensions = 1;
  for (const float sample : samples)
    index.floatSamples.emplace_back().vector.assign(std::vector<float>{sample});
  message.numberOfNeighbors.make().defaultValue = count;
  return message;
}

FeatureProvider classify(const proto::Model& model, std::vector<std::int64_t> labels, double x) {
  return run(model, classifier("kNearestNeighborsClassifier", {number("x")}, std::move(labels)),
             {{"x", x}});
}

TEST(NearestNeighbors, TheMajorityOfTheNearestWins) {
  proto::Model model;
  neighbors(model, 3, {0, 1, 2, 10});
  const auto out = classify(model, {7, 8, 8, 7}, 0.25);
  EXPECT_EQ(out.at("label").int64_value(), 8);
  EXPECT_THAT(
      out.at("p").int64_dictionary_value(),
      ElementsAre(Pair(7, DoubleNear(1.0 / 3, 1e-15)), Pair(8, DoubleNear(2.0 / 3, 1e-15))));
}

TEST(NearestNeighbors, WeightsByInverseDistance) {
  proto::Model model;
  neighbors(model, 3, {0, 2, 3}).make_inverseDistanceWeighting();
  // Squared distances of 1: 1, 1, 4 give the weights 1, 1, 1/4.
  EXPECT_THAT(
      classify(model, {7, 8, 7}, 1.0).at("p").int64_dictionary_value(),
      ElementsAre(Pair(7, DoubleNear(1.25 / 2.25, 1e-15)), Pair(8, DoubleNear(1 / 2.25, 1e-15))));
  EXPECT_EQ(classify(model, {7, 8, 7}, 2.0).at("p").int64_dictionary_value().at(8), 1.0);
}

TEST(NearestNeighbors, WithoutSamplesTheDefaultLabel) {
  proto::Model model;
  neighbors(model, 1, {}).set_defaultInt64Label(42);
  ModelDescription description =
      describe("kNearestNeighborsClassifier", {number("x")}, {integer("label")});
  EXPECT_EQ(run(model, description, {{"x", 0.0}}).at("label").int64_value(), 42);
}

TEST(NearestNeighbors, ContradictionsAreNamed) {
  proto::Model model;
  neighbors(model, 0, {0});
  EXPECT_THAT(error_of([&] { classify(model, {1}, 0); }),
              HasSubstr("the number of neighbours is 0"));
  proto::Model labels;
  neighbors(labels, 1, {0, 1});
  EXPECT_THAT(error_of([&] { classify(labels, {1}, 0); }),
              HasSubstr("there are 1 labels for 2 samples"));
}

TEST(BayesianProbit, SumsWeightsOfFeatureValues) {
  proto::Model model;
  auto& message = model.make_bayesianProbitRegressor();
  message.numberOfFeatures = 2;
  message.regressionInputFeatureName = "x";
  message.optimismInputFeatureName = "o";
  message.meanOutputFeatureName = "mean";
  message.varianceOutputFeatureName = "variance";
  message.pessimisticProbabilityOutputFeatureName = "low";
  message.bias.make().mean = 0.25;
  message.bias.make().precision = 4;
  auto& weights = message.features.emplace_back();
  weights.featureId = 1;
  auto& weight = weights.weights.emplace_back();
  weight.featureValue = 3;
  weight.featureWeight.make().mean = 0.25;
  weight.featureWeight.make().precision = 1.0 / 0.75;
  FeatureDescription optimism = number("o");
  optimism.is_optional = true;
  ModelDescription description =
      describe("bayesianProbitRegressor", {array("x"), optimism},
               {number("p"), number("mean"), number("variance"), number("low")});
  description.predicted_feature_name = "p";
  for (const MultiArray& x : {doubles({9, 3}), MultiArray::copy_of<double>({0, 9, 1, 3}, {2, 2})}) {
    const auto out = run(model, description, {{"x", x}, {"o", -0.5}});
    EXPECT_EQ(out.at("mean").double_value(), 0.5);
    EXPECT_EQ(out.at("variance").double_value(), 1.0);
    EXPECT_NEAR(out.at("p").double_value(), 0.6914624612740131, 1e-15);
    EXPECT_NEAR(out.at("low").double_value(), 0.5, 1e-15);
  }
  EXPECT_THAT(error_of([&] {
                run(model, description, {{"x", doubles({1.5, 3})}});
              }),
              HasSubstr("the value 1.5 of feature 0"));
}

TEST(Recommender, ScoresSimilarItems) {
  proto::Model model;
  auto& message = model.make_itemSimilarityRecommender();
  message.itemInputFeatureName = "items";
  message.numRecommendationsInputFeatureName = "k";
  message.recommendedItemListOutputFeatureName = "list";
  message.recommendedItemScoreOutputFeatureName = "scores";
  message.itemStringIds.make().vector = {"a", "b", "c"};
  const auto add = [&](std::uint64_t item, std::vector<std::pair<std::uint64_t, double>> others,
                       double adjustment) {
    auto& one = message.itemItemSimilarities.emplace_back();
    one.itemId = item;
    one.itemScoreAdjustment = adjustment;
    for (const auto& [other, score] : others) {
      one.similarItemList.emplace_back().itemId = other;
      one.similarItemList.back().similarityScore = score;
    }
  };
  add(0, {{1, 0.5}, {2, 0.75}}, 0);
  add(2, {}, 0.25);
  FeatureDescription k = integer("k");
  k.is_optional = true;
  const auto description =
      describe("itemSimilarityRecommender", {dictionary("items", FeatureType::string), k},
               {sequence("list", FeatureType::string), dictionary("scores", FeatureType::string)});
  const FeatureValue items = StringDictionary{{"a", 2.0}, {"unknown", 1.0}};
  // b: 0.5 * 2; c: 0.75 * (2 - 0.25)
  const auto all = run(model, description, {{"items", items}});
  EXPECT_THAT(all.at("list").string_sequence_value(), ElementsAre("c", "b"));
  EXPECT_THAT(all.at("scores").string_dictionary_value(),
              ElementsAre(Pair("b", 1.0), Pair("c", 1.3125)));
  EXPECT_THAT(
      run(model, description, {{"items", items}, {"k", 1}}).at("list").string_sequence_value(),
      ElementsAre("c"));
  add(9, {}, 0);
  EXPECT_THAT(error_of([&] { make(model, description); }),
              HasSubstr("there is an item 9 among 3 that have names"));
}

class Boxes : public ::testing::Test {
 protected:
  Boxes() {
    auto& message = model.make_nonMaximumSuppression();
    message.confidenceInputFeatureName = "c";
    message.coordinatesInputFeatureName = "b";
    message.confidenceOutputFeatureName = "co";
    message.coordinatesOutputFeatureName = "bo";
    message.iouThreshold = 0.3;
    message.confidenceThreshold = 0.2;
  }

  // Two boxes of 2 x 2 that share half (IoU 1/3), one elsewhere, one of too little confidence.
  FeatureProvider detect(FeatureDescription confidence_out) const {
    return run(model,
               describe("nonMaximumSuppression", {array("c"), array("b")},
                        {std::move(confidence_out), array("bo")}),
               {{"c", MultiArray::copy_of<double>({0.5, 0.1, 0.1, 0.75, 0.25, 0, 0.1, 0}, {4, 2})},
                {"b", MultiArray::copy_of<double>({1, 1, 2, 2, 2, 1, 2, 2, 9, 9, 1, 1, 5, 5, 1, 1},
                                                  {4, 4})}});
  }

  proto::Model model;
};

TEST_F(Boxes, OverlappingOnesAreSuppressed) {
  const auto out = detect(array("co"));
  EXPECT_THAT(values_of(out.at("co")), ElementsAre(0.1, 0.75, 0.25, 0));
  EXPECT_THAT(values_of(out.at("bo")), ElementsAre(2, 1, 2, 2, 9, 9, 1, 1));
}

TEST_F(Boxes, OfOneClassOnly) {
  model.make_nonMaximumSuppression().make_pickTop().perClass = true;
  EXPECT_THAT(values_of(detect(array("co")).at("co")), ElementsAre(0.1, 0.75, 0.5, 0.1, 0.25, 0));
}

TEST_F(Boxes, AFixedShapeIsFilledOrCut) {
  EXPECT_THAT(values_of(detect(array("co", {3, 2})).at("co")),
              ElementsAre(0.1, 0.75, 0.25, 0, 0, 0));
  EXPECT_THAT(values_of(detect(array("co", {1, 2})).at("co")), ElementsAre(0.1, 0.75));
  EXPECT_THAT(error_of([&] {
                detect(array("co", {std::int64_t{1} << 60, 2}));
              }),
              HasSubstr("the boxes that are kept"));
}

TEST_F(Boxes, ThresholdsMustMakeSense) {
  model.make_nonMaximumSuppression().iouThreshold = std::nan("");
  EXPECT_THAT(error_of([&] { detect(array("co")); }), HasSubstr("the threshold of overlap is nan"));
}

}  // namespace
}  // namespace pome::classical

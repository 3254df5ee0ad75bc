#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "support.h"

namespace pome::classical {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using Behavior = proto::TreeEnsembleParameters_TreeNode_TreeNodeBehavior;
using Transform = proto::TreeEnsemblePostEvaluationTransform;

proto::TreeEnsembleParameters_TreeNode branch(std::uint64_t tree, std::uint64_t id,
                                              Behavior behavior, double value,
                                              std::uint64_t if_true, std::uint64_t if_false) {
  proto::TreeEnsembleParameters_TreeNode out;
  out.treeId = tree;
  out.nodeId = id;
  out.nodeBehavior = behavior;
  out.branchFeatureValue = value;
  out.trueChildNodeId = if_true;
  out.falseChildNodeId = if_false;
  return out;
}

proto::TreeEnsembleParameters_TreeNode leaf(std::uint64_t tree, std::uint64_t id, double value,
                                            std::uint64_t dimension = 0) {
  proto::TreeEnsembleParameters_TreeNode out;
  out.treeId = tree;
  out.nodeId = id;
  out.nodeBehavior = Behavior::LeafNode;
  out.evaluationInfo.emplace_back();
  out.evaluationInfo.back().evaluationIndex = dimension;
  out.evaluationInfo.back().evaluationValue = value;
  return out;
}

// One branch: 1 where it is true, 2 where not.
void add_stump(proto::TreeEnsembleParameters& trees, Behavior behavior, double value) {
  trees.nodes.push_back(branch(0, 0, behavior, value, 1, 2));
  trees.nodes.push_back(leaf(0, 1, 1.0));
  trees.nodes.push_back(leaf(0, 2, 2.0));
}

proto::TreeEnsembleParameters& regressor(proto::Model& model, std::vector<double> base = {0.0}) {
  auto& trees = model.make_treeEnsembleRegressor().treeEnsemble.make();
  trees.numPredictionDimensions = base.size();
  trees.basePredictionValue.assign(base);
  return trees;
}

const ModelDescription one_number = describe("treeEnsembleRegressor", {number("x")}, {number("y")});

double result(const proto::Model& model, FeatureValue x) {
  return run(model, one_number, {{"x", std::move(x)}}).at("y").double_value();
}

struct Mode {
  Behavior behavior;
  bool less, equal, greater;  // true for 0, 1 and 2 compared with 1
};

class TreeModes : public ::testing::TestWithParam<Mode> {};

TEST_P(TreeModes, GoToTheTrueChild) {
  proto::Model model;
  add_stump(regressor(model), GetParam().behavior, 1.0);
  EXPECT_EQ(result(model, 0.0), GetParam().less ? 1 : 2);
  EXPECT_EQ(result(model, 1.0), GetParam().equal ? 1 : 2);
  EXPECT_EQ(result(model, 2.0), GetParam().greater ? 1 : 2);
}

INSTANTIATE_TEST_SUITE_P(
    All, TreeModes,
    ::testing::Values(Mode{Behavior::BranchOnValueLessThanEqual, true, true, false},
                      Mode{Behavior::BranchOnValueLessThan, true, false, false},
                      Mode{Behavior::BranchOnValueGreaterThanEqual, false, true, true},
                      Mode{Behavior::BranchOnValueGreaterThan, false, false, true},
                      Mode{Behavior::BranchOnValueEqual, false, true, false},
                      Mode{Behavior::BranchOnValueNotEqual, true, false, true}));

TEST(TreeEnsemble, MissingValuesFollowTheNode) {
  for (const bool tracks_true : {false, true}) {
    proto::Model model;
    add_stump(regressor(model), Behavior::BranchOnValueLessThan, 1.0);
    auto& trees = model.make_treeEnsembleRegressor().treeEnsemble.make();
    trees.nodes[0].missingValueTracksTrueChild = tracks_true;
    EXPECT_EQ(result(model, std::nan("")), tracks_true ? 1 : 2);
    EXPECT_EQ(result(model, FeatureValue::undefined(FeatureType::double_)), tracks_true ? 1 : 2);
  }
}

// 0.1f is above the double 0.1: as float32 the two are equal, as doubles they are not.
TEST(TreeEnsemble, ComputesInFloat32WhereAllNumbersAre) {
  proto::Model single;
  add_stump(regressor(single), Behavior::BranchOnValueLessThan, static_cast<double>(0.1F));
  EXPECT_EQ(result(single, 0.1), 2);
  proto::Model wide;
  add_stump(regressor(wide, {0.1}), Behavior::BranchOnValueLessThan, static_cast<double>(0.1F));
  EXPECT_EQ(result(wide, 0.1), 1.1);
}

TEST(TreeEnsemble, AddsTreesAndBaseInEveryDimension) {
  proto::Model model;
  auto& trees = regressor(model, {10.0, 20.0});
  trees.nodes.push_back(leaf(3, 0, 1.0, 0));
  trees.nodes.push_back(leaf(7, 5, 2.0, 1));
  trees.nodes.back().evaluationInfo.emplace_back();  // and 0.5 for dimension 0
  trees.nodes.back().evaluationInfo.back().evaluationValue = 0.5;
  const auto out =
      run(model, describe("treeEnsembleRegressor", {number("x")}, {array("y", {2})}), {{"x", 0.0}});
  EXPECT_THAT(values_of(out.at("y")), ElementsAre(11.5, 22.0));
}

FeatureProvider classify(Transform transform, std::vector<double> scores, std::size_t classes) {
  proto::Model model;
  auto& message = model.make_treeEnsembleClassifier();
  message.postEvaluationTransform = transform;
  auto& trees = message.treeEnsemble.make();
  trees.numPredictionDimensions = scores.size();
  trees.basePredictionValue.assign(scores);
  std::vector<std::int64_t> labels(classes);
  for (std::size_t i = 0; i < classes; ++i) labels[i] = static_cast<std::int64_t>(i);
  return run(model, classifier("treeEnsembleClassifier", {number("x")}, labels), {{"x", 0.0}});
}

TEST(TreeEnsembleClassifier, TransformsScores) {
  const auto dictionary = [](const FeatureProvider& out) {
    return out.at("p").int64_dictionary_value();
  };
  EXPECT_THAT(dictionary(classify(Transform::NoTransform, {0.25, 0.75}, 2)),
              ElementsAre(Pair(0, 0.25), Pair(1, 0.75)));
  EXPECT_THAT(dictionary(classify(Transform::NoTransform, {0.3}, 2)),
              ElementsAre(Pair(0, 0.7), Pair(1, 0.3)));
  const double logistic_of_1 = 1 / (1 + std::exp(-1.0));
  EXPECT_THAT(dictionary(classify(Transform::Regression_Logistic, {1.0}, 2)),
              ElementsAre(Pair(0, DoubleNear(1 - logistic_of_1, 1e-15)),
                          Pair(1, DoubleNear(logistic_of_1, 1e-15))));
  const double sum = 1 + std::exp(1.0) + std::exp(2.0);
  const auto of_three = ElementsAre(Pair(0, DoubleNear(1 / sum, 1e-15)),
                                    Pair(1, DoubleNear(std::exp(1.0) / sum, 1e-15)),
                                    Pair(2, DoubleNear(std::exp(2.0) / sum, 1e-15)));
  EXPECT_THAT(dictionary(classify(Transform::Classification_SoftMax, {0, 1, 2}, 3)), of_three);
  EXPECT_THAT(
      dictionary(classify(Transform::Classification_SoftMaxWithZeroClassReference, {1, 2}, 3)),
      of_three);
}

TEST(TreeEnsembleClassifier, SoftMaxOfLargeScoresDoesNotOverflow) {
  const auto out = classify(Transform::Classification_SoftMax, {-1e308, 1e308, 0}, 3);
  EXPECT_EQ(out.at("label").int64_value(), 1);
  EXPECT_EQ(out.at("p").int64_dictionary_value().at(1), 1.0);
}

TEST(TreeEnsembleClassifier, OfEqualScoresTheFirstWins) {
  EXPECT_EQ(classify(Transform::NoTransform, {0.5}, 2).at("label").int64_value(), 0);
}

struct Broken {
  const char* name;
  std::function<void(proto::TreeEnsembleParameters&)> change;
  const char* message;
};

class BrokenTrees : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenTrees, SayWhereAndWhat) {
  proto::Model model;
  auto& trees = regressor(model);
  add_stump(trees, Behavior::BranchOnValueLessThan, 1.0);
  GetParam().change(trees);
  EXPECT_THAT(error_of([&] { make(model, one_number); }), HasSubstr(GetParam().message));
}

using Trees = proto::TreeEnsembleParameters;
constexpr auto less = Behavior::BranchOnValueLessThan;

std::vector<Broken> broken_trees() {
  return {
      Broken{"twice", [](Trees& t) { t.nodes.push_back(leaf(0, 2, 1)); },
             "tree 0, node 2: it is there twice"},
      Broken{"child", [](Trees& t) { t.nodes[0].trueChildNodeId = 9; },
             "tree 0, node 0: its child 9 does not exist"},
      Broken{"self", [](Trees& t) { t.nodes[0].trueChildNodeId = 0; },
             "tree 0, node 0: it is its own child"},
      Broken{"shared", [](Trees& t) { t.nodes[0].trueChildNodeId = 2; },
             "its child 2 has another parent already"},
      Broken{"roots", [](Trees& t) { t.nodes.push_back(leaf(0, 3, 1)); },
             "tree 0, node 3: it has no parent, and neither has node 0"},
      Broken{"circle",
             [](Trees& t) {
               t.nodes.clear();
               t.nodes.push_back(branch(0, 0, less, 1, 1, 2));
               t.nodes.push_back(branch(0, 1, less, 1, 0, 3));
               t.nodes.push_back(leaf(0, 2, 1));
               t.nodes.push_back(leaf(0, 3, 1));
             },
             "tree 0 has no root: its nodes form a circle"},
      Broken{"apart",
             [](Trees& t) {
               t.nodes.push_back(branch(0, 3, less, 1, 4, 5));
               t.nodes.push_back(branch(0, 4, less, 1, 3, 6));
               t.nodes.push_back(leaf(0, 5, 1));
               t.nodes.push_back(leaf(0, 6, 1));
             },
             "tree 0 has 7 nodes, of which 3 are reached from its root, node 0"},
      Broken{"empty_leaf", [](Trees& t) { t.nodes[1].evaluationInfo.clear(); },
             "tree 0, node 1: it is a leaf without a value"},
      Broken{"dimension", [](Trees& t) { t.nodes[1].evaluationInfo[0].evaluationIndex = 1; },
             "its value is for dimension 1, and there are 1"},
      Broken{"two_values", [](Trees& t) { t.nodes[1].evaluationInfo.emplace_back(); },
             "it has two values for dimension 0"},
      Broken{"feature", [](Trees& t) { t.nodes[0].branchFeatureIndex = 1; },
             "a branch looks at feature 1, and the inputs hold 1 numbers"},
      Broken{"huge_feature", [](Trees& t) { t.nodes[0].branchFeatureIndex = ~std::uint64_t{0}; },
             "feature 18446744073709551615 does not exist"},
      Broken{"behavior", [](Trees& t) { t.nodes[0].nodeBehavior = static_cast<Behavior>(77); },
             "behavior 77 is not known"},
      Broken{"dimensions", [](Trees& t) { t.numPredictionDimensions = std::uint64_t{1} << 60; },
             "there are 1 base values for 1152921504606846976 prediction dimensions"},
      Broken{"none", [](Trees& t) { t.numPredictionDimensions = 0; },
             "the number of prediction dimensions is 0"}};
}

INSTANTIATE_TEST_SUITE_P(All, BrokenTrees, ::testing::ValuesIn(broken_trees()),
                         [](const auto& one) { return one.param.name; });

TEST(TreeEnsemble, ADeepTreeIsNoDanger) {
  proto::Model model;
  auto& trees = regressor(model);
  constexpr std::uint64_t depth = 200'000;
  for (std::uint64_t i = 0; i < depth; ++i) {
    trees.nodes.push_back(branch(0, 2 * i, less, 1.0, 2 * i + 2, 2 * i + 1));
    trees.nodes.push_back(leaf(0, 2 * i + 1, -1.0));
  }
  trees.nodes.push_back(leaf(0, 2 * depth, 5.0));
  EXPECT_EQ(result(model, 0.0), 5.0);
}

TEST(TreeEnsemble, RowsThatAreTooShortAreRefused) {
  proto::Model model;
  auto& trees = regressor(model);
  add_stump(trees, less, 1.0);
  trees.nodes[0].branchFeatureIndex = 3;
  const auto predictor =
      make(model, describe("treeEnsembleRegressor", {array("x")}, {number("y")}));
  EXPECT_THAT(error_of([&] {
                run(*predictor, {{"x", doubles({1, 2, 3})}});
              }),
              HasSubstr("the inputs hold 3 numbers, and a branch looks at feature 3"));
}

}  // namespace
}  // namespace pome::classical

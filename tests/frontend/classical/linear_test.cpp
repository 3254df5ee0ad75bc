#include <gmock/gmock.h>

#include <cmath>

#include "support.h"

namespace pome::classical {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

template <typename Message>
Message& fill(Message& message, const std::vector<std::vector<double>>& weights,
              std::vector<double> offsets) {
  for (const auto& row : weights) {
    message.weights.emplace_back();
    message.weights.back().value.assign(row);
  }
  message.offset.assign(offsets);
  return message;
}

const ModelDescription regression =
    describe("glmRegressor", {number("a"), integer("b")}, {number("y")});

TEST(GlmRegressor, AppliesTheLink) {
  using Transform = proto::GLMRegressor_PostEvaluationTransform;
  // 2 * 0.25 + (-1) * 1 + 1 = 0.5
  const FeatureProvider inputs{{"a", 0.25}, {"b", 1}};
  const auto result = [&](Transform transform) {
    proto::Model model;
    fill(model.make_glmRegressor(), {{2, -1}}, {1}).postEvaluationTransform = transform;
    return run(model, regression, inputs).at("y").double_value();
  };
  EXPECT_EQ(result(Transform::NoTransform), 0.5);
  EXPECT_NEAR(result(Transform::Logit), 0.6224593312018546, 1e-15);   // 1 / (1 + e^-0.5)
  EXPECT_NEAR(result(Transform::Probit), 0.6914624612740131, 1e-15);  // from tables of the normal
}

TEST(GlmRegressor, GivesAnArrayOfSeveralNumbers) {
  proto::Model model;
  fill(model.make_glmRegressor(), {{1, 0}, {0, 1}}, {10, 20});
  const auto out = run(model, describe("glmRegressor", {array("x", {2})}, {array("y", {2})}),
                       {{"x", doubles({1, 2})}});
  EXPECT_THAT(values_of(out.at("y")), ElementsAre(11, 22));
}

TEST(GlmRegressor, ContradictionsAreNamed) {
  const auto error = [](const std::vector<std::vector<double>>& weights,
                        std::vector<double> offsets) {
    proto::Model model;
    fill(model.make_glmRegressor(), weights, std::move(offsets));
    return error_of([&] { make(model, regression); });
  };
  EXPECT_EQ(error({}, {}), "glmRegressor: there are no weights");
  EXPECT_EQ(error({{1, 2}}, {1, 2}), "glmRegressor: there are 1 rows of weights and 2 offsets");
  EXPECT_EQ(error({{1, 2, 3}}, {1}),
            "glmRegressor: there are 3 weights, and the inputs hold 2 numbers");
  EXPECT_EQ(error({{1, 2}, {1}}, {1, 2}), "glmRegressor: row 1 has 1 weights, and row 0 has 2");
  EXPECT_THAT(error({{1, 2}, {1, 2}}, {1, 2}), HasSubstr("the model gives 2 numbers"));
}

using Encoding = proto::GLMClassifier_ClassEncoding;
using Link = proto::GLMClassifier_PostEvaluationTransform;

Int64Dictionary probabilities(const std::vector<double>& scores, Encoding encoding, Link link,
                              const std::vector<std::int64_t>& labels) {
  proto::Model model;
  std::vector<std::vector<double>> weights;
  for (const double score : scores) weights.push_back({score});
  auto& message =
      fill(model.make_glmClassifier(), weights, std::vector<double>(scores.size(), 0.0));
  message.classEncoding = encoding;
  message.postEvaluationTransform = link;
  const auto out = run(model, classifier("glmClassifier", {number("x")}, labels), {{"x", 1.0}});
  return out.at("p").int64_dictionary_value();
}

TEST(GlmClassifier, TwoClasses) {
  const double p = 0.6224593312018546;
  const auto expected =
      ElementsAre(Pair(3, DoubleNear(1 - p, 1e-15)), Pair(5, DoubleNear(p, 1e-15)));
  EXPECT_THAT(probabilities({0.5}, Encoding::ReferenceClass, Link::Logit, {3, 5}), expected);
  EXPECT_THAT(probabilities({0.5}, Encoding::OneVsRest, Link::Logit, {3, 5}), expected);
  EXPECT_NEAR(probabilities({0.5}, Encoding::OneVsRest, Link::Probit, {3, 5}).at(5),
              0.6914624612740131, 1e-15);
}

TEST(GlmClassifier, ReferenceClassIsASoftMaxWithAZero) {
  const double sum = 1 + std::exp(1.0) + std::exp(-2.0);
  EXPECT_THAT(probabilities({1, -2}, Encoding::ReferenceClass, Link::Logit, {0, 1, 2}),
              ElementsAre(Pair(0, DoubleNear(1 / sum, 1e-15)),
                          Pair(1, DoubleNear(std::exp(1.0) / sum, 1e-15)),
                          Pair(2, DoubleNear(std::exp(-2.0) / sum, 1e-15))));
}

TEST(GlmClassifier, OneVsRestIsNormalised) {
  // logistic(0) = 1/2 for each of three.
  EXPECT_THAT(probabilities({0, 0, 0}, Encoding::OneVsRest, Link::Logit, {0, 1, 2}),
              ElementsAre(Pair(0, DoubleNear(1.0 / 3, 1e-15)), Pair(1, DoubleNear(1.0 / 3, 1e-15)),
                          Pair(2, DoubleNear(1.0 / 3, 1e-15))));
}

TEST(GlmClassifier, ContradictionsAreNamed) {
  EXPECT_THAT(error_of([] {
                probabilities({1, 2}, Encoding::OneVsRest, Link::Logit, {0, 1});
              }),
              HasSubstr("there are 2 rows of weights for 2 classes encoded as OneVsRest"));
  EXPECT_THAT(error_of([] {
                probabilities({1, 2}, Encoding::ReferenceClass, Link::Probit, {0, 1, 2});
              }),
              HasSubstr("probit is for two classes, and there are 3"));
  EXPECT_THAT(error_of([] { probabilities({1}, Encoding::OneVsRest, Link::Logit, {}); }),
              HasSubstr("there are no class labels"));
  EXPECT_THAT(error_of([] {
                probabilities({1}, static_cast<Encoding>(9), Link::Logit, {0, 1});
              }),
              HasSubstr("class encoding 9 is not known"));
}

}  // namespace
}  // namespace pome::classical

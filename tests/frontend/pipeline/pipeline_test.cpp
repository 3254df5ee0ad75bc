#include "frontend/pipeline/pipeline.h"

#include <gmock/gmock.h>

#include "frontend/classical/support.h"

namespace pome::pipeline {
namespace {

using namespace pome::classical;  // NOLINT(google-build-using-namespace): the helpers of support.h
using ::testing::HasSubstr;

// y = scale * x, for features of any name.
Stage scaler(FeatureDescription input, FeatureDescription output, double scale) {
  proto::Model model;
  model.make_scaler().scaleValue.assign(std::vector<double>{scale});
  Stage out;
  out.name = "model 'scale'";
  out.description = describe("scaler", {std::move(input)}, {std::move(output)});
  out.predictor = make(model, out.description);
  return out;
}

template <typename... Stages>
std::vector<Stage> stages(Stages... each) {
  std::vector<Stage> out;
  (out.push_back(std::move(each)), ...);
  return out;
}

TEST(Pipeline, RoutesFeaturesByName) {
  const auto pipeline = make_pipeline(
      describe("pipeline", {number("x")}, {number("z"), number("x")}),
      stages(scaler(number("x"), number("y"), 2), scaler(number("y"), number("z"), 3)));
  const auto out = run(*pipeline, {{"x", 1.5}});
  EXPECT_EQ(out.at("z").double_value(), 9);
  EXPECT_EQ(out.at("x").double_value(), 1.5);
}

TEST(Pipeline, ALaterOutputTakesTheNameOver) {
  const auto pipeline = make_pipeline(
      describe("pipeline", {number("x")}, {number("x")}),
      stages(scaler(number("x"), number("x"), 2), scaler(number("x"), number("x"), 3)));
  EXPECT_EQ(run(*pipeline, {{"x", 1.0}}).at("x").double_value(), 6);
}

TEST(Pipeline, ConvertsNumbersBetweenModels) {
  const auto pipeline = make_pipeline(
      describe("pipeline", {integer("x")}, {number("z")}),
      stages(scaler(number("x"), number("y"), 0.5), scaler(number("y"), number("z"), 1)));
  EXPECT_EQ(run(*pipeline, {{"x", 3}}).at("z").double_value(), 1.5);
}

TEST(Pipeline, IsAStageItself) {
  Stage inner;
  inner.name = "model 'inner'";
  inner.description = describe("pipeline", {number("x")}, {number("y")});
  inner.predictor = make_pipeline(inner.description, stages(scaler(number("x"), number("y"), 2)));
  const auto outer =
      make_pipeline(describe("pipeline", {number("x")}, {number("y")}), stages(std::move(inner)));
  EXPECT_EQ(run(*outer, {{"x", 4.0}}).at("y").double_value(), 8);
}

TEST(Pipeline, FeaturesMustComeFromSomewhere) {
  EXPECT_THAT(error_of([] {
                make_pipeline(describe("pipeline", {number("x")}, {number("y")}),
                              stages(scaler(number("q"), number("y"), 2)));
              }),
              HasSubstr("model 'scale': its input 'q' is neither an input of the pipeline"));
  EXPECT_THAT(error_of([] {
                make_pipeline(describe("pipeline", {number("x")}, {number("q")}),
                              stages(scaler(number("x"), number("y"), 2)));
              }),
              HasSubstr("output 'q' comes from none of its models"));
  EXPECT_THAT(error_of([] { make_pipeline(describe("pipeline", {number("x")}, {}), {}); }),
              HasSubstr("the pipeline has no models"));
}

TEST(Pipeline, ValuesOfAnotherTypeNameTheModel) {
  const auto pipeline = make_pipeline(describe("pipeline", {text("x")}, {number("y")}),
                                      stages(scaler(number("x"), number("y"), 2)));
  EXPECT_THAT(error_of([&] {
                run(*pipeline, {{"x", "a"}});
              }),
              HasSubstr("model 'scale': feature 'x': a string was given, expected Double"));
}

TEST(Pipeline, StopsBetweenModels) {
  const auto pipeline = make_pipeline(describe("pipeline", {number("x")}, {number("y")}),
                                      stages(scaler(number("x"), number("y"), 2)));
  std::stop_source source;
  source.request_stop();
  base::Budget budget;
  EXPECT_THROW(pipeline->predict({{"x", 1.0}}, {source.get_token(), budget}), Error);
}

}  // namespace
}  // namespace pome::pipeline

// Feature engineering: each expected value is computed by hand from the definition.
#include <gmock/gmock.h>

#include <cmath>

#include "support.h"

namespace pome::classical {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(Scaler, ShiftsThenScales) {
  proto::Model model;
  auto& message = model.make_scaler();
  message.shiftValue.assign(std::vector<double>{-1, -2});
  message.scaleValue.assign(std::vector<double>{10});
  const auto out = run(model, describe("scaler", {array("x", {2})}, {array("y", {2})}),
                       {{"x", doubles({3, 4})}});
  EXPECT_THAT(values_of(out.at("y")), ElementsAre(20, 20));
}

TEST(Scaler, KeepsAnInt64) {
  proto::Model model;
  model.make_scaler().scaleValue.assign(std::vector<double>{2.5});
  const auto out = run(model, describe("scaler", {integer("x")}, {integer("y")}), {{"x", 4}});
  EXPECT_EQ(out.at("y").int64_value(), 10);
}

TEST(Scaler, LengthsMustAgree) {
  proto::Model model;
  model.make_scaler().scaleValue.assign(std::vector<double>{1, 2, 3});
  EXPECT_THAT(
      error_of([&] { make(model, describe("scaler", {array("x", {2})}, {array("y", {2})})); }),
      HasSubstr("there are 3 scales for an input of 2 numbers"));
  const auto flexible = make(model, describe("scaler", {array("x")}, {array("y")}));
  EXPECT_THAT(error_of([&] {
                run(*flexible, {{"x", doubles({1, 2})}});
              }),
              HasSubstr("feature 'x' has 2 elements, and the scaler is made for 3"));
}

TEST(Normalizer, DividesByTheNorm) {
  using Norm = proto::Normalizer_NormType;
  const auto result = [](Norm norm, std::vector<double> values) {
    proto::Model model;
    model.make_normalizer().normType = norm;
    return values_of(run(model, describe("normalizer", {array("x")}, {array("y")}),
                         {{"x", doubles(std::move(values))}})
                         .at("y"));
  };
  EXPECT_THAT(result(Norm::L2, {3, -4}), ElementsAre(0.6, -0.8));
  EXPECT_THAT(result(Norm::L1, {1, -3}), ElementsAre(0.25, -0.75));
  EXPECT_THAT(result(Norm::LMax, {1, -3, 2}), ElementsAre(0.5, -1.5, 1));
  EXPECT_THAT(result(Norm::L2, {0, 0}), ElementsAre(0, 0));
  EXPECT_THAT(error_of([&] { result(static_cast<Norm>(4), {1}); }),
              HasSubstr("norm 4 is not known"));
}

TEST(OneHotEncoder, MarksTheCategory) {
  proto::Model model;
  model.make_oneHotEncoder().make_stringCategories().vector = {"a", "b", "c"};
  const auto description = describe("oneHotEncoder", {text("x")}, {array("y", {3})});
  EXPECT_THAT(values_of(run(model, description, {{"x", "b"}}).at("y")), ElementsAre(0, 1, 0));
  EXPECT_THAT(error_of([&] {
                run(model, description, {{"x", "z"}});
              }),
              HasSubstr("'z' is none of the 3 categories of the one-hot encoder"));
}

TEST(OneHotEncoder, SparseAndForgiving) {
  proto::Model model;
  auto& message = model.make_oneHotEncoder();
  message.make_int64Categories().vector = {7, 9};
  message.outputSparse = true;
  message.handleUnknown = proto::OneHotEncoder_HandleUnknown::IgnoreUnknown;
  const auto description =
      describe("oneHotEncoder", {integer("x")}, {dictionary("y", FeatureType::int64)});
  EXPECT_THAT(run(model, description, {{"x", 9}}).at("y").int64_dictionary_value(),
              ElementsAre(Pair(1, 1.0)));
  EXPECT_THAT(run(model, description, {{"x", 1}}).at("y").int64_dictionary_value(), IsEmpty());
}

TEST(CategoricalMapping, BothWaysAndSequences) {
  proto::Model forth;
  auto& message = forth.make_categoricalMapping();
  message.make_stringToInt64Map().map.emplace_back("a", 4);
  const auto one = describe("categoricalMapping", {text("x")}, {integer("y")});
  EXPECT_EQ(run(forth, one, {{"x", "a"}}).at("y").int64_value(), 4);
  EXPECT_THAT(error_of([&] {
                run(forth, one, {{"x", "b"}});
              }),
              HasSubstr("'b' is not in the mapping"));
  message.set_int64Value(-1);
  const auto many = describe("categoricalMapping", {sequence("x", FeatureType::string)},
                             {sequence("y", FeatureType::int64)});
  EXPECT_THAT(run(forth, many, {{"x", StringSequence{"b", "a"}}}).at("y").int64_sequence_value(),
              ElementsAre(-1, 4));
  proto::Model back;
  back.make_categoricalMapping().make_int64ToStringMap().map.emplace_back(4, "a");
  EXPECT_EQ(run(back, describe("categoricalMapping", {integer("x")}, {text("y")}), {{"x", 4}})
                .at("y")
                .string_value(),
            "a");
}

TEST(DictVectorizer, RenumbersAndDropsUnknownKeys) {
  proto::Model model;
  model.make_dictVectorizer().make_stringToIndex().vector = {"a", "b"};
  const auto out = run(model,
                       describe("dictVectorizer", {dictionary("x", FeatureType::string)},
                                {dictionary("y", FeatureType::int64)}),
                       {{"x", StringDictionary{{"b", 2.0}, {"z", 5.0}}}});
  EXPECT_THAT(out.at("y").int64_dictionary_value(), ElementsAre(Pair(1, 2.0)));
}

// As coremltools describes a vectorizer with integer keys.
TEST(DictVectorizer, ReadsIntegersWrittenAsStrings) {
  proto::Model model;
  model.make_dictVectorizer().make_int64ToIndex().vector = {10, 20};
  const auto description = describe("dictVectorizer", {dictionary("x", FeatureType::string)},
                                    {dictionary("y", FeatureType::int64)});
  EXPECT_THAT(run(model, description, {{"x", StringDictionary{{"20", 2.0}, {"20x", 5.0}}}})
                  .at("y")
                  .int64_dictionary_value(),
              ElementsAre(Pair(1, 2.0)));
}

TEST(ArrayFeatureExtractor, PicksElements) {
  proto::Model model;
  model.make_arrayFeatureExtractor().extractIndex = {2, 0};
  EXPECT_THAT(values_of(run(model, describe("arrayFeatureExtractor", {array("x")}, {array("y")}),
                            {{"x", doubles({5, 6, 7})}})
                            .at("y")),
              ElementsAre(7, 5));
  EXPECT_THAT(error_of([&] {
                make(model, describe("arrayFeatureExtractor", {array("x", {2})}, {array("y")}));
              }),
              HasSubstr("index 2 is outside of input 'x'"));
  EXPECT_THAT(error_of([&] {
                make(model, describe("arrayFeatureExtractor", {array("x")}, {number("y")}));
              }),
              HasSubstr("there are 2 indices"));
}

TEST(FeatureVectorizer, PutsColumnsSideBySide) {
  proto::Model model;
  auto& message = model.make_featureVectorizer();
  const auto add = [&](std::string_view name, std::uint64_t size) {
    message.inputList.emplace_back();
    message.inputList.back().inputColumn = name;
    message.inputList.back().inputDimensions = size;
  };
  add("sparse", 3);
  add("n", 1);
  add("a", 2);
  const std::vector<FeatureDescription> inputs{array("a", {2}), integer("n"),
                                               dictionary("sparse", FeatureType::int64)};
  const auto description = describe("featureVectorizer", inputs, {array("y", {6})});
  const auto row = [&](Int64Dictionary sparse) {
    return FeatureProvider{{"sparse", std::move(sparse)}, {"n", 4}, {"a", doubles({5, 6})}};
  };
  EXPECT_THAT(values_of(run(model, description, row({{1, 9.0}})).at("y")),
              ElementsAre(0, 9, 0, 4, 5, 6));
  EXPECT_THAT(error_of([&] {
                run(model, description, row({{3, 9.0}}));
              }),
              HasSubstr("the key 3 is outside of its 3 dimensions"));
  add("n", std::uint64_t{1} << 62);
  EXPECT_THAT(error_of([&] { make(model, description); }), HasSubstr("is one number"));
}

// A sparse column of any declared length is refused before memory is taken for it.
TEST(FeatureVectorizer, HugeColumnsAskTheBudget) {
  proto::Model model;
  auto& column = model.make_featureVectorizer().inputList.emplace_back();
  column.inputColumn = "x";
  column.inputDimensions = std::uint64_t{1} << 50;
  const auto predictor = make(
      model, describe("featureVectorizer", {dictionary("x", FeatureType::int64)}, {array("y")}));
  EXPECT_THAT(error_of([&] {
                run(*predictor, {{"x", Int64Dictionary{}}});
              }),
              HasSubstr("the array of all columns"));
}

TEST(Identity, ByNameOrPlace) {
  proto::Model model;
  model.make_identity();
  EXPECT_EQ(run(model, describe("identity", {number("x")}, {number("y")}), {{"x", 2.5}})
                .at("y")
                .double_value(),
            2.5);
  EXPECT_THAT(error_of([&] { make(model, describe("identity", {number("x")}, {text("y")})); }),
              HasSubstr("output 'y' is described as String"));
}

TEST(Imputer, Numbers) {
  proto::Model model;
  model.make_imputer().set_imputedDoubleValue(7);
  const auto description = describe("imputer", {number("x")}, {number("y")});
  EXPECT_EQ(run(model, description, {{"x", std::nan("")}}).at("y").double_value(), 7);
  EXPECT_EQ(run(model, description, {}).at("y").double_value(), 7);
  EXPECT_EQ(run(model, description, {{"x", 1.5}}).at("y").double_value(), 1.5);
  model.make_imputer().set_replaceDoubleValue(-1);
  EXPECT_EQ(run(model, description, {{"x", -1.0}}).at("y").double_value(), 7);
  EXPECT_TRUE(std::isnan(run(model, description, {{"x", std::nan("")}}).at("y").double_value()));
}

TEST(Imputer, Arrays) {
  proto::Model model;
  model.make_imputer().make_imputedDoubleArray().vector.assign(std::vector<double>{10, 20});
  const auto description = describe("imputer", {array("x", {2})}, {array("y", {2})});
  EXPECT_THAT(values_of(run(model, description, {{"x", doubles({1, std::nan("")})}}).at("y")),
              ElementsAre(1, 20));
  proto::Model integers;
  integers.make_imputer().make_imputedInt64Array().vector = {10, 20};
  integers.make_imputer().set_replaceInt64Value(0);
  EXPECT_THAT(values_of(run(integers, description, {{"x", doubles({0, 3})}}).at("y")),
              ElementsAre(10, 3));
}

TEST(Imputer, TextAndIntegersAndDictionaries) {
  proto::Model words;
  words.make_imputer().set_imputedStringValue("unknown");
  words.make_imputer().set_replaceStringValue("");
  const auto of_text = describe("imputer", {text("x")}, {text("y")});
  EXPECT_EQ(run(words, of_text, {{"x", ""}}).at("y").string_value(), "unknown");
  EXPECT_EQ(run(words, of_text, {{"x", "a"}}).at("y").string_value(), "a");
  proto::Model integers;
  integers.make_imputer().set_imputedInt64Value(3);
  integers.make_imputer().set_replaceInt64Value(-1);
  EXPECT_EQ(run(integers, describe("imputer", {integer("x")}, {integer("y")}), {{"x", -1}})
                .at("y")
                .int64_value(),
            3);
  proto::Model entries;
  entries.make_imputer().make_imputedStringDictionary().map.emplace_back("a", 5.0);
  const auto of_entries = describe("imputer", {dictionary("x", FeatureType::string)},
                                   {dictionary("y", FeatureType::string)});
  EXPECT_THAT(run(entries, of_entries, {{"x", StringDictionary{{"a", std::nan("")}, {"b", 1.0}}}})
                  .at("y")
                  .string_dictionary_value(),
              ElementsAre(Pair("a", 5.0), Pair("b", 1.0)));
}

TEST(Imputer, TypesMustAgree) {
  proto::Model model;
  model.make_imputer().set_imputedStringValue("a");
  EXPECT_THAT(error_of([&] { make(model, describe("imputer", {number("x")}, {number("y")})); }),
              HasSubstr("feature 'x' is described as Double, and the imputed value is a string"));
  proto::Model empty;
  empty.make_imputer();
  EXPECT_THAT(error_of([&] { make(empty, describe("imputer", {number("x")}, {number("y")})); }),
              HasSubstr("there is no imputed value"));
}

}  // namespace
}  // namespace pome::classical

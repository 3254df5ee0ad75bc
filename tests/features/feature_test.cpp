#include "pome/feature.h"

#include <gmock/gmock.h>

#include "pome/error.h"

namespace pome {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(FeatureValue, TellsIntegersFromFloatsAndText) {
  EXPECT_EQ(FeatureValue(3).int64_value(), 3);
  EXPECT_EQ(FeatureValue(true).int64_value(), 1);
  EXPECT_EQ(FeatureValue(0.5F).double_value(), 0.5);
  EXPECT_EQ(FeatureValue("a word").string_value(), "a word");
}

TEST(FeatureValue, NamesBothTypesInAWrongAccess) {
  const FeatureValue value("text");
  EXPECT_EQ(error_of([&] { (void)value.int64_value(); }),
            "the feature value is a string, not an int64");
  const FeatureValue missing = FeatureValue::undefined(FeatureType::double_);
  EXPECT_EQ(error_of([&] { (void)missing.double_value(); }),
            "the feature value is an undefined double, not a double");
}

TEST(FeatureValue, HoldsDictionariesAndSequencesOfBothKinds) {
  const FeatureValue words(StringDictionary{{"cat", 0.75}, {"dog", 0.25}});
  EXPECT_EQ(words.key_type(), FeatureType::string);
  EXPECT_EQ(words.string_dictionary_value().at("cat"), 0.75);
  EXPECT_THROW((void)words.int64_dictionary_value(), Error);
  const FeatureValue numbers(Int64Sequence{4, 5});
  EXPECT_EQ(numbers.type(), FeatureType::sequence);
  EXPECT_THAT(numbers.int64_sequence_value(), ElementsAre(4, 5));
}

TEST(FeatureValue, OfAnEmptyArrayIsUndefined) {
  EXPECT_TRUE(FeatureValue(MultiArray()).is_undefined());
  EXPECT_EQ(FeatureValue(PixelBuffer()).type(), FeatureType::image);
}

TEST(FeatureProvider, KeepsOrderAndReplacesInPlace) {
  FeatureProvider provider{{"b", 1}, {"a", 2}};
  provider.set("b", 3);
  EXPECT_THAT(provider.feature_names(), ElementsAre("b", "a"));
  EXPECT_EQ(provider["b"].int64_value(), 3);
  EXPECT_EQ(provider.find("c"), nullptr);
}

TEST(FeatureProvider, CopiesAreIndependent) {
  FeatureProvider one{{"x", 1}};
  FeatureProvider two = one;
  two.set("x", 2);
  EXPECT_EQ(one["x"].int64_value(), 1);
  const FeatureProvider three = std::move(two);
  EXPECT_EQ(three["x"].int64_value(), 2);
  EXPECT_TRUE(FeatureProvider().empty());
}

TEST(FeatureProvider, NamesWhatThereIsWhenAFeatureIsNot) {
  const FeatureProvider provider{{"logits", 1}};
  EXPECT_THAT(error_of([&] { (void)provider["probabilities"]; }),
              HasSubstr("there is no feature 'probabilities', expected 'logits'"));
}

}  // namespace
}  // namespace pome

// Which values a description allows, and what is said of those it does not.
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "pome/description.h"
#include "pome/error.h"

namespace pome {
namespace {

using ::testing::HasSubstr;

std::string complaint(const FeatureDescription& feature, const FeatureValue& value) {
  try {
    feature.check_value(value);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::feature_type);
    return error.what();
  }
  return "allowed";
}

FeatureDescription array(DataType type, std::vector<std::int64_t> shape) {
  FeatureDescription out;
  out.name = "x";
  out.type = FeatureType::multi_array;
  out.multi_array_constraint = MultiArrayConstraint{};
  out.multi_array_constraint->data_type = type;
  out.multi_array_constraint->shape = std::move(shape);
  out.multi_array_constraint->shape_constraint.type = ShapeConstraintType::fixed;
  return out;
}

FeatureDescription picture(std::int64_t width, std::int64_t height) {
  FeatureDescription out;
  out.name = "photo";
  out.type = FeatureType::image;
  out.image_constraint = ImageConstraint{};
  out.image_constraint->pixels_wide = width;
  out.image_constraint->pixels_high = height;
  out.image_constraint->color_space = ColorSpace::rgb;
  out.image_constraint->size_constraint.type = ShapeConstraintType::fixed;
  return out;
}

TEST(CheckArray, TakesTheFixedShapeInEveryNumberType) {
  const FeatureDescription feature = array(DataType::fp32, {1, 3});
  for (const DataType type : {DataType::fp16, DataType::fp32, DataType::fp64, DataType::int32,
                              DataType::int64, DataType::uint8})
    EXPECT_EQ(complaint(feature, MultiArray(type, {1, 3})), "allowed");
}

TEST(CheckArray, NamesTheFixedShape) {
  EXPECT_EQ(complaint(array(DataType::fp32, {1, 3, 224, 224}), MultiArray(DataType::fp32, {1, 3})),
            "feature 'x': MultiArray Shape (1 x 3) does not match the shape (1 x 3 x 224 x 224) of "
            "the model description");
}

TEST(CheckArray, SpeaksOfEnumeratedShapesInCoreMLsWords) {
  FeatureDescription feature = array(DataType::fp32, {1, 3, 28, 28});
  feature.multi_array_constraint->shape_constraint = {
      ShapeConstraintType::enumerated, {{1, 3, 28, 28}, {1, 3, 56, 56}}, {}};
  EXPECT_EQ(complaint(feature, MultiArray(DataType::fp32, {1, 3, 56, 56})), "allowed");
  EXPECT_EQ(complaint(feature, MultiArray(DataType::fp32, {1, 3, 29, 29})),
            "feature 'x': MultiArray Shape (1 x 3 x 29 x 29) was not in enumerated set of allowed "
            "shapes; expected MultiArray (fp32, 1 x 3 x 28 x 28 or 1 x 3 x 56 x 56)");
}

TEST(CheckArray, SpeaksOfRangesInCoreMLsWords) {
  FeatureDescription feature = array(DataType::int32, {3, 2});
  feature.multi_array_constraint->shape_constraint = {
      ShapeConstraintType::range, {}, {{3, 5}, {1, -1}}};
  EXPECT_EQ(complaint(feature, MultiArray(DataType::int32, {5, 1000})), "allowed");
  EXPECT_EQ(complaint(feature, MultiArray(DataType::int32, {99, 2})),
            "feature 'x': Size (99) of dimension (0) is not in allowed range (3..5)");
  EXPECT_EQ(complaint(feature, MultiArray(DataType::int32, {3, 0})),
            "feature 'x': Size (0) of dimension (1) is not in allowed range (1..<unbounded>)");
  EXPECT_THAT(complaint(feature, MultiArray(DataType::int32, {3})),
              HasSubstr("has 1 dimensions; expected 2: MultiArray (int32, 3..5 x 1..<unbounded>)"));
}

TEST(CheckArray, TakesANumberForOneElement) {
  EXPECT_EQ(complaint(array(DataType::fp32, {1}), 0.5), "allowed");
  EXPECT_EQ(complaint(array(DataType::int32, {1}), 3), "allowed");
  EXPECT_EQ(complaint(array(DataType::fp32, {1}),
                      MultiArray(DataType::fp32, std::span<const std::int64_t>())),
            "allowed");
  EXPECT_THAT(complaint(array(DataType::fp32, {2}), 0.5), HasSubstr("Shape (1) does not match"));
}

TEST(CheckArray, RefusesIntegersThatTheDeclaredTypeCannotHold) {
  const auto tokens = MultiArray::copy_of<std::int64_t>({1, 3000000000}, {2});
  EXPECT_EQ(complaint(array(DataType::int32, {2}), tokens),
            "feature 'x': element 1 of the int64 array is 3000000000, which int32 cannot hold");
  EXPECT_EQ(complaint(array(DataType::fp32, {2}), tokens), "allowed");
  EXPECT_THAT(complaint(array(DataType::int32, {1}), 3000000000), HasSubstr("cannot hold"));
}

TEST(CheckArray, NamesWhatCameInItsPlace) {
  EXPECT_EQ(complaint(array(DataType::fp32, {2}), "text"),
            "feature 'x': a string was given, expected MultiArray (fp32, 2)");
  EXPECT_EQ(complaint(array(DataType::fp32, {2}), PixelBuffer(PixelFormat::rgb8, 4, 2)),
            "feature 'x': image (rgb8, 4 x 2) was given, expected MultiArray (fp32, 2)");
}

TEST(CheckImage, TakesEveryPixelFormatOfTheSize) {
  for (const PixelFormat format :
       {PixelFormat::gray8, PixelFormat::gray16f, PixelFormat::bgra8, PixelFormat::rgb8})
    EXPECT_EQ(complaint(picture(8, 4), PixelBuffer(format, 8, 4)), "allowed");
}

TEST(CheckImage, DoesNotResizeSilently) {
  EXPECT_EQ(complaint(picture(8, 4), PixelBuffer(PixelFormat::rgb8, 4, 8)),
            "feature 'photo': Image size (4 x 8) is not 8 x 4 (width x height); pictures are not "
            "resized unasked");
}

TEST(CheckImage, KeepsToListsAndRanges) {
  FeatureDescription feature = picture(8, 4);
  feature.image_constraint->size_constraint.type = ShapeConstraintType::enumerated;
  feature.image_constraint->size_constraint.enumerated_image_sizes = {{8, 4}, {16, 8}};
  EXPECT_EQ(complaint(feature, PixelBuffer(PixelFormat::rgb8, 16, 8)), "allowed");
  EXPECT_THAT(complaint(feature, PixelBuffer(PixelFormat::rgb8, 9, 4)),
              HasSubstr("Image size (9 x 4) was not in enumerated set of allowed image sizes"));
  feature.image_constraint->size_constraint.type = ShapeConstraintType::range;
  feature.image_constraint->size_constraint.pixels_wide_range = {4, 8};
  feature.image_constraint->size_constraint.pixels_high_range = {2, -1};
  EXPECT_EQ(complaint(feature, PixelBuffer(PixelFormat::rgb8, 4, 900)), "allowed");
  EXPECT_THAT(complaint(feature, PixelBuffer(PixelFormat::rgb8, 9, 4)),
              HasSubstr("Image width (9) is not in allowed range (4..8)"));
  EXPECT_THAT(complaint(feature, PixelBuffer(PixelFormat::rgb8, 8, 1)),
              HasSubstr("Image height (1) is not in allowed range (2..<unbounded>)"));
}

TEST(CheckNumber, ConvertsWhatIsWhole) {
  FeatureDescription feature;
  feature.name = "age";
  feature.type = FeatureType::int64;
  EXPECT_EQ(complaint(feature, 3.0), "allowed");
  EXPECT_EQ(complaint(feature, 3.5), "feature 'age': the number 3.5 was given, expected an Int64");
  EXPECT_EQ(complaint(feature, std::numeric_limits<double>::quiet_NaN()),
            "feature 'age': the number nan was given, expected an Int64");
  feature.type = FeatureType::double_;
  EXPECT_EQ(complaint(feature, 3), "allowed");
  EXPECT_EQ(complaint(feature, "3"), "feature 'age': a string was given, expected Double");
}

TEST(CheckDictionary, WantsTheDeclaredKeys) {
  FeatureDescription feature;
  feature.name = "words";
  feature.type = FeatureType::dictionary;
  feature.dictionary_constraint = DictionaryConstraint{FeatureType::string};
  EXPECT_EQ(complaint(feature, StringDictionary{{"a", 1}}), "allowed");
  EXPECT_EQ(complaint(feature, Int64Dictionary{{1, 1}}),
            "feature 'words': a dictionary with int64 keys was given, expected Dictionary (string "
            "to double)");
  EXPECT_EQ(complaint(feature, Int64Dictionary{}), "allowed");
}

TEST(CheckSequence, CountsItsElements) {
  FeatureDescription feature;
  feature.name = "tokens";
  feature.type = FeatureType::sequence;
  feature.sequence_constraint = SequenceConstraint{FeatureType::int64, {1, 2}};
  EXPECT_EQ(complaint(feature, Int64Sequence{4, 5}), "allowed");
  EXPECT_EQ(complaint(feature, Int64Sequence{1, 2, 3}),
            "feature 'tokens': Size (3) of the sequence is not in allowed range (1..2)");
  EXPECT_THAT(complaint(feature, StringSequence{"a"}),
              HasSubstr("a sequence of strings was given"));
}

FeatureDescription plain(FeatureType type) {
  FeatureDescription out;
  out.name = std::string(name(type));
  out.type = type;
  return out;
}

FeatureDescription dictionary(FeatureType keys) {
  FeatureDescription out = plain(FeatureType::dictionary);
  out.dictionary_constraint = DictionaryConstraint{keys};
  return out;
}

FeatureDescription sequence(FeatureType elements) {
  FeatureDescription out = plain(FeatureType::sequence);
  out.sequence_constraint = SequenceConstraint{elements, {1, 4}};
  return out;
}

// Every kind of feature with every kind of value that it does not take.
TEST(CheckEveryKind, NamesFeatureWhatCameAndWhatIsAllowed) {
  const std::vector<FeatureDescription> features{
      plain(FeatureType::int64),
      plain(FeatureType::double_),
      plain(FeatureType::string),
      array(DataType::fp32, {2}),
      picture(8, 4),
      dictionary(FeatureType::string),
      dictionary(FeatureType::int64),
      sequence(FeatureType::string),
      sequence(FeatureType::int64),
  };
  struct Given {
    FeatureValue value;
    std::vector<std::size_t> taken_by;  // positions in `features`
    std::string text;
  };
  const std::vector<Given> values{
      {3, {0, 1}, "an int64"},
      {0.5, {1}, "a double"},
      {"text", {2}, "a string"},
      {MultiArray(DataType::fp16, {2}), {3}, "MultiArray (fp16, 2)"},
      {PixelBuffer(PixelFormat::bgra8, 8, 4), {4}, "image (bgra8, 8 x 4)"},
      {StringDictionary{{"a", 1}}, {5}, "a dictionary with string keys"},
      {Int64Dictionary{{1, 1}}, {6}, "a dictionary with int64 keys"},
      {StringSequence{"a"}, {7}, "a sequence of strings"},
      {Int64Sequence{1}, {8}, "a sequence of int64s"},
  };
  for (const Given& given : values) {
    for (std::size_t i = 0; i < features.size(); ++i) {
      const FeatureDescription& feature = features[i];
      SCOPED_TRACE(given.text + " for " + feature.type_text());
      const std::string found = complaint(feature, given.value);
      const bool is_taken = std::ranges::find(given.taken_by, i) != given.taken_by.end();
      EXPECT_EQ(found == "allowed", is_taken) << found;
      EXPECT_EQ(feature.is_allowed_value(given.value), is_taken);
      // A number for an array of two is an array of one, whose shape is wrong; 0.5 for an int64 is
      // a number that is not whole. Both have tests of their own.
      if (is_taken || (given.value.type() <= FeatureType::double_ && (i == 0 || i == 3))) continue;
      EXPECT_THAT(found, HasSubstr("feature '" + feature.name + "': "));
      EXPECT_THAT(found, HasSubstr(given.text));
      EXPECT_THAT(found, HasSubstr(feature.type_text()));
    }
  }
}

std::string complaint(const ModelDescription& model, const FeatureProvider& inputs) {
  try {
    model.check_inputs(inputs);
  } catch (const Error& error) {
    return error.what();
  }
  return "allowed";
}

TEST(CheckInputs, ProposesTheNearestName) {
  ModelDescription model;
  model.inputs = {array(DataType::fp32, {1})};
  model.inputs[0].name = "input_ids";
  EXPECT_EQ(complaint(model, {{"input_id", 1}}),
            "feature 'input_id' is not an input of the model; did you mean 'input_ids'?");
  EXPECT_EQ(complaint(model, {{"photograph", 1}}),
            "feature 'photograph' is not an input of the model; the model's inputs are "
            "'input_ids'");
}

TEST(CheckInputs, WantsAllThatAreNotOptional) {
  ModelDescription model;
  model.inputs = {array(DataType::fp32, {1}), array(DataType::fp32, {2})};
  model.inputs[1].name = "y";
  EXPECT_EQ(complaint(model, {{"x", 1}}),
            "feature 'y' is missing; the model needs it as MultiArray (fp32, 2)");
  model.inputs[1].is_optional = true;
  EXPECT_EQ(complaint(model, {{"x", 1}}), "allowed");
  EXPECT_EQ(complaint(model, {{"x", 1}, {"y", FeatureValue()}}), "allowed");
  EXPECT_THAT(complaint(model, {{"x", FeatureValue()}}), HasSubstr("no value was given"));
}

}  // namespace
}  // namespace pome

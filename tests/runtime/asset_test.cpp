// Assets and their descriptions, read from specifications that coremltools' protobuf wrote.
#include <gmock/gmock.h>

#include <filesystem>

#include "pome/error.h"
#include "pome/model.h"
#include "specs.inc"
#include "support/shared.h"

namespace pome {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

template <std::size_t N>
std::span<const std::byte> bytes(const unsigned char (&spec)[N]) {
  return std::as_bytes(std::span(spec));
}

template <std::size_t N>
Asset open(const unsigned char (&spec)[N]) {
  return Asset::from_memory(bytes(spec), {});
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

class EveryFeature : public ::testing::Test {
 protected:
  const FeatureDescription& input(std::string_view name) const {
    const FeatureDescription* found = model.input(name);
    if (found == nullptr) throw Error(ErrorCode::generic, std::string(name));
    return *found;
  }
  Asset asset = open(every_feature_spec);
  const ModelDescription& model = asset.description();
};

TEST_F(EveryFeature, HasTypeVersionAndMetadata) {
  EXPECT_EQ(model.model_type, "identity");
  EXPECT_EQ(model.specification_version, 8);
  EXPECT_TRUE(model.is_updatable);
  EXPECT_EQ(model.metadata.short_description, "all there is");
  EXPECT_EQ(model.metadata.version, "1.2");
  EXPECT_EQ(model.metadata.author, "Ada");
  EXPECT_EQ(model.metadata.license, "Apache-2.0");
  EXPECT_THAT(model.metadata.creator_defined,
              ElementsAre(Pair("empty", ""), Pair("source", "a test")));
  EXPECT_EQ(model.predicted_feature_name, "label");
  EXPECT_EQ(model.predicted_probabilities_name, "probabilities");
  EXPECT_EQ(model.inputs.size(), 11U);
  EXPECT_EQ(model.inputs[0].short_description, "about fixed");
}

TEST_F(EveryFeature, TellsTypesInOneLine) {
  EXPECT_EQ(input("fixed").type_text(), "MultiArray (fp16, 1 x 3 x 5)");
  EXPECT_EQ(input("listed").type_text(), "MultiArray (fp32, 1 x 4 or 2 x 300)");
  EXPECT_EQ(input("ranged").type_text(), "MultiArray (int32, 1..5 x 3..<unbounded>)");
  EXPECT_EQ(input("free").type_text(), "MultiArray (fp64)");
  EXPECT_EQ(input("count").type_text(), "Int64");
  EXPECT_EQ(input("amount").type_text(), "Double");
  EXPECT_EQ(input("word").type_text(), "String");
  EXPECT_EQ(input("photo").type_text(), "Image (BGR, 8 x 6)");
  EXPECT_EQ(input("sizes").type_text(), "Image (Grayscale, 10 x 20 or 30 x 40)");
  EXPECT_EQ(input("between").type_text(), "Image (GrayscaleFloat16, 4..16 x 2..<unbounded>)");
  EXPECT_EQ(model.output("probabilities")->type_text(), "Dictionary (string to double)");
  EXPECT_EQ(model.output("tokens")->type_text(), "Sequence (int64, 1..77 elements)");
  EXPECT_EQ(model.state("cache")->type_text(), "State (fp16, 4 x 2)");
}

TEST_F(EveryFeature, HasDefaultShapes) {
  EXPECT_THAT(input("listed").multi_array_constraint->shape, ElementsAre(1, 4));
  EXPECT_THAT(input("ranged").multi_array_constraint->shape, ElementsAre(2, 7));
  EXPECT_EQ(input("sizes").image_constraint->pixels_wide, 10);
  EXPECT_EQ(input("between").image_constraint->pixels_high, 9);
}

TEST_F(EveryFeature, HasOptionalInputsWithDefaults) {
  EXPECT_TRUE(input("optional").is_optional);
  EXPECT_EQ(input("optional").multi_array_constraint->default_optional_value, 0.25);
  EXPECT_FALSE(input("fixed").is_optional);
}

TEST_F(EveryFeature, NamesPixelFormatsOfOutputs) {
  EXPECT_EQ(input("photo").image_constraint->pixel_format, PixelFormat::bgra8);
  EXPECT_EQ(input("between").image_constraint->pixel_format, PixelFormat::gray16f);
}

TEST(AssetFunctions, DescribesTheDefaultOneFirst) {
  const Asset asset = open(functions_spec);
  EXPECT_THAT(asset.function_names(), ElementsAre("prompt", "extend"));
  EXPECT_EQ(asset.description().function_name, "extend");
  EXPECT_EQ(asset.description().inputs.at(0).name, "extend_in");
  EXPECT_EQ(asset.description("prompt").outputs.at(0).name, "prompt_out");
  EXPECT_EQ(asset.description("prompt").functions.size(), 2U);
  EXPECT_EQ(error_of([&] { asset.description("main"); }),
            "the model has no function 'main', expected 'prompt' or 'extend'");
}

TEST(AssetFunctions, AreNoneInAModelOfOne) {
  const Asset asset = open(every_feature_spec);
  EXPECT_TRUE(asset.function_names().empty());
  EXPECT_EQ(asset.description("main").inputs.size(), 11U);
  EXPECT_THROW((void)asset.description("other"), Error);
}

TEST(AssetLabels, ComeFromThePipelinesClassifier) {
  EXPECT_EQ(open(pipeline_spec).description().model_type, "pipelineClassifier");
  EXPECT_THAT(std::get<std::vector<std::int64_t>>(open(pipeline_spec).description().class_labels),
              ElementsAre(-1, 5, 300));
}

TEST(AssetLabels, ComeFromTheNetwork) {
  EXPECT_THAT(std::get<std::vector<std::string>>(open(network_spec).description().class_labels),
              ElementsAre("cat", "dog"));
}

TEST(AssetDamage, IsAnErrorWhereverTheSpecificationIsCut) {
  const auto whole = bytes(every_feature_spec);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    try {
      Asset::from_memory(whole.first(length), {});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::io) << error.what();
    }
  }
}

TEST(AssetDamage, IsAnErrorOrAnotherDescriptionForEveryByte) {
  std::vector<std::byte> damaged(bytes(every_feature_spec).begin(),
                                 bytes(every_feature_spec).end());
  for (std::byte& one : damaged) {
    for (const auto mask : {std::byte{0xFF}, std::byte{0x01}, std::byte{0x07}}) {
      one ^= mask;
      try {
        const Asset asset = Asset::from_memory(damaged, {});
        for (const FeatureDescription& feature : asset.description().inputs)
          (void)feature.is_allowed_value(MultiArray(DataType::fp32, {1, 4}));
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::io) << error.what();
      }
      one ^= mask;
    }
  }
}

TEST(AssetDamage, NamesASpecificationWithoutModel) {
  const unsigned char no_model[] = {0x08, 0x05, 0x12, 0x00};
  EXPECT_THAT(error_of([&] { Asset::from_memory(bytes(no_model), {}); }),
              HasSubstr("holds no model"));
}

// Every real model must open for its description, whether or not it can run.
TEST(AssetOfRealModels, IsDescribed) {
  const auto folder = test::shared("models");
  if (!folder) GTEST_SKIP() << test::shared_absent;
  int count = 0;
  for (auto at = std::filesystem::recursive_directory_iterator(*folder);
       at != std::filesystem::recursive_directory_iterator(); ++at) {
    const std::string kind = at->path().extension();
    if (kind != ".mlmodel" && kind != ".mlpackage" && kind != ".mlmodelc") continue;
    at.disable_recursion_pending();
    SCOPED_TRACE(at->path().string());
    const Asset asset = Asset::from_path(at->path());
    ++count;
    EXPECT_FALSE(asset.description().inputs.empty());
    EXPECT_FALSE(asset.description().outputs.empty());
    EXPECT_GT(asset.description().specification_version, 0);
    for (const FeatureDescription& feature : asset.description().inputs)
      EXPECT_NE(feature.type, FeatureType::invalid) << feature.name;
    const bool is_classifier =
        asset.description().model_type.find("lassifier") != std::string::npos;
    const bool is_compiled = kind == ".mlmodelc";
    if (is_classifier && !is_compiled) {
      EXPECT_FALSE(std::holds_alternative<std::monostate>(asset.description().class_labels));
    }
  }
  EXPECT_EQ(count, 22);
}

}  // namespace
}  // namespace pome

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/core_ml_data.h"
#include "format/metadata_json.h"
#include "format/model_type.h"
#include "helpers.h"

namespace pome::format {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;

std::string number(std::uint64_t value, int size) {
  std::string out;
  for (int i = 0; i < size; ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xFFU));
  return out;
}
std::string text(std::string_view value) {
  return number(value.size(), 8) + std::string(value);
}

// A head as compilers since 2018 write it.
std::string generic_head(std::uint32_t type, std::string_view description, std::string_view rest) {
  return number(type, 4) + number(1, 8) + number(3, 8) + number(0, 8) + text("generic") +
         number(2, 4) + std::string(20, '\0') + text("") + text(description) + std::string(rest);
}
// A head of version 1.0.0, where the loader stands behind the reserved bytes.
std::string old_head(std::uint32_t type, std::string_view loader) {
  return number(type, 4) + number(1, 8) + number(0, 8) + number(0, 8) + text("") + number(1, 4) +
         std::string(20, '\0') + text(loader);
}

TEST(CoreMlData, ReadsTheGenericLayout) {
  const std::string bytes = generic_head(500, "description", "rest");
  const CoreMlData head = read_core_ml_data(bytes_of(bytes), "head");
  EXPECT_EQ(head.model_type, model_type::neural_network);
  EXPECT_THAT(head.version, ElementsAre(1, 3, 0));
  EXPECT_EQ(head.specification_version, 2U);
  EXPECT_EQ(text_of(head.message), "description");
  EXPECT_EQ(text_of(head.rest), "rest");
  EXPECT_FALSE(head.is_whole_model);
}

TEST(CoreMlData, ReadsOldPipelinesAndTheirModels) {
  const std::string pipeline =
      old_head(201, "generic.model0v1.0.0spec.model1v1.0.0spec") + text("description") + "rest";
  CoreMlData head = read_core_ml_data(bytes_of(pipeline), "head");
  EXPECT_EQ(head.loader, "generic");
  EXPECT_EQ(text_of(head.message), "description");
  const std::string model = old_head(300, "spec") + "whole model";
  head = read_core_ml_data(bytes_of(model), "head");
  EXPECT_TRUE(head.is_whole_model);
  EXPECT_EQ(text_of(head.message), "whole model");
}

TEST(CoreMlData, SaysWhatIsWrong) {
  const auto refused = [](const std::string& bytes) {
    return error_of([&] { read_core_ml_data(bytes_of(bytes), "head"); });
  };
  EXPECT_THAT(refused(""), HasSubstr("ends in the model type"));
  EXPECT_THAT(refused(generic_head(7, "", "")), HasSubstr("7 is not the number of a model type"));
  EXPECT_THAT(refused(old_head(500, "other")), HasSubstr("loader 'other'"));
  EXPECT_THAT(refused(old_head(500, "generic") + number(~std::uint64_t{0}, 8)),
              HasSubstr("ends in the model description"));
}

TEST(CoreMlData, SurvivesDamage) {
  damage(generic_head(502, "description", ""),
         [](const std::string& damaged) { read_core_ml_data(bytes_of(damaged), "head"); });
}

TEST(CoreMlData, EveryShorterHeadIsRefused) {
  const std::string good = generic_head(502, "description", "");
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_THROW(read_core_ml_data(bytes_of(good).first(length), "head"), Error) << length;
  }
}

TEST(CoreMlData, WritesTheBytesOfApplesCompiler) {
  const char* const path = "models/silero-vad/silero-vad-unified-v6.0.0.mlmodelc/coremldata.bin";
  POME_NEEDS_SHARED(path);
  const std::string theirs = text_of(*base::open_file(test::shared_data() / path));
  const CoreMlData head = read_core_ml_data(bytes_of(theirs), "head");
  EXPECT_EQ(head.model_type, model_type::ml_program);
  EXPECT_THAT(head.version, ElementsAre(5, 0, 0));
  EXPECT_EQ(head.specification_version, 6U);
  EXPECT_THAT(text_of(head.message), StartsWith("\x0A\x1A\x0A\x0B"
                                                "audio_input"));
  EXPECT_EQ(text_of(write_core_ml_data(head.specification_version, head.message)), theirs);
}

TEST(CoreMlData, ReadsHeadsOfNetworks) {
  const char* const path = "models/ssd-ocr/SSDOcr.mlmodelc/coremldata.bin";
  POME_NEEDS_SHARED(path);
  const std::string bytes = text_of(*base::open_file(test::shared_data() / path));
  const CoreMlData head = read_core_ml_data(bytes_of(bytes), "head");
  EXPECT_EQ(head.model_type, model_type::neural_network);
  EXPECT_EQ(head.specification_version, 2U);
  EXPECT_EQ(head.message.size(), 0x1BEU);
}

CompiledMetadata read_metadata(const std::string& json) {
  base::Budget budget;
  return read_metadata_json(*source_of(json), budget);
}

TEST(MetadataJson, ReadsThatOfApplesCompiler) {
  const char* const path = "models/silero-vad/silero-vad-unified-v6.0.0.mlmodelc/metadata.json";
  POME_NEEDS_SHARED(path);
  base::Budget budget;
  const auto read = read_metadata_json(*base::open_file(test::shared_data() / path), budget);
  EXPECT_EQ(read.class_name, "silero_vad_unified_v6_0_0");
  EXPECT_EQ(read.model_type, "mlProgram");
  EXPECT_EQ(read.storage_precision, "Mixed (Float16, Float32)");
  EXPECT_EQ(read.specification_version, 6);
  ASSERT_EQ(read.inputs.size(), 3U);
  EXPECT_EQ(read.inputs[0].name, "audio_input");
  EXPECT_EQ(read.inputs[0].shape, "[1, 576]");
  EXPECT_EQ(read.outputs.size(), 3U);
  EXPECT_TRUE(read.states.empty());
  EXPECT_THAT(read.operations, testing::Contains(Pair("Conv", 6)));
  EXPECT_THAT(read.availability, testing::Contains(Pair("macOS", "12.0")));
  EXPECT_THAT(read.user_defined,
              testing::Contains(Pair("com.github.apple.coremltools.source", "torch==2.7.0")));
}

TEST(MetadataJson, IsReadBack) {
  CompiledMetadata metadata;
  metadata.class_name = "model";
  metadata.model_type = "mlProgram";
  metadata.author = "a \xFF";  // not UTF-8
  metadata.specification_version = 9;
  metadata.is_updatable = true;
  metadata.inputs = {
      {"x", "MultiArray", "MultiArray (Float32 1 × 2)", "Float32", "[1, 2]", "d", true, true}};
  metadata.operations = {{"Ios18.conv", 3}};
  metadata.user_defined = {{"k", "v"}};
  const CompiledMetadata read = read_metadata(write_metadata_json(metadata));
  EXPECT_EQ(read.class_name, "model");
  EXPECT_EQ(read.model_type, "mlProgram");
  EXPECT_EQ(read.author, "a \xEF\xBF\xBD");
  EXPECT_EQ(read.specification_version, 9);
  EXPECT_TRUE(read.is_updatable);
  ASSERT_EQ(read.inputs.size(), 1U);
  EXPECT_EQ(read.inputs[0].formatted_type, "MultiArray (Float32 1 × 2)");
  EXPECT_TRUE(read.inputs[0].is_optional && read.inputs[0].has_shape_flexibility);
  EXPECT_THAT(read.operations, ElementsAre(Pair("Ios18.conv", 3)));
  EXPECT_THAT(read.user_defined, ElementsAre(Pair("k", "v")));
}

TEST(MetadataJson, PassesOverValuesOfOtherTypes) {
  const auto read = read_metadata(
      R"([{"author": 3, "modelType": "x", "inputSchema": {"a": 1}, "outputSchema": [1, null],
           "specificationVersion": "7", "mlProgramOperationTypeHistogram": {"Conv": "many"},
           "availability": []}])");
  EXPECT_EQ(read.author, "");
  EXPECT_EQ(read.specification_version, 7);
  EXPECT_TRUE(read.inputs.empty() && read.outputs.empty() && read.operations.empty());
}

TEST(MetadataJson, RefusesWhatIsNoObject) {
  EXPECT_THAT(error_of([] { read_metadata("[]"); }), HasSubstr("holds no JSON object"));
  EXPECT_THAT(error_of([] { read_metadata("3"); }), HasSubstr("holds no JSON object"));
  EXPECT_THAT(error_of([] { read_metadata("{"); }), HasSubstr("is not JSON"));
}

TEST(MetadataJson, SurvivesDamage) {
  CompiledMetadata metadata;
  metadata.inputs.resize(1);
  metadata.operations = {{"Ios18.conv", 3}};
  damage(write_metadata_json(metadata), read_metadata);
}

TEST(ModelType, NamesAreThoseOfTheSpecification) {
  EXPECT_EQ(model_type_name(502), "mlProgram");
  EXPECT_EQ(model_type_name(602), "featureVectorizer");
  EXPECT_EQ(model_type_name(2000), "textClassifier");
  EXPECT_EQ(model_type_name(605), "");
}

}  // namespace
}  // namespace pome::format

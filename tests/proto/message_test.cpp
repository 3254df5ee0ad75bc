// Messages against the wire format as protobuf documents it: expected bytes are written by hand.
#include "proto/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "pome/error.h"
#include "proto/MIL.pb.h"
#include "proto/Model.pb.h"
#include "proto/NeuralNetwork.pb.h"
#include "wire.h"

namespace pome::proto {
namespace {

using test::bytes_of;
using test::error_of;
using test::fixed32;
using test::nested;
using test::varint;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// Messages are views: what they were read from has to outlive them.
template <typename T>
T parsed(const std::string& wire) {
  base::Budget budget;
  return parse<T>(bytes_of(wire), budget);
}
template <typename T>
T parsed(std::string&& wire) = delete;
template <typename T>
T parsed(const char* wire) {
  base::Budget budget;
  return parse<T>(bytes_of(wire), budget);
}

template <typename T>
std::string failure(const std::string& wire) {
  return error_of([&] { parsed<T>(wire); });
}

// --- reading ---

TEST(MessageRead, EmptyInputGivesDefaults) {
  const auto model = parsed<Model>("");
  EXPECT_EQ(model.specificationVersion, 0);
  EXPECT_FALSE(model.isUpdatable);
  EXPECT_FALSE(model.description);
  EXPECT_EQ(model.Type.which(), 0);
}

TEST(MessageRead, EmptySubmessageIsPresent) {
  const auto wire = nested(2, "");
  EXPECT_TRUE(parsed<Model>(wire).description);
}

TEST(MessageRead, TextIsAViewOfTheInput) {
  const std::string wire = nested(1, "conv");
  const auto operation = parsed<mil::Operation>(wire);
  EXPECT_EQ(operation.type, "conv");
  EXPECT_EQ(operation.type.data(), wire.data() + 2);
}

TEST(MessageRead, PackedFloatsAreAViewOfTheInput) {
  const std::string wire = nested(1, fixed32(1.5F) + fixed32(-2));
  const auto weights = parsed<WeightParams>(wire);
  ASSERT_EQ(weights.floatValue.size(), 2U);
  EXPECT_EQ(weights.floatValue[0], 1.5F);
  EXPECT_EQ(weights.floatValue[1], -2.0F);
  EXPECT_FALSE(weights.floatValue.is_copy());
  EXPECT_EQ(weights.floatValue.bytes().data(), bytes_of(wire).data() + 2);
}

TEST(MessageRead, PackedFloatsMayLieUnaligned) {
  const std::string wire = std::string("\0", 1) + nested(1, fixed32(7));
  base::Budget budget;
  const auto weights = parse<WeightParams>(bytes_of(wire).subspan(1), budget);
  EXPECT_EQ(weights.floatValue[0], 7.0F);
}

TEST(MessageRead, FloatsInPiecesAreJoined) {
  const std::string single = varint(1 << 3 | 5);
  const std::string wire =
      single + fixed32(1) + nested(1, fixed32(2) + fixed32(3)) + single + fixed32(4);
  const auto weights = parsed<WeightParams>(wire);
  ASSERT_EQ(weights.floatValue.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(weights.floatValue[i], static_cast<float>(i + 1));
  EXPECT_TRUE(weights.floatValue.is_copy());
}

TEST(MessageRead, VarintsComePackedAndSingle) {
  const std::string wire =
      nested(1, varint(3) + varint(300)) + varint(1 << 3) + varint(5) + nested(1, varint(7));
  EXPECT_THAT(parsed<ArrayFeatureType>(wire).shape, ElementsAre(3, 300, 5, 7));
}

TEST(MessageRead, NegativeNumbersHaveTenBytes) {
  const std::string wire = nested(1, std::string(9, '\xff') + '\x01');
  const auto array = parsed<ArrayFeatureType>(wire);
  EXPECT_THAT(array.shape, ElementsAre(-1));
}

TEST(MessageRead, AnyNumberButZeroIsTrue) {
  const std::string wire = nested(1, varint(256) + varint(0));
  const auto values = parsed<mil::TensorValue_RepeatedBools>(wire);
  EXPECT_THAT(values.values, ElementsAre(1, 0));
}

TEST(MessageRead, LastScalarCounts) {
  EXPECT_EQ(parsed<Model>("\x08\x05\x08\x09").specificationVersion, 9);
}

TEST(MessageRead, SubmessageThatComesTwiceIsMerged) {
  const std::string wire = nested(100, nested(1, "short")) + nested(100, nested(3, "author"));
  const auto description = parsed<ModelDescription>(wire);
  EXPECT_EQ(description.metadata->shortDescription, "short");
  EXPECT_EQ(description.metadata->author, "author");
}

TEST(MessageRead, LastMemberOfAOneofCounts) {
  using Binding = mil::Argument_Binding;
  const auto name = nested(1, "x");
  const auto value = nested(2, "");
  const std::string name_last = value + name;
  const auto last_name = parsed<Binding>(name_last);
  EXPECT_EQ(last_name.name(), "x");
  EXPECT_EQ(last_name.value(), nullptr);
  const std::string value_last = name + value;
  const auto last_value = parsed<Binding>(value_last);
  EXPECT_EQ(last_value.name(), std::nullopt);
  EXPECT_NE(last_value.value(), nullptr);
}

TEST(MessageRead, OneofKeepsAScalarThatIsZero) {
  const std::string wire = varint(41 << 3) + varint(0);
  const auto array = parsed<ArrayFeatureType>(wire);
  EXPECT_EQ(array.intDefaultValue(), 0);
  EXPECT_EQ(parsed<ArrayFeatureType>("").intDefaultValue(), std::nullopt);
}

TEST(MessageRead, MapKeepsFileOrderAndFindsTheLast) {
  const std::string wire = nested(100, nested(1, "b") + nested(2, "1")) +
                           nested(100, nested(1, "a") + nested(2, "2")) +
                           nested(100, nested(2, "3") + nested(1, "b"));
  const auto metadata = parsed<Metadata>(wire);
  ASSERT_EQ(metadata.userDefined.size(), 3U);
  EXPECT_EQ(metadata.userDefined[0].first, "b");
  EXPECT_EQ(metadata.userDefined[1].first, "a");
  EXPECT_EQ(*metadata.userDefined.find("b"), "3");
  EXPECT_EQ(metadata.userDefined.find("c"), nullptr);
}

TEST(MessageRead, MapEntryMayLackKeyAndValue) {
  const std::string wire = nested(2, "");
  const auto program = parsed<mil::Program>(wire);
  ASSERT_NE(program.functions.find(""), nullptr);
  EXPECT_EQ(program.functions.find("")->opset, "");
}

TEST(MessageRead, UnknownEnumValueIsKept) {
  const auto type = parsed<mil::TensorType>("\x08\x63");
  EXPECT_EQ(static_cast<int>(type.dataType), 99);
}

TEST(MessageRead, UnknownFieldsAreWrittenBack) {
  const std::string known = "\x08\x09";
  const std::string unknown = varint(9000 << 3 | 5) + fixed32(1) + nested(9001, "later");
  const std::string wire = unknown + known + unknown;
  const auto model = parsed<Model>(wire);
  EXPECT_EQ(model.specificationVersion, 9);
  EXPECT_EQ(model.unknown_fields.chunks().size(), 2U);
  EXPECT_EQ(serialize(model), known + unknown + unknown);
  EXPECT_EQ(serialize(model, Unknown::drop), known);
}

// --- hostile input ---

TEST(MessageErrors, WrongWireTypeNamesTheField) {
  EXPECT_EQ(failure<Model>("\x10\x05"),
            "Model.description: found a varint, expected bytes with a length");
}

TEST(MessageErrors, PlaceLeadsToTheField) {
  const std::string function = nested(1, "main") + nested(2, nested(2, "\xff"));
  EXPECT_EQ(failure<Model>(nested(502, nested(2, function))),
            "Model.mlProgram: Program.functions: Function.opset: a text is not valid UTF-8");
}

TEST(MessageErrors, LengthBeyondTheInput) {
  EXPECT_EQ(failure<Model>(std::string("\x12\x05\x01", 3)),
            "Model.description: the bytes end early: 1 is left, expected 5");
}

TEST(MessageErrors, LengthOf64Bits) {
  EXPECT_THAT(failure<Model>("\x12" + std::string(9, '\xff') + "\x01"),
              HasSubstr("expected 18446744073709551615"));
}

TEST(MessageErrors, LengthIsNotCutTo32Bits) {
  // 2^32 + 1, and the one byte that a reader with 32-bit lengths would be content with.
  EXPECT_THAT(failure<mil::Operation>("\x0a" + varint((std::uint64_t{1} << 32) + 1) + "a"),
              HasSubstr("expected 4294967297"));
}

TEST(MessageErrors, NumberThatEnds) {
  EXPECT_EQ(failure<Model>("\x08\x80"),
            "Model.specificationVersion: the bytes end in the middle of a number");
}

TEST(MessageErrors, NumberThatIsTooLong) {
  EXPECT_EQ(failure<Model>("\x08" + std::string(11, '\xff')),
            "Model.specificationVersion: a number has more than 64 bits");
}

TEST(MessageErrors, NumberInAnArrayThatEnds) {
  EXPECT_EQ(failure<ArrayFeatureType>(nested(1, "\x01\x80")),
            "ArrayFeatureType.shape: the bytes end in the middle of a number");
}

TEST(MessageErrors, FieldNumberZero) {
  EXPECT_THAT(failure<Model>("\x08\x09\x02\x01"), StartsWith("Model: found a field number"));
}

TEST(MessageErrors, FieldNumberOfMoreThan29Bits) {
  EXPECT_THAT(failure<Model>(varint(std::uint64_t{1} << 35 | 8) + "\x01"),
              StartsWith("Model: found a field number"));
}

TEST(MessageErrors, Group) {
  EXPECT_EQ(failure<Model>("\x0b"), "Model: found wire type 3, expected 0, 1, 2 or 5");
}

TEST(MessageErrors, HalfAFloat) {
  EXPECT_EQ(failure<WeightParams>(nested(1, "123456")),
            "WeightParams.floatValue: found 6 bytes, expected a multiple of 4");
}

TEST(MessageErrors, UnknownFieldThatEnds) {
  EXPECT_EQ(failure<Model>(varint(9001 << 3 | 2) + "\x05"),
            "Model, field 9001: the bytes end early: 0 are left, expected 5");
}

/// A mil::ListType that holds `depth` messages in each other (even: ListType.type is field 1,
/// ValueType.listType is field 2).
std::string lists_of_lists(int depth) {
  std::string type;
  for (int i = 0; i < depth; ++i) type = nested(i % 2 == 0 ? 2 : 1, type);
  return type;
}

TEST(MessageErrors, NestingHasALimit) {
  EXPECT_THAT(failure<mil::ListType>(lists_of_lists(1000)),
              HasSubstr("messages are nested deeper than 100"));
}

TEST(MessageErrors, DepthOfTheLimitIsRead) {
  const auto type = lists_of_lists(max_message_depth);
  EXPECT_EQ(failure<mil::ListType>(type), "no error");
  EXPECT_THAT(failure<mil::ValueType>(nested(2, type)), HasSubstr("deeper"));
}

TEST(MessageErrors, ManyEmptyMessagesMeetTheBudget) {
  std::string wire;
  for (int i = 0; i < 100000; ++i) wire += nested(3, "");
  base::Budget budget(1 << 20);
  try {
    parse<mil::Block>(bytes_of(wire), budget);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::out_of_memory);
    EXPECT_THAT(error.what(), StartsWith("Block.operations: "));
  }
}

TEST(MessageErrors, BudgetCoversWhatVectorsHold) {
  std::string wire;
  for (int i = 0; i < 1000; ++i) wire += nested(3, "");
  base::Budget budget;
  const auto block = parse<mil::Block>(bytes_of(wire), budget);
  EXPECT_EQ(budget.used(),
            static_cast<std::int64_t>(block.operations.capacity() * sizeof(mil::Operation)));
}

TEST(MessageErrors, UnknownFieldsMeetTheBudget) {
  std::string wire;
  for (int i = 0; i < 100000; ++i) wire += "\x08\x01" + varint(900 << 3) + varint(1);
  base::Budget budget(1 << 20);
  EXPECT_THROW(parse<Model>(bytes_of(wire), budget), Error);
}

// --- writing ---

TEST(MessageWrite, DefaultsAreLeftOut) {
  EXPECT_EQ(serialize(Model{}), "");
}

TEST(MessageWrite, NegativeZeroIsNoDefault) {
  RBFKernel kernel;
  kernel.gamma = -0.0;
  EXPECT_EQ(serialize(kernel), std::string("\x09\0\0\0\0\0\0\0\x80", 9));
}

TEST(MessageWrite, FieldsComeInTheOrderOfTheirNumbers) {
  Model model;
  model.make_identity();
  model.isUpdatable = true;
  model.description.make().predictedFeatureName = "y";
  model.specificationVersion = 4;
  EXPECT_EQ(serialize(model),
            "\x08\x04" + nested(2, nested(11, "y")) + varint(10 << 3) + "\x01" + nested(900, ""));
}

TEST(MessageWrite, ArraysArePacked) {
  ArrayFeatureType array;
  array.shape = {1, 300, -1};
  array.dataType = ArrayFeatureType_ArrayDataType::FLOAT32;
  EXPECT_EQ(serialize(array), nested(1, varint(1) + varint(300) + std::string(9, '\xff') + '\x01') +
                                  varint(2 << 3) + varint(65568));
}

TEST(MessageWrite, OneofWritesItsMember) {
  mil::Argument_Binding binding;
  binding.set_name("x");
  EXPECT_EQ(serialize(binding), nested(1, "x"));
  binding.make_value().docString = "d";
  EXPECT_EQ(serialize(binding), nested(2, nested(1, "d")));
}

TEST(MessageWrite, PackedFloatsOfTheCaller) {
  const std::vector<float> values{1, 2};
  WeightParams weights;
  weights.floatValue.assign(values);
  EXPECT_EQ(serialize(weights), nested(1, fixed32(1) + fixed32(2)));
}

TEST(PackedViewTest, CopyIsNotTouchedByLaterPieces) {
  const std::string more = fixed32(3);
  PackedView<float> one;
  one.assign(std::vector<float>{1, 2});
  const auto other = one;
  one.append(bytes_of(more));
  EXPECT_EQ(one.size(), 3U);
  EXPECT_EQ(other.size(), 2U);
}

}  // namespace
}  // namespace pome::proto

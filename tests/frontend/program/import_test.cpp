#include "frontend/program/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>
#include <utility>

#include "pome/error.h"
#include "programs.h"
#include "support/shared.h"

namespace pome::frontend {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace mil = proto::mil;

void tensor_type(mil::ValueType& out, mil::DataType dtype, const std::vector<std::uint64_t>& dims) {
  auto& tensor = out.make_tensorType();
  tensor.dataType = dtype;
  tensor.rank = static_cast<std::int64_t>(dims.size());
  tensor.dimensions.clear();
  for (const auto d : dims) tensor.dimensions.emplace_back().make_constant().size = d;
}

mil::NamedValueType named(std::string_view name, mil::DataType dtype,
                          const std::vector<std::uint64_t>& dims) {
  mil::NamedValueType out;
  out.name = name;
  tensor_type(out.type.make(), dtype, dims);
  return out;
}

mil::Value ints(const std::vector<std::int32_t>& values,
                mil::DataType dtype = mil::DataType::INT32) {
  mil::Value out;
  tensor_type(out.type.make(), dtype, {values.size()});
  out.make_immediateValue().make_tensor().make_ints().values = values;
  return out;
}

mil::Argument bound_to(std::string_view name) {
  mil::Argument out;
  out.arguments.emplace_back().set_name(name);
  return out;
}

/// main(x: fp32 [2]) { k = const(val = [1, 2]); y = add(x = x, y = k) } -> (y)
mil::Program small() {
  mil::Program program;
  program.version = 1;
  mil::Function main;
  main.opset = "CoreML5";
  main.inputs.push_back(named("x", mil::DataType::FLOAT32, {2}));
  mil::Block block;
  auto& k = block.operations.emplace_back();
  k.type = "const";
  k.outputs.push_back(named("k", mil::DataType::INT32, {2}));
  k.attributes.emplace_back("val", ints({1, 2}));
  auto& y = block.operations.emplace_back();
  y.type = "add";
  y.inputs.emplace_back("y", bound_to("k"));
  y.inputs.emplace_back("x", bound_to("x"));
  y.outputs.push_back(named("y", mil::DataType::FLOAT32, {2}));
  block.outputs.emplace_back("y");
  main.block_specializations.emplace_back("CoreML5", std::move(block));
  program.functions.emplace_back("main", std::move(main));
  return program;
}

mil::Function& main_of(mil::Program& p) {
  return p.functions[0].second;
}
mil::Block& block_of(mil::Program& p) {
  return main_of(p).block_specializations[0].second;
}
mil::Operation& const_of(mil::Program& p) {
  return block_of(p).operations[0];
}
mil::Operation& add_of(mil::Program& p) {
  return block_of(p).operations[1];
}
mil::Value& value_of(mil::Program& p) {
  return const_of(p).attributes[0].second;
}

std::unique_ptr<ir::Program> import(const mil::Program& program) {
  base::Budget budget;
  return import_program(program, nullptr, budget);
}

/// The constant that the program's const operation has after import.
ir::ConstantPtr imported(mil::Value value, mil::DataType dtype,
                         const std::vector<std::uint64_t>& dims) {
  auto program = small();
  const_of(program).outputs[0] = named("k", dtype, dims);
  value_of(program) = std::move(value);
  const auto out = import(program);
  for (const auto& [name, constant] : out->functions[0]->body->operations()[0]->attributes()) {
    if (name == "val") return constant;
  }
  return nullptr;
}

template <typename T>
std::vector<T> elements(const ir::ConstantPtr& constant) {
  std::vector<T> out(constant->bytes().size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), constant->bytes().data(), constant->bytes().size());
  return out;
}

TEST(ImportProgram, TakesOverWhatTheMessageSays) {
  const auto program = import(small());
  ASSERT_EQ(program->functions.size(), 1U);
  const auto& function = *program->functions[0];
  EXPECT_EQ(function.name, "main");
  EXPECT_EQ(function.opset, "CoreML5");
  const auto& operations = function.body->operations();
  ASSERT_EQ(operations.size(), 2U);
  EXPECT_EQ(operations[1]->type(), "add");
  EXPECT_EQ(operations[1]->input_value("x"), function.body->inputs()[0].get());
  EXPECT_EQ(operations[1]->input_value("y"), &operations[0]->result());
  EXPECT_EQ(function.body->outputs()[0], &operations[1]->result());
}

TEST(ImportProgram, OrdersParametersByName) {
  const auto program = import(small());
  std::vector<std::string> names;
  for (const auto& a : program->functions[0]->body->operations()[1]->arguments()) {
    names.push_back(a.name);
  }
  EXPECT_THAT(names, ElementsAre("x", "y"));
}

TEST(ImportProgram, OfAKeyThatComesTwiceTheLastCounts) {
  auto program = small();
  add_of(program).inputs.emplace_back("y", bound_to("x"));
  const auto out = import(program);
  EXPECT_EQ(out->functions[0]->body->operations()[1]->input_value("y")->name, "x");
}

TEST(ImportProgram, KeepsConstantsThatStandInPlaceOfArguments) {
  auto program = small();
  mil::Argument literal;
  literal.arguments.emplace_back().make_value() = ints({3, 4});
  add_of(program).inputs[0].second = std::move(literal);
  const auto out = import(program);
  const auto* binding = out->functions[0]->body->operations()[1]->input("y");
  ASSERT_NE(binding, nullptr);
  EXPECT_EQ(binding->value, nullptr);
  EXPECT_THAT(elements<std::int32_t>(binding->literal), ElementsAre(3, 4));
}

TEST(ImportProgram, ReadsBytesAsViewsThatTheOwnerKeeps) {
  const auto bytes = std::make_shared<std::vector<std::byte>>(4);
  auto program = small();
  const_of(program).outputs[0] = named("k", mil::DataType::FLOAT16, {2});
  mil::Value value;
  tensor_type(value.type.make(), mil::DataType::FLOAT16, {2});
  value.make_immediateValue().make_tensor().make_bytes().values = *bytes;
  value_of(program) = std::move(value);
  base::Budget budget;
  const auto out = import_program(program, bytes, budget);
  const auto* constant = out->functions[0]->body->operations()[0]->attribute("val");
  EXPECT_EQ(constant->bytes().data(), bytes->data());
  EXPECT_GT(bytes.use_count(), 1);
}

TEST(ImportProgram, NarrowsIntegersToTheirType) {
  EXPECT_THAT(elements<std::int16_t>(
                  imported(ints({-5, 7}, mil::DataType::INT16), mil::DataType::INT16, {2})),
              ElementsAre(-5, 7));
  EXPECT_THAT(elements<std::uint16_t>(
                  imported(ints({65535}, mil::DataType::UINT16), mil::DataType::UINT16, {1})),
              ElementsAre(65535));
}

TEST(ImportProgram, ReadsUint64FromTheBitsOfInt64) {
  mil::Value value;
  tensor_type(value.type.make(), mil::DataType::UINT64, {1});
  value.make_immediateValue().make_tensor().make_longInts().values = {-1};
  EXPECT_THAT(elements<std::uint64_t>(imported(std::move(value), mil::DataType::UINT64, {1})),
              ElementsAre(UINT64_MAX));
}

TEST(ImportProgram, ReadsBoolsStringsAndFloats) {
  mil::Value bools;
  tensor_type(bools.type.make(), mil::DataType::BOOL, {2});
  bools.make_immediateValue().make_tensor().make_bools().values = {1, 0};
  EXPECT_THAT(elements<std::uint8_t>(imported(std::move(bools), mil::DataType::BOOL, {2})),
              ElementsAre(1, 0));

  mil::Value strings;
  tensor_type(strings.type.make(), mil::DataType::STRING, {1});
  strings.make_immediateValue().make_tensor().make_strings().values = {"text"};
  EXPECT_THAT(imported(std::move(strings), mil::DataType::STRING, {1})->strings(),
              ElementsAre("text"));

  const std::array<double, 2> doubles{0.5, -2};
  mil::Value wide;
  tensor_type(wide.type.make(), mil::DataType::FLOAT64, {2});
  wide.make_immediateValue().make_tensor().make_doubles().values.append(
      std::as_bytes(std::span(doubles)));
  EXPECT_THAT(elements<double>(imported(std::move(wide), mil::DataType::FLOAT64, {2})),
              ElementsAre(0.5, -2));
}

TEST(ImportProgram, ReadsRangesOfWeightFiles) {
  mil::Value value;
  tensor_type(value.type.make(), mil::DataType::FLOAT16, {4, 5});
  auto& blob = value.make_blobFileValue();
  blob.fileName = "@model_path/weights/weight.bin";
  blob.offset = 576;
  const auto constant = imported(std::move(value), mil::DataType::FLOAT16, {4, 5});
  EXPECT_EQ(std::get<ir::BlobReference>(constant->data),
            (ir::BlobReference{"@model_path/weights/weight.bin", 576}));
}

TEST(ImportProgram, UnknownDimensionsAndRanks) {
  auto program = small();
  auto& x = main_of(program).inputs[0].type.make().make_tensorType();
  x.dimensions[0].make_unknown().variadic = false;
  EXPECT_EQ(import(program)->functions[0]->body->inputs()[0]->type,
            ir::Type::tensor(DataType::fp32, {ir::unknown_dim}));
  x.dimensions[0].make_unknown().variadic = true;
  EXPECT_FALSE(import(program)->functions[0]->body->inputs()[0]->type.ranked);
  x.dimensions.clear();
  x.rank = -1;
  EXPECT_FALSE(import(program)->functions[0]->body->inputs()[0]->type.ranked);
}

// --- what is refused ---

struct Bad {
  const char* name;
  std::function<void(mil::Program&)> damage;
  const char* message;
};
std::ostream& operator<<(std::ostream& out, const Bad& bad) {
  return out << bad.name;
}

class BadProgram : public testing::TestWithParam<Bad> {};

TEST_P(BadProgram, IsRefusedWithOneSentence) {
  auto program = small();
  GetParam().damage(program);
  try {
    import(program);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::io);
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
  }
}

void nest(mil::Block& block, int depth) {
  if (depth == 0) return;
  auto& op = block.operations.emplace_back();
  op.type = "cond";
  nest(op.blocks.emplace_back(), depth - 1);
}

INSTANTIATE_TEST_SUITE_P(
    , BadProgram,
    testing::Values(
        Bad{"Version", [](auto& p) { p.version = 2; }, "program version 2 is not known"},
        Bad{"NoFunctions", [](auto& p) { p.functions.clear(); }, "has no functions"},
        Bad{"Opset", [](auto& p) { main_of(p).opset = "CoreML6"; },
            "function 'main': its opset is 'CoreML6', its blocks are for 'CoreML5'"},
        Bad{"NoBlocks", [](auto& p) { main_of(p).block_specializations.clear(); },
            "its blocks are for none"},
        Bad{"InputWithoutType", [](auto& p) { main_of(p).inputs.emplace_back().name = "z"; },
            "function 'main': value 'z': has no type"},
        Bad{"InputWithoutName", [](auto& p) { main_of(p).inputs[0].name = ""; },
            "a value has no name"},
        Bad{"InputTwice",
            [](auto& p) { main_of(p).inputs.push_back(named("x", mil::DataType::FLOAT32, {2})); },
            "the name 'x' is given twice"},
        Bad{"ResultOfAnInputsName", [](auto& p) { add_of(p).outputs[0].name = "x"; },
            "the name 'x' is given twice"},
        Bad{"ElementType",
            [](auto& p) {
              main_of(p).inputs[0].type.make().make_tensorType().dataType =
                  static_cast<mil::DataType>(99);
            },
            "value 'x': element type 99 is not known"},
        Bad{"Rank", [](auto& p) { main_of(p).inputs[0].type.make().make_tensorType().rank = 3; },
            "a tensor type of rank 3 lists 1 dimensions"},
        Bad{"HugeDimension",
            [](auto& p) {
              main_of(p)
                  .inputs[0]
                  .type.make()
                  .make_tensorType()
                  .dimensions[0]
                  .make_constant()
                  .size = UINT64_MAX;
            },
            "a dimension of 18446744073709551615 is too large"},
        Bad{"OperationWithoutType", [](auto& p) { add_of(p).type = ""; }, "has no type"},
        Bad{"DanglingArgument", [](auto& p) { add_of(p).inputs[0].second = bound_to("nowhere"); },
            "operation 'y' (add): parameter 'y': 'nowhere' is not defined before its use"},
        Bad{"UseBeforeDefinition",
            [](auto& p) { std::swap(block_of(p).operations[0], block_of(p).operations[1]); },
            "'k' is not defined before its use"},
        Bad{"DanglingOutput", [](auto& p) { block_of(p).outputs[0] = "nowhere"; },
            "block output: 'nowhere' is not defined"},
        Bad{"UnsetBinding",
            [](auto& p) { add_of(p).inputs[0].second.arguments[0] = mil::Argument_Binding{}; },
            "operation 'y' (add): parameter 'y' is bound to nothing"},
        Bad{"TooManyElements",
            [](auto& p) {
              value_of(p).make_immediateValue().make_tensor().make_ints().values = {1, 2, 3};
            },
            "a value of type tensor<int32, [2]> has 3 elements, expected 2"},
        Bad{"TooFewBytes",
            [](auto& p) {
              static constexpr std::array<std::byte, 3> bytes{};
              value_of(p).make_immediateValue().make_tensor().make_bytes().values = bytes;
            },
            "has 3 bytes, expected 8"},
        Bad{"BytesForStrings",
            [](auto& p) {
              tensor_type(value_of(p).type.make(), mil::DataType::STRING, {2});
              value_of(p).make_immediateValue().make_tensor().make_bytes();
            },
            "a value of type tensor<string, [2]> is given as bytes"},
        Bad{"StringsForIntegers",
            [](auto& p) {
              value_of(p).make_immediateValue().make_tensor().make_strings().values = {"a", "b"};
            },
            "a value of type tensor<int32, [2]> is given as strings"},
        Bad{"BoolThatIsNeither",
            [](auto& p) {
              static constexpr std::array bytes{std::byte{0}, std::byte{2}};
              tensor_type(value_of(p).type.make(), mil::DataType::BOOL, {2});
              value_of(p).make_immediateValue().make_tensor().make_bytes().values = bytes;
            },
            "has a byte that is not 0 or 1"},
        Bad{"IntegerThatDoesNotFit",
            [](auto& p) {
              value_of(p) = ints({1, 40000}, mil::DataType::INT16);
            },
            "the element 40000 does not fit int16"},
        Bad{"ValueWithoutType", [](auto& p) { value_of(p).type = {}; },
            "operation 'k' (const): attribute 'val': a value has no type"},
        Bad{"ValueWithoutContents",
            [](auto& p) {
              mil::Value empty;
              tensor_type(empty.type.make(), mil::DataType::INT32, {2});
              value_of(p) = std::move(empty);
            },
            "a value holds nothing"},
        Bad{"ImmediateWithoutContents",
            [](auto& p) {
              mil::Value empty;
              tensor_type(empty.type.make(), mil::DataType::INT32, {2});
              empty.make_immediateValue();
              value_of(p) = std::move(empty);
            },
            "an immediate value holds nothing"},
        Bad{"ImmediateOfUnknownSize",
            [](auto& p) { value_of(p).type.make().make_tensorType().dimensions[0].make_unknown(); },
            "expected a tensor of known size"},
        Bad{"ShapeThatOverflows",
            [](auto& p) {
              tensor_type(value_of(p).type.make(), mil::DataType::INT32,
                          {std::uint64_t{1} << 40, std::uint64_t{1} << 40});
            },
            "expected a tensor of known size"},
        Bad{"TupleWithAnotherPart",
            [](auto& p) {
              mil::Value tuple;
              tensor_type(tuple.type.make().make_tupleType().types.emplace_back(),
                          mil::DataType::INT32, {3});
              tuple.make_immediateValue().make_tuple().values.push_back(ints({1, 2}));
              value_of(p) = std::move(tuple);
            },
            "a part of a value has type tensor<int32, [2]>, expected tensor<int32, [3]>"},
        Bad{"TupleForATensor", [](auto& p) { value_of(p).make_immediateValue().make_tuple(); },
            "a value of type tensor<int32, [2]> is given as a tuple"},
        Bad{"DeepTuple",
            [](auto& p) {
              auto* type = &value_of(p).type.make();
              for (int i = 0; i < 40; ++i) type = &type->make_tupleType().types.emplace_back();
            },
            "types are nested deeper than 16"},
        Bad{"ConstWithoutValue", [](auto& p) { const_of(p).attributes.clear(); },
            "operation 'k' (const): has no attribute 'val'"},
        Bad{"ConstOfAnotherType",
            [](auto& p) { const_of(p).outputs[0] = named("k", mil::DataType::INT32, {3}); },
            "declares tensor<int32, [3]>, its value is tensor<int32, [2]>"},
        Bad{"DeepBlocks", [](auto& p) { nest(block_of(p), 70); }, "nested deeper than 64"}),
    [](const auto& test) { return test.param.name; });

TEST(ImportProgram, DecodedElementsAreBooked) {
  const std::vector<std::int32_t> many(10000);
  auto program = small();
  const_of(program).outputs[0] = named("k", mil::DataType::INT32, {many.size()});
  value_of(program) = ints(many);
  base::Budget budget(20000);
  EXPECT_THROW(import_program(program, nullptr, budget), Error);
}

// --- real models ---

std::vector<std::string> kinds_of_operations(const ir::Program& program) {
  std::vector<std::string> out;
  ir::for_each_op(*program.functions[0]->body, [&](const ir::Op& op) {
    // Where a constant stands, and that it is there, is the compiler's choice.
    if (op.type() != "const") out.push_back(op.type());
  });
  return out;
}

TEST(ImportProgram, PackageAndCompiledFormOfSileroAreOneProgram) {
  const auto folder = test::shared("models/silero-vad");
  if (!folder) GTEST_SKIP() << test::shared_absent;
  const auto package = test::import_file(*folder / "silero-vad-unified-v6.0.0.mlpackage");
  const auto compiled =
      test::parse_text(test::text_of(*folder / "silero-vad-unified-v6.0.0.mlmodelc"));
  EXPECT_EQ(kinds_of_operations(*package), kinds_of_operations(*compiled));
  EXPECT_EQ(package->functions[0]->opset, compiled->functions[0]->opset);
}

}  // namespace
}  // namespace pome::frontend
